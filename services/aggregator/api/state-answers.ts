import type { ClientState, HeldList, SourceState } from "../../../shared/api/state.ts";
import { decodeSubject } from "../../../shared/model/subject.ts";
import type { CatalogueView } from "../catalogue/catalogue-view.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import type { HeldPoll } from "../long-polling/long-polling.ts";
import { behindOf } from "../xds/client-standing.ts";
import type { ClientStream } from "../xds/client-stream.ts";
import { shownNames } from "../xds/protocol.ts";
import type { ApiOptions } from "./api-options.ts";
import { clientName } from "./holders.ts";

/** All sources, with the replicas of their collectors. */
export function allSources({ overview }: Pick<ApiOptions, "overview">): SourceState[] {
  return overview.names.map((name) => {
    const { collectors, unsettled, ...status } = overview.status(name);
    const key = sourceKey(name.registry, name.source);
    return {
      key,
      ...status,
      unsettled: [...unsettled],
      collectors: collectors.map((collector) => ({ ...collector })),
    };
  });
}

/** All clients: those that are pushed to, and those that poll. */
export function allClients(options: Pick<ApiOptions, "cache" | "clients" | "polls">): ClientState[] {
  const { clients, polls } = options;
  const nowMs = performance.now();
  return [
    ...Array.from(clients(), (client) => clientState(client, options, nowMs)),
    ...Array.from(polls?.() ?? [], pollState),
  ];
}

function clientState(
  client: ClientStream,
  { cache }: Pick<ApiOptions, "cache">,
  nowMs: number,
): ClientState {
  const { lastRefusal } = client.lag;
  const behind = behindOf(client, (kind) => cache.head(kind), nowMs);
  return {
    ...streamState(client, nowMs),
    upToDate: behind === undefined,
    behindMs: behind?.ms ?? null,
    changesBehind: behind === undefined ? 0 : behind.changes ?? null,
    lastRefusal: lastRefusal === undefined ? null : {
      at: lastRefusal.at.toISOString(),
      typeUrl: lastRefusal.typeUrl,
      message: lastRefusal.message,
      names: lastRefusal.names.slice(0, shownNames),
    },
    view: viewState(client.view),
  };
}

/** What a client that is pushed to was sent, and what it made of it. `nowMs`: by `performance.now()`. */
export function streamState(
  client: ClientStream,
  nowMs: number,
): Omit<ClientState, "upToDate" | "behindMs" | "changesBehind" | "lastRefusal" | "view"> {
  return {
    id: clientName(client),
    node: client.nodeId,
    address: client.address,
    revision: client.revision ?? null,
    connectedAt: client.connectedAt.toISOString(),
    dialect: client.dialect ?? null,
    listener: client.listener,
    types: Array.from(client.types.values(), (type) => ({
      typeUrl: type.typeUrl,
      sentVersion: type.sentVersion ?? null,
      acknowledgedVersion: type.ackedVersion ?? null,
      waitingForAckMs: type.inFlight ? Math.round(nowMs - type.sentAtMs) : null,
      ...client.traffic(type.typeUrl),
      refusals: type.nacks,
      refusedNow: [...type.refused ?? []],
      lastError: type.lastError?.message ?? null,
      lastErrorNames: [...type.lastError?.names ?? []],
    })),
  };
}

function pollState({ clientId, address, since, listener, view, poll }: HeldPoll): ClientState {
  return {
    id: clientId ?? address,
    node: clientId ?? "",
    address,
    revision: null,
    connectedAt: since.toISOString(),
    dialect: "longPolling",
    listener,
    upToDate: false,
    behindMs: null,
    changesBehind: null,
    lastRefusal: null,
    view: viewState(view),
    types: [{
      typeUrl: poll.typeUrl,
      sentVersion: null,
      acknowledgedVersion: poll.version === "" ? null : poll.version,
      waitingForAckMs: null,
      pushes: 0,
      bytes: 0,
      refusals: 0,
      refusedNow: [],
      lastError: null,
      lastErrorNames: [],
    }],
  };
}

function viewState(
  { scope: { revisions, namespaces, registries, shard } }: CatalogueView,
): ClientState["view"] {
  return {
    revisions: [...revisions],
    namespaces: [...namespaces],
    registries: [...registries],
    shard: shard === undefined ? null : `${shard.index} of ${shard.of}`,
  };
}

/** What this aggregator holds, and which collectors hold something. */
export function allHeld(
  { overview, ingest, collectors }: Pick<ApiOptions, "overview" | "ingest" | "collectors">,
): HeldList {
  const nowMs = performance.now();
  const answer: HeldList = { held: [], collectors: [] };
  for (const name of overview.names) {
    const source = sourceKey(name.registry, name.source);
    for (const [subject, doubt] of ingest.doubtsOf(name)) {
      if (doubt.why !== "held") continue;
      const id = decodeSubject(subject);
      const resource = id === undefined ? subject : `${id.namespace}/${id.name}`;
      answer.held.push({ source, subject, name: resource, heldMs: Math.round(nowMs - doubt.sinceMs) });
    }
    for (const { status, lease: { member, held } } of collectors.of(name)) {
      if (status === "live" && held > 0) answer.collectors.push({ source, member, held });
    }
  }
  return answer;
}
