import type {
  DeltaDiscoveryResponse,
  DiscoveryResponse,
} from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { openDeltaResource, openEnvelope } from "./envelope.ts";
import type { SentResource } from "./envelope.ts";

/** What a server told of one type, whatever the dialect that it told it in. */
export interface TypeUpdate {
  readonly typeUrl: string;
  /** True if these are all resources of the type: whatever is not among them is gone. */
  readonly isComplete: boolean;
  readonly resources: readonly SentResource[];
  /** Names of what is gone, if the update isn't complete. */
  readonly removed: readonly string[];
  /** Sentences about what is odd in it. */
  readonly problems: readonly string[];
}

/** An answer of state of the world, or of long polling: everything, by istiod's rules. */
export function completeUpdate({ typeUrl, resources }: DiscoveryResponse): TypeUpdate {
  const problems: string[] = [];
  const sent: SentResource[] = [];
  for (const [index, any] of resources.entries()) {
    const envelope = openEnvelope(any);
    if (typeof envelope === "string") problems.push(skipped(index, typeUrl, envelope));
    else if (!envelope.hasBody) problems.push(skipped(index, typeUrl, `${envelope.name} has no body`));
    else sent.push(envelope);
  }
  return { typeUrl, isComplete: true, resources: sent, removed: [], problems };
}

/** A response of istio-mcp's incremental dialect: a resource without body is a deletion. */
export function incrementalUpdate(
  { typeUrl, resources }: DiscoveryResponse,
  isComplete: boolean,
): TypeUpdate {
  const problems: string[] = [];
  const sent: SentResource[] = [];
  const removed: string[] = [];
  for (const [index, any] of resources.entries()) {
    const envelope = openEnvelope(any);
    if (typeof envelope === "string") problems.push(skipped(index, typeUrl, envelope));
    else if (envelope.hasBody) sent.push(envelope);
    else removed.push(envelope.name);
  }
  return { typeUrl, isComplete, resources: sent, removed, problems };
}

/** A response of the Delta protocol. */
export function deltaUpdate({ typeUrl, resources, removedResources }: DeltaDiscoveryResponse): TypeUpdate {
  const problems: string[] = [];
  const sent: SentResource[] = [];
  for (const [index, resource] of resources.entries()) {
    const opened = openDeltaResource(resource);
    if (typeof opened === "string") {
      problems.push(skipped(index, typeUrl, opened));
      continue;
    }
    problems.push(...opened.problems);
    sent.push(opened.sent);
  }
  return { typeUrl, isComplete: false, resources: sent, removed: removedResources, problems };
}

function skipped(index: number, typeUrl: string, what: string): string {
  return `resource ${index + 1} of ${typeUrl}: ${what}; clients, as istiod, skip it`;
}
