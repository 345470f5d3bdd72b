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

/** `/clients?detail=1`: what there is to know per client and type. */
export function clientsInDetail(clients: Iterable<ClientStream>): unknown[] {
  return Array.from(clients, (client) => ({
    id: `${client.nodeId}-${client.id}`,
    node: client.nodeId,
    address: client.address,
    revision: client.revision ?? null,
    connectedAt: client.connectedAt.toISOString(),
    dialect: "sotw",
    types: Array.from(client.types.values(), (type) => ({
      typeUrl: type.typeUrl,
      sentVersion: type.sentVersion ?? null,
      acknowledgedVersion: type.ackedVersion ?? null,
      waitingForAckMs: type.inFlight ? Math.round(performance.now() - type.sentAtMs) : null,
      refusals: type.nacks,
      lastError: type.lastError ?? null,
    })),
  }));
}
