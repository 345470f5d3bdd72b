import { hash } from "node:crypto";
import type { LogEntry } from "../entry-log/entry-log.ts";
import { isServiceEntryManifest } from "../model/manifest-guard.ts";
import { Manifest } from "../model/manifest.ts";
import { decodeSubject, syncMarkerKind } from "../model/subject.ts";
import type { Logger } from "../runtime/log.ts";

/** The annotation that says since when (RFC 3339) a service has had no endpoint. Bookkeeping, never served. */
export const emptySinceAnnotation = "meshregistry.io/empty-since";

/** What a publisher remembers of a resource that it published: enough to compare, not the resource itself. */
export interface PublishedEntry {
  /** The sequence of the subject's last message: what the next publish expects. */
  readonly sequence: number;
  /** Hash of everything that a client could notice. */
  readonly contentHash: string;
  readonly endpoints: number;
  /** RFC 3339; written once, kept for ever. */
  readonly creationTimestamp: string;
  /** RFC 3339; set while the service has no endpoint because the registry lost it. */
  readonly emptySince: string | undefined;
}

/** Endpoints of a manifest; only ServiceEntries have some. */
export function endpointCount(manifest: Manifest): number {
  return manifest.kind === "ServiceEntry" ? manifest.spec.endpoints?.length ?? 0 : 0;
}

/** A hash over labels, annotations and spec, bookkeeping left out. Conversion is deterministic, so key order is too. */
export function manifestHash(manifest: Manifest): string {
  const { labels = {}, annotations = {} } = manifest.metadata;
  const served = Object.entries(annotations).filter(([key]) => key !== emptySinceAnnotation);
  const content = JSON.stringify([Object.entries(labels), served, manifest.spec]);
  return hash("sha256", content, "base64url");
}

function readManifest(data: Uint8Array): Manifest | undefined {
  try {
    const json: unknown = JSON.parse(
      Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8"),
    );
    if (isServiceEntryManifest(json)) return json;
    const parsed = Manifest.safeParse(json);
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** The manifests among stored messages. Sync markers are passed over, and so is what isn't readable: with a warning. */
export async function* manifestsOf(
  entries: AsyncIterable<LogEntry>,
  log: Logger | undefined,
): AsyncIterable<{ readonly subject: string; readonly sequence: number; readonly manifest: Manifest }> {
  for await (const { subject, sequence, data } of entries) {
    if (decodeSubject(subject)?.kind === syncMarkerKind) continue;
    const manifest = readManifest(data);
    if (manifest === undefined) {
      log?.warn({ subject }, "ignoring what is on the stream, it is no manifest of ours");
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
