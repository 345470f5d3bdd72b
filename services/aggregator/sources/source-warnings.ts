import type { Logger } from "../../../shared/runtime/log.ts";
import { pause } from "../../../shared/runtime/waiting.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import type { SyncGate } from "../ingest/sync-gate.ts";
import type { SourceOverview } from "./source-overview.ts";

/** How often sources are looked for that are not configured, in milliseconds. */
const lookEveryMs = 60_000;

/** Clients are served from now on: names each source that they are served without. */
export function warnOfMissing(gate: SyncGate, overview: SourceOverview, log: Logger): void {
  for (const name of overview.names) {
    const { registry, source } = name;
    const key = sourceKey(registry, source);
    if (gate.states.get(key) !== "timed-out") continue;
    const why = overview.problemOf(name) ?? "it has not been read completely yet";
    log.warn(
      { registry, source },
      `clients are served without ${key}, whose waitTime is over: ${why}; what it has is added when it has been read`,
    );
  }
}

/**
 * Warns of each source that has resources and isn't configured: after the log has been read, and when another one
 * turns up. Ends with the signal.
 */
export async function watchForeign(
  overview: SourceOverview,
  gate: SyncGate,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await Promise.race([gate.opened, stopped]);
  const warned = new Set<string>();
  while (!signal.aborted) {
    for (const { registry, source, resources } of overview.foreign) {
      const key = sourceKey(registry, source);
      if (warned.has(key)) continue;
      warned.add(key);
      log.warn(
        { registry, source, resources },
        `${resources} resources of ${key} are served though it isn't configured; configure it, or retire it: ` +
          `POST /meshregistry/sources/${registry}/${source}/retire`,
      );
    }
    await pause(lookEveryMs, signal);
  }
}
