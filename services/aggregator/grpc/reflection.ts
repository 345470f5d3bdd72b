import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescFile, MessageInitShape } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  file_grpc_reflection_v1_reflection,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "../../../protos/gen/grpc/reflection/v1/reflection_pb.ts";
import type { ServerReflectionRequest } from "../../../protos/gen/grpc/reflection/v1/reflection_pb.ts";
import type { CallHandler, GrpcCall } from "./grpc-call.ts";
import type { GrpcMethod } from "./grpc-server.ts";
import { GrpcStatus } from "./grpc-status.ts";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/**
 * gRPC's server reflection: tells tools such as grpcurl which services there are, and what their messages look like, so
 * that they need no .proto files. `v1alpha` is what older tools ask for; it is the same on the wire.
 */
export class Reflection {
  readonly #files = new Map<string, DescFile>();
  readonly #fileOfSymbol = new Map<string, DescFile>();
  readonly #services: readonly string[];

  /** `files` are described, with what they import; the services in them are the ones that the server has. */
  constructor(files: readonly DescFile[]) {
    const own = [...files, file_grpc_reflection_v1_reflection];
    for (const file of own) this.#add(file);
    this.#services = own.flatMap(({ services }) => services.map(({ typeName }) => typeName)).sort();
  }

  /** The method `ServerReflectionInfo` in both versions, by path. */
  get methods(): ReadonlyMap<string, GrpcMethod> {
    const method = (call: GrpcCall) => this.#accept(call);
    return new Map(["v1", "v1alpha"].map((version) => [
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      method,
    ]));
  }

  #add(file: DescFile): void {
    if (this.#files.has(file.proto.name)) return;
    this.#files.set(file.proto.name, file);
    for (const type of nestedTypes(file)) {
      this.#fileOfSymbol.set(type.typeName, file);
      if (type.kind === "service") {
        for (const { name } of type.methods) this.#fileOfSymbol.set(`${type.typeName}.${name}`, file);
      }
    }
    for (const dependency of file.dependencies) this.#add(dependency);
  }

  #accept(call: GrpcCall): CallHandler {
    return {
      onMessage: (bytes) => {
        const request = fromBinary(ServerReflectionRequestSchema, bytes);
        const response = create(ServerReflectionResponseSchema, {
          validHost: request.host,
          originalRequest: request,
          messageResponse: this.#answer(request),
        });
        call.send([toBinary(ServerReflectionResponseSchema, response)]);
      },
      onClose: () => {},
    };
  }

  #answer({ messageRequest }: ServerReflectionRequest): Answer {
    switch (messageRequest.case) {
      case "listServices": {
        const service = this.#services.map((name) => ({ name }));
        return { case: "listServicesResponse", value: { service } };
      }
      case "fileByFilename":
        return described(this.#files.get(messageRequest.value), messageRequest.value);
      case "fileContainingSymbol":
        return described(this.#fileOfSymbol.get(messageRequest.value), messageRequest.value);
      case "allExtensionNumbersOfType": {
        const baseTypeName = messageRequest.value;
        if (!this.#fileOfSymbol.has(baseTypeName)) return described(undefined, baseTypeName);
        return { case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber: [] } };
      }
      case "fileContainingExtension":
        return described(undefined, messageRequest.value.containingType);
      case undefined:
        return failed(GrpcStatus.invalidArgument, "the request asks for nothing");
    }
  }
}

/** The file and everything that it imports. */
function described(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) return failed(GrpcStatus.notFound, `not found: ${asked}`);
  const found = new Set<DescFile>();
  const visit = (each: DescFile) => {
    for (const dependency of each.dependencies) visit(dependency);
    found.add(each);
  };
  visit(file);
  // The file itself comes first: that is where tools look for what they asked for.
  const fileDescriptorProto = [...found].reverse().map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto)
  );
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function failed(errorCode: GrpcStatus, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
