import type { LoadedConfig } from "../config/mod.ts";
import { withoutBookkeeping } from "../model/annotations.ts";
import type { Manifest } from "../model/manifest.ts";
import { createLogger } from "../runtime/log.ts";
import { atOnce } from "../runtime/turns.ts";
import { pause, unlessAborted } from "../runtime/waiting.ts";
import { InvalidRecords } from "./invalid-records.ts";
import { offersOf, sidecarUnits } from "./offers.ts";
import type { Vet } from "./offers.ts";
import type { RegistryView, SourceContext } from "./registry.ts";

/** What a registry becomes. */
export interface ReadOnce {
  /** As a collector would publish them, in its order. */
  readonly manifests: readonly Manifest[];
  /** Records that were left out: where, and why. */
  readonly invalidRecords: ReadonlyMap<string, string>;
}

/**
 * Reads a registry once, through the view that its collector has, and converts everything as at the collector's first
 * comparison. For dry runs: nothing is published.
 * @throws MeshError `registry-unavailable` when the signal aborts before everything has been read.
 */
export async function readOnce(
  open: (context: SourceContext) => RegistryView | Promise<RegistryView>,
  { config, environment }: Pick<LoadedConfig, "config" | "environment">,
  title: string,
  signal: AbortSignal,
): Promise<ReadOnce> {
  const log = createLogger("convert");
  log.level = "silent";
  const records = new InvalidRecords(title, { inc: () => {} }, log);
  const complete = Promise.withResolvers<void>();
  const stop = new AbortController();
  const running = AbortSignal.any([signal, stop.signal]);
  const sink = {
    changed: () => {},
    readStarted: () => records.forget("reading"),
    readEnded: () => {},
    completed: () => complete.resolve(),
  };
  await using view = await open({
    config,
    environment,
    sink,
    records,
    log,
    requested: () => {},
    signal: running,
  });
  view.shareReader?.follow(() => true);
  const following = view.run(running);
  try {
    await unlessAborted(
      Promise.race([complete.promise.then(() => untilWhole(view, running)), following]),
      signal,
      "registry-unavailable",
      `Reading ${title}`,
    );
    // So far only the names of its units may be known.
    if (view.shareReader !== undefined) await view.refresh(running);
    // What can't be published is for the caller to say: it shows the rules that are broken.
    const takeAll: Vet = (_unit, manifests) => manifests;
    const offers = [...offersOf(view, takeAll)];
    const { sidecars } = view;
    // No time has passed that a dependency could have been lost in.
    if (sidecars !== undefined) {
      const { upserts } = atOnce(sidecars.plan(0, () => false));
      for (const [unit, manifests] of sidecarUnits(sidecars, upserts, takeAll)) {
        for (const manifest of manifests) offers.push({ unit, manifest });
      }
    }
    return {
      manifests: offers.map(({ manifest }) => withoutBookkeeping(manifest)),
      invalidRecords: view.status().invalidRecords,
    };
  } finally {
    stop.abort();
    await following;
  }
}

/** How often it is looked at whether all parts of a registry have been read, in milliseconds. */
const lookMs = 50;

/** A collector goes on without a part that can't be read; a dry run would show less than there is. */
async function untilWhole(view: RegistryView, signal: AbortSignal): Promise<void> {
  while (view.isPartial === true && !signal.aborted) await pause(lookMs, signal);
}
