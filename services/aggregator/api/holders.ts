import type { Holder } from "../../../shared/api/services.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import { hasAll } from "../xds/client-standing.ts";
import type { ClientStream } from "../xds/client-stream.ts";
import type { ApiOptions } from "./api-options.ts";

/** Which client has a served service as it is now, or what its view shows in place of it. */
export function holdersOf(
  resource: CachedResource,
  options: Pick<ApiOptions, "cache" | "clients" | "polls">,
): Holder[] {
  const { cache, clients, polls } = options;
  return [
    ...Array.from(clients(), (client) => holderOf(client, resource, options)),
    ...Array.from(polls?.() ?? [], ({ clientId, address, view, poll }): Holder => {
      const isShown = cache.shown("ServiceEntry", view, resource.name) !== undefined;
      return {
        client: clientId ?? address,
        address,
        has: isShown ? "unknown" : "not shown",
        version: poll.version === "" ? null : poll.version,
        detail: isShown ? "it polls: what it asks with is what it has" : notShown,
      };
    }),
  ];
}

const notShown = "its view (revision, namespaces, registries or shard) leaves the service out";

function holderOf(
  client: ClientStream,
  resource: CachedResource,
  { cache }: Pick<ApiOptions, "cache">,
): Holder {
  const type = [...client.types.values()].find(({ kind }) => kind === "ServiceEntry");
  const base = {
    client: clientName(client),
    address: client.address,
    version: type?.ackedVersion ?? null,
  };
  if (type === undefined) return { ...base, has: "unknown", detail: "it has asked for no ServiceEntry yet" };
  // A client with filters may be served another one under the name, whose last change is another.
  const own = cache.shown("ServiceEntry", client.view, resource.name);
  if (own === undefined) return { ...base, has: "not shown", detail: notShown };
  const refuses = type.refused?.includes(resource.name) === true ||
    (type.lastError !== undefined && !type.inFlight && type.ackedNonce !== type.sentNonce &&
      type.lastError.names.includes(resource.name));
  if (refuses) {
    return { ...base, has: "refused", detail: type.lastError?.message ?? "it refused the service" };
  }
  if (hasChange(client, own, type.ackedVersion, cache.position("ServiceEntry"))) {
    return { ...base, has: "current", detail: "it has acknowledged this content" };
  }
  const detail = type.inFlight
    ? `sent ${Math.round(performance.now() - type.sentAtMs)} ms ago, not acknowledged yet`
    : type.lastError === undefined
    ? "not sent yet"
    : `it refused its last response: ${type.lastError.message}`;
  return { ...base, has: "behind", detail };
}

/** Versions of the dialects that are sent changes are places in the entry log; in state of the world all or nothing is known. */
function hasChange(
  client: ClientStream,
  { cursor }: CachedResource,
  acked: string | undefined,
  position: string,
): boolean {
  // A Delta client refuses resources one by one; the others refuse a response with all that it carried.
  if (client.dialect === "delta" ? client.isUpToDate : hasAll(client)) return true;
  if (client.dialect === undefined || client.dialect === "stateOfTheWorld" || acked === undefined) {
    return false;
  }
  return acked >= cursor && acked <= position;
}

/** A client's name in all answers: two streams of one node are two clients. */
export function clientName({ nodeId, id }: ClientStream): string {
  return `${nodeId}-${id}`;
}
