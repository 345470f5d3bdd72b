import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  MetadataInfoV2Schema,
  MetadataRequestSchema,
} from "../../../protos/gen/dubbo/metadata/metadata_service_v2_pb.ts";
import {
  TripleRequestWrapperSchema,
  TripleResponseWrapperSchema,
} from "../../../protos/gen/dubbo/triple/triple_wrapper_pb.ts";
import { MeshError } from "../../runtime/errors.ts";
import type { DubboInstance } from "./application-node.ts";
import { HessianReader, hessianText } from "./metadata-hessian.ts";
import type { MetadataInfo } from "./metadata-info.ts";
import { toMetadataInfo } from "./metadata-info.ts";

const channelOptions = {
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
  // One call each: what the library knows of an address that was reused must not matter.
  "grpc.use_local_subchannel_pool": 1,
};

interface TripleMethod {
  readonly path: string;
  readonly version: string;
  readonly request: (revision: string) => Uint8Array;
  readonly decode: (answer: Uint8Array) => MetadataInfo;
}

/** `meta-v` 2.0.0: plain gRPC. */
const second: TripleMethod = {
  path: "/org.apache.dubbo.metadata.MetadataServiceV2/GetMetadataInfo",
  version: "2.0.0",
  request: (revision) => toBinary(MetadataRequestSchema, create(MetadataRequestSchema, { revision })),
  decode(answer) {
    const { app, version, services } = fromBinary(MetadataInfoV2Schema, answer);
    return toMetadataInfo({ app, revision: version, services });
  },
};

/** Before: a Java interface over gRPC, its arguments in Hessian. */
const first: TripleMethod = {
  path: "/org.apache.dubbo.metadata.MetadataService/getMetadataInfo",
  version: "1.0.0",
  request: (revision) =>
    toBinary(
      TripleRequestWrapperSchema,
      create(TripleRequestWrapperSchema, {
        serializeType: "hessian2",
        args: [hessianText(revision)],
        argTypes: ["java.lang.String"],
      }),
    ),
  decode(answer) {
    const { serializeType, data } = fromBinary(TripleResponseWrapperSchema, answer);
    if (!serializeType.startsWith("hessian")) {
      throw new MeshError("protocol-violation", `it answered in ${serializeType}, which isn't read here`);
    }
    return toMetadataInfo(new HessianReader(data).read());
  },
};

/**
 * Asks an instance for what it offers over Triple, which is gRPC without TLS: one call on a connection of its own.
 * @throws MeshError registry-unavailable, protocol-violation or invalid-record.
 */
export async function askOverTriple(
  instance: DubboInstance,
  port: number,
  signal: AbortSignal,
): Promise<MetadataInfo> {
  // Few registries need it, and it is a tenth of what a start loads.
  const { Client, credentials, Metadata } = await import("@grpc/grpc-js");
  const method = instance.metadataVersion.startsWith("2.") ? second : first;
  const host = instance.host.includes(":") ? `[${instance.host}]` : instance.host;
  const headers = new Metadata();
  headers.set("tri-service-version", method.version);
  headers.set("tri-service-group", instance.application);
  const client = new Client(`${host}:${port}`, credentials.createInsecure(), channelOptions);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const call = client.makeUnaryRequest(
    method.path,
    (bytes: Uint8Array) => Buffer.from(bytes),
    (bytes) => bytes,
    method.request(instance.revision),
    headers,
    (error, answer) => {
      if (error !== null) reject(new MeshError("registry-unavailable", "the call failed", { cause: error }));
      else if (answer === undefined) reject(new MeshError("protocol-violation", "it answered nothing"));
      else resolve(answer);
    },
  );
  const abort = () => {
    reject(new MeshError("registry-unavailable", "no answer in time", { cause: signal.reason }));
    call.cancel();
  };
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    const answer = await promise;
    try {
      return method.decode(answer);
    } catch (cause) {
      if (cause instanceof MeshError) throw cause;
      throw new MeshError("protocol-violation", "its answer can't be decoded", { cause });
    }
  } finally {
    signal.removeEventListener("abort", abort);
    client.close();
  }
}
