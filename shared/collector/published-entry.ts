import { hash } from "node:crypto";
import type { LogEntry } from "../entry-log/entry-log.ts";
import { isServiceEntryManifest } from "../model/manifest-guard.ts";
import { Manifest } from "../model/manifest.ts";
import { readJson } from "../model/read-json.ts";
import { emptySinceAnnotation } from "../model/annotations.ts";
import { decodeSubject, isBookkeepingKind } from "../model/subject.ts";
import type { Logger } from "../runtime/log.ts";

/** Endpoints of a manifest; only ServiceEntries have some. */
export function endpointCount(manifest: Manifest): number {
  return manifest.kind === "ServiceEntry" ? manifest.spec.endpoints?.length ?? 0 : 0;
}

/**
 * A hash over labels, annotations and spec, bookkeeping left out. Conversion is deterministic, so key order is too.
 * `specText`: the spec as JSON, where the caller has it already.
 */
export function manifestHash(manifest: Manifest, specText = JSON.stringify(manifest.spec)): string {
  const { labels = {}, annotations = {} } = manifest.metadata;
  const served = Object.entries(annotations).filter(([key]) => key !== emptySinceAnnotation);
  const rest = JSON.stringify([Object.entries(labels), served]);
  return hash("sha256", `${rest.slice(0, -1)},${specText}]`, "base64url");
}

/** The manifest in a message; undefined for what isn't one of ours. */
export function readManifest(data: Uint8Array): Manifest | undefined {
  const json = readJson(data);
  return isServiceEntryManifest(json) ? json : Manifest.safeParse(json).data;
}

/** The manifests among stored messages. Sync markers are passed over, and so is what isn't readable: with a warning. */
export async function* manifestsOf(
  entries: AsyncIterable<LogEntry>,
  log: Logger | undefined,
): AsyncIterable<{ readonly subject: string; readonly sequence: number; readonly manifest: Manifest }> {
  for await (const { subject, sequence, data } of entries) {
    if (isBookkeepingKind(decodeSubject(subject)?.kind)) continue;
    const manifest = readManifest(data);
    if (manifest === undefined) {
      log?.warn({ subject }, "a message on the stream is no manifest of ours: it is ignored");
    } else yield { subject, sequence, manifest };
  }
}

/**
 * The manifest of a service that the registry no longer has: the same service without endpoints. It stays, so that
 * callers get «no healthy upstream» in place of an unknown host, and so that istiod sends an endpoint update only.
 */
export function emptied(manifest: Manifest, emptySince: string): Manifest {
  if (manifest.kind !== "ServiceEntry") return manifest;
  const { endpoints: _endpoints, ...spec } = manifest.spec;
  const annotations = { ...manifest.metadata.annotations, [emptySinceAnnotation]: emptySince };
  return { ...manifest, metadata: { ...manifest.metadata, annotations }, spec };
}
