import { streamState } from "../api/state-answers.ts";
import type { CatalogueView } from "../catalogue/catalogue-view.ts";
import type { HeldPoll } from "../long-polling/long-polling.ts";
import type { ClientStream } from "../xds/client-stream.ts";

/** `/clients` as slime has it: PushVer and AckVer are the last sent and acknowledged nonces. */
export function clientsAsSlime(clients: Iterable<ClientStream>): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const client of clients) {
    const id = `${client.nodeId}-${client.id}`;
    const status: Record<string, { PushVer: string; AckVer: string }> = {};
    for (const { typeUrl, kind, sentNonce, ackedNonce } of client.types.values()) {
      if (kind !== undefined) status[typeUrl] = { PushVer: sentNonce, AckVer: ackedNonce };
    }
    shown[id] = { ClientId: id, ConnId: id, Addr: client.address, PushStatus: status };
  }
  return shown;
}

/**
 * `/clients?detail=true`: what there is to know per client and type. Versions are content hashes in state of the world,
 * and places in the entry log in the dialects that are sent changes.
 */
export function clientsInDetail(clients: Iterable<ClientStream>): unknown[] {
  const nowMs = performance.now();
  return Array.from(clients, (client) => ({ ...streamState(client, nowMs), view: scopeOf(client.view) }));
}

/** The polls that are held, in the form of {@link clientsInDetail}: what a client polls with is what it has accepted. */
export function pollsInDetail(polls: Iterable<HeldPoll>): unknown[] {
  return Array.from(polls, ({ clientId, address, since, listener, view, poll }) => ({
    id: clientId ?? null,
    address,
    connectedAt: since.toISOString(),
    dialect: "longPolling",
    listener,
    view: scopeOf(view),
    types: [{ typeUrl: poll.typeUrl, acknowledgedVersion: poll.version === "" ? null : poll.version }],
  }));
}

function scopeOf({ scope: { revisions, namespaces, registries, shard } }: CatalogueView) {
  return { revisions, namespaces, registries, shard: shard ?? null };
}
