import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { ClientStream } from "./client-stream.ts";

/** True if a client has refused something and not taken that, or what came in place of it, since. */
export function isRefusing({ types }: Pick<ClientStream, "types">): boolean {
  return types.values().some(({ kind, refused = [], lastError }) =>
    kind !== undefined && (refused.length > 0 || lastError !== undefined)
  );
}

/** True if a client has all there is: it is up to date, and refuses nothing of it. */
export function hasAll(client: Pick<ClientStream, "types" | "isUpToDate">): boolean {
  return client.isUpToDate && !isRefusing(client);
}

/** How far a client is behind. */
export interface Behind {
  /** For how long it has lacked a change, in milliseconds. */
  readonly ms: number;
  /** How many changes came after the last that it is known to have, those of other views among them; undefined: it has taken nothing yet. */
  readonly changes: number | undefined;
}

/** How far a client is behind at a time (`performance.now()`); undefined: it has all. `head`: the last change of a kind. */
export function behindOf(
  client: ClientStream,
  head: (kind: ResourceKind) => number,
  nowMs: number,
): Behind | undefined {
  if (hasAll(client)) return undefined;
  let changes: number | undefined;
  for (const { kind } of client.types.values()) {
    const more = kind === undefined ? undefined : client.lag.changesAfter(kind, head(kind));
    if (more !== undefined) changes = (changes ?? 0) + more;
  }
  return { ms: Math.max(0, Math.round(nowMs - client.lag.sinceMs)), changes };
}
