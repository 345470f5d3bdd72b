import { fromBinary } from "@bufbuild/protobuf";
import { DiscoveryResponseSchema } from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import type { Conversation, Exchange, FollowOptions, GrpcDialect } from "./dialect-client.ts";
import { istiodNode } from "./node-identity.ts";
import { encodeRequest, sotwDialect } from "./sotw-client.ts";
import { incrementalUpdate } from "./type-update.ts";

/** The incremental dialect of the istio-mcp library, over the method that state of the world has, too. */
export const incrementalDialect: GrpcDialect = {
  path: sotwDialect.path,
  converse: (options) => new IncrementalConversation(options),
};

/**
 * As the library's client: the first nonce is empty; the first response of a type on a stream is complete, later ones
 * hold what changed; the nonce is the highest version sent so far, and a response without one (a type without data)
 * isn't acknowledged. An aggregator of ours that offers the dialect to nobody else is asked for it by metadata.
 */
class IncrementalConversation implements Conversation {
  readonly #typeUrls: readonly string[];
  readonly #node;
  /** The last nonce of each type that was answered. */
  readonly #nonces = new Map<string, string>();

  constructor({ typeUrls, revision }: FollowOptions) {
    this.#typeUrls = typeUrls;
    this.#node = istiodNode(revision, { MESHREGISTRY_DIALECT: "incremental" });
  }

  begin(): Uint8Array[] {
    return this.#typeUrls.map((typeUrl) => encodeRequest({ node: this.#node, typeUrl }));
  }

  take(message: Uint8Array): Exchange {
    const response = fromBinary(DiscoveryResponseSchema, message);
    const { typeUrl, versionInfo, nonce } = response;
    const last = this.#nonces.get(typeUrl);
    this.#nonces.set(typeUrl, nonce);
    const update = incrementalUpdate(response, last === undefined);
    const problems = [...update.problems];
    if (nonce === "" && response.resources.length > 0) {
      problems.push(
        `a response of type ${typeUrl} has resources, but no nonce: clients don't acknowledge it`,
      );
    } else if (last !== undefined && nonce < last) {
      problems.push(
        `the nonce "${nonce}" of type ${typeUrl} sorts before the last one, "${last}": it is the server's place in its ` +
          "changes, and what lies between may come again",
      );
    }
    return {
      update: { ...update, problems },
      reply: nonce === ""
        ? undefined
        : encodeRequest({ node: this.#node, typeUrl, versionInfo, responseNonce: nonce }),
    };
  }
}
