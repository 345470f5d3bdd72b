import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import type { Conversation, Exchange, FollowOptions, GrpcDialect } from "./dialect-client.ts";
import { istiodNode } from "./node-identity.ts";
import { deltaUpdate } from "./type-update.ts";

/** The Delta protocol of xDS. */
export const deltaDialect: GrpcDialect = {
  path: "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
  converse: (options) => new DeltaConversation(options),
};

/**
 * Subscribes to everything of each type, by a first request without names, and says what it holds already
 * (`initial_resource_versions`). The node is told once. Each response is acknowledged with its nonce and nothing else.
 */
class DeltaConversation implements Conversation {
  readonly #options: FollowOptions;
  #hasComplained = false;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  begin(): Uint8Array[] {
    const { typeUrls, revision, held } = this.#options;
    return typeUrls.map((typeUrl, index) =>
      encodeDeltaRequest({
        typeUrl,
        initialResourceVersions: held(typeUrl),
        ...(index === 0 ? { node: istiodNode(revision) } : {}),
      })
    );
  }

  take(message: Uint8Array): Exchange {
    const response = fromBinary(DeltaDiscoveryResponseSchema, message);
    const { typeUrl, nonce } = response;
    const update = deltaUpdate(response);
    if (nonce !== "") return { update, reply: encodeDeltaRequest({ typeUrl, responseNonce: nonce }) };
    const problems = [...update.problems];
    if (!this.#hasComplained) {
      problems.push(`the response of type ${typeUrl} has no nonce: it can't be acknowledged`);
    }
    this.#hasComplained = true;
    return { update: { ...update, problems }, reply: undefined };
  }
}

function encodeDeltaRequest(request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): Uint8Array {
  return toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request));
}
