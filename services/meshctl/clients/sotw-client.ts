import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import type { Conversation, Exchange, FollowOptions, GrpcDialect } from "./dialect-client.ts";
import { clockNonce, istiodNode } from "./node-identity.ts";
import { completeUpdate } from "./type-update.ts";

/** State of the world, as a stock istiod speaks it. */
export const sotwDialect: GrpcDialect = {
  path: "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
  converse: (options) => new SotwConversation(options),
};

/**
 * One request per type with a clock reading for a nonce, written without waiting for answers, then an ACK with version
 * and nonce for each response.
 */
class SotwConversation implements Conversation {
  readonly #typeUrls: readonly string[];
  readonly #node;
  #hasComplained = false;

  constructor({ typeUrls, revision }: FollowOptions) {
    this.#typeUrls = typeUrls;
    this.#node = istiodNode(revision);
  }

  begin(): Uint8Array[] {
    return this.#typeUrls.map((typeUrl) =>
      encodeRequest({
        node: this.#node,
        typeUrl,
        responseNonce: clockNonce(new Date(), performance.now()),
      })
    );
  }

  take(message: Uint8Array): Exchange {
    const response = fromBinary(DiscoveryResponseSchema, message);
    const { typeUrl, versionInfo, nonce } = response;
    const update = completeUpdate(response);
    const problems = [...update.problems];
    if (nonce === "" && !this.#hasComplained) {
      this.#hasComplained = true;
      problems.push(
        `the response of type ${typeUrl} has no nonce; some servers take the ACK of such a one for a new request`,
      );
    }
    return {
      update: { ...update, problems },
      reply: encodeRequest({ node: this.#node, typeUrl, versionInfo, responseNonce: nonce }),
    };
  }
}

/** Encodes a request of `StreamAggregatedResources`. */
export function encodeRequest(request: MessageInitShape<typeof DiscoveryRequestSchema>): Uint8Array {
  return toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, request));
}
