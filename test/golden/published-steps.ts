import { onTestFinished } from "vitest";
import { parseAllDocuments } from "yaml";
import { emptySinceAnnotation } from "../../shared/model/annotations.ts";
import { PublisherRig } from "../../shared/collector/publisher-rig.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { LogEvent } from "../../shared/entry-log/entry-log.ts";
import { orderForSlime } from "../../shared/istio/mod.ts";
import { Manifest } from "../../shared/model/manifest.ts";
import { decodeSubject, isBookkeepingKind } from "../../shared/model/subject.ts";

const never = new AbortController().signal;

/** What slime's tests compare: no API version, no times, no bookkeeping. */
export type ComparableManifest = ReturnType<typeof comparable>;

/**
 * A collector's publishing side, as slime's tests use slime: each call publishes everything that a registry has, and
 * answers what that emits, sorted by name. Closed when the test ends.
 */
export function publishedSteps(
  registry: string,
): (manifests: readonly Manifest[]) => Promise<ComparableManifest[]> {
  const entryLog = new EmbeddedEntryLog();
  const started = PublisherRig.start({
    entryLog,
    registry,
    // slime has no such guard; that ours holds back is tested beside it.
    guard: { maxShrinkPercent: 100, minEndpoints: 0, holdTimeMs: 0 },
  });
  onTestFinished(async () => await (await started)[Symbol.asyncDispose]());
  let lastSequence = 0;
  return async (manifests) => {
    await (await started).publishAll(manifests);
    const emitted: ComparableManifest[] = [];
    for (const event of await eventsAfter(entryLog, lastSequence)) {
      lastSequence = event.sequence;
      if (event.type === "delete") throw new Error(`${event.subject} was deleted`);
      emitted.push(comparable(manifestIn(event.data)));
    }
    return inOrder(emitted);
  };
}

/** The objects of a YAML file of slime's, in the same form. */
export function expectedManifests(yaml: string): ComparableManifest[] {
  return inOrder(parseAllDocuments(yaml).map((document) => comparable(Manifest.parse(document.toJS()))));
}

/** The entries stored after a sequence; sync markers are our own and left out. */
async function eventsAfter(entryLog: EmbeddedEntryLog, sequence: number) {
  const events: Extract<LogEvent, { type: "put" | "delete" }>[] = [];
  for await (const event of entryLog.follow("mesh.entries.>", never)) {
    if (event.type === "caught-up") break;
    if (event.type === "reset" || event.sequence <= sequence) continue;
    if (event.type === "unusable") throw new Error(event.reason);
    if (!isBookkeepingKind(decodeSubject(event.subject)?.kind)) events.push(event);
  }
  return events;
}

function manifestIn(bytes: Uint8Array): Manifest {
  const manifest = Manifest.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  // The aggregator's output stage, which in slime is part of the conversion.
  return manifest.kind === "ServiceEntry" ? orderForSlime(manifest) : manifest;
}

function comparable({ kind, metadata, spec }: Manifest) {
  const { [emptySinceAnnotation]: _since, ...annotations } = metadata.annotations ?? {};
  const { name, namespace, labels = {} } = metadata;
  return { kind, name, namespace, labels, annotations, spec };
}

function inOrder(items: ComparableManifest[]): ComparableManifest[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
