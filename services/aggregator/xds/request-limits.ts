import { BinaryReader } from "@bufbuild/protobuf/wire";
import { GrpcStatus } from "../grpc/grpc-status.ts";
import { UnusableMessage } from "../grpc/message-reader.ts";

/**
 * What one stream may make the server remember, whatever its requests say. Each limit is far above what clients need:
 * istiod asks for 16 types, by no name.
 */
export const requestLimits = {
  /** Type URLs of one stream: each costs a state, and a response. */
  types: 64,
  typeUrlChars: 256,
  /** Names that are subscribed of one type. */
  names: 100_000,
  nodeIdChars: 1024,
  /** Of the node, with its metadata: a structure that takes a hundred times its bytes when it is decoded. */
  nodeBytes: 256 * 1024,
  /** Of a NACK with its details. */
  errorBytes: 1024 * 1024,
  /** Versions of resources that a Delta client says it has. */
  versions: 500_000,
  /** Names in each of a client's filters (`MESHREGISTRY_NAMESPACES`). */
  filterNames: 1000,
  /** Of a NACK's text; the rest isn't looked at. */
  errorChars: 16 * 1024,
} as const;

/** What a request may make larger. */
interface Demand {
  readonly typeUrl: string;
  readonly nodeId: string | undefined;
  readonly names: number;
}

/**
 * Holds a request against the limits of its stream, which has these types.
 * @throws UnusableMessage saying which limit, so that the call ends with it.
 */
export function checkRequest({ typeUrl, nodeId, names }: Demand, types: ReadonlyMap<string, unknown>): void {
  refuseAbove("characters of type_url", typeUrl.length, requestLimits.typeUrlChars);
  refuseAbove("characters of node.id", nodeId?.length ?? 0, requestLimits.nodeIdChars);
  refuseAbove("types on one stream", types.has(typeUrl) ? 0 : types.size + 1, requestLimits.types);
  refuseAbove("names of one type", names, requestLimits.names);
}

/** @throws UnusableMessage if there is more than the limit. */
export function refuseAbove(what: string, count: number, limit: number): void {
  if (count <= limit) return;
  throw new UnusableMessage(GrpcStatus.resourceExhausted, `${count} ${what}, at most ${limit} are taken`);
}

/** The fields of a request that have limits of their own, by number. */
interface RequestFields {
  readonly node: number;
  readonly error: number;
  /** A map, or 0 if there is none. */
  readonly versions: number;
}

const requestFields: Readonly<Record<"stream" | "delta", RequestFields>> = {
  stream: { node: 2, error: 6, versions: 0 },
  delta: { node: 1, error: 7, versions: 5 },
};

/**
 * Holds an encoded request against the limits, before it is decoded: some structures take a hundred times their bytes,
 * and seconds in which no other client is served. What is no message is left to the decoder.
 * @throws UnusableMessage saying which limit, so that the call ends with it.
 */
export function checkEncoded(bytes: Uint8Array, method: "stream" | "delta"): void {
  // No field can be that long, nor be there so often.
  if (bytes.length <= requestLimits.names) return;
  const { node, error, versions } = requestFields[method];
  const counts = new Map<number, number>();
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      const start = reader.pos;
      reader.skip(wireType, field);
      if (field === node) refuseAbove("bytes of node", reader.pos - start, requestLimits.nodeBytes);
      if (field === error) refuseAbove("bytes of error_detail", reader.pos - start, requestLimits.errorBytes);
      const count = (counts.get(field) ?? 0) + 1;
      counts.set(field, count);
      if (field === versions) refuseAbove("versions of resources", count, requestLimits.versions);
      else refuseAbove("names of one type", count, requestLimits.names);
    }
  } catch (error) {
    if (error instanceof UnusableMessage) throw error;
  }
}
