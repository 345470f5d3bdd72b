import { bookkeepingPrefix } from "../../../../shared/model/annotations.ts";
import { hash } from "node:crypto";
import type { Manifest } from "../../../../shared/model/manifest.ts";
import { bodyTypeUrls, writeSpec } from "./encode-spec.ts";
import { WireWriter } from "./wire-writer.ts";

/** The Any type URL around every resource of an MCP-over-xDS response. */
export const mcpResourceTypeUrl = "type.googleapis.com/istio.mcp.v1alpha1.Resource";

/** The annotation that carries a resource's cursor, as slime writes it. */
export const cursorAnnotation = "ResourceVersion";

/** A resource as it is kept and sent. */
export interface EncodedResource {
  /** Field 2 (`resources`) of a DiscoveryResponse, tag and length included: responses are joins of these. */
  readonly framed: Uint8Array;
  /** Hash of the content: equal on every replica, after every restart, on a recreated stream. */
  readonly version: string;
}

const writer = new WireWriter();

/**
 * Encodes a manifest as `Any(istio.mcp.v1alpha1.Resource)`. The version covers body, labels and annotations, not the
 * cursor and not the time of creation: those may differ between replicas without a client having to care
 * (istiod compares versions only; real-life consequence: an equal version costs it nothing).
 */
export function encodeResource(manifest: Manifest, cursor: string): EncodedResource {
  const { metadata } = manifest;
  const annotations = servedAnnotations(metadata.annotations);

  const bodyMark = writer.written;
  writeSpec(writer, manifest);
  writer.message(2, bodyMark);
  writer.string(1, bodyTypeUrls[manifest.kind]);
  const version = contentVersion(writer.since(bodyMark), metadata.labels, annotations);
  writer.message(2, bodyMark);

  const metadataMark = writer.written;
  if (annotations === undefined) writeOnlyCursor(cursor);
  else writer.stringMap(5, { ...annotations, [cursorAnnotation]: cursor });
  writer.stringMap(4, metadata.labels);
  writer.string(3, version);
  const createdMs = metadata.creationTimestamp === undefined ? NaN : Date.parse(metadata.creationTimestamp);
  writeTimestampMs(writer, createdMs);
  writer.string(1, `${metadata.namespace}/${metadata.name}`);
  writer.message(1, metadataMark);

  writer.message(2, bodyMark);
  writer.string(1, mcpResourceTypeUrl);
  writer.message(2, bodyMark);
  return { framed: writer.finish(), version };
}

/** Undefined if there are none, as for nearly every entry. */
function servedAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
): Record<string, string> | undefined {
  if (annotations === undefined) return undefined;
  let served: Record<string, string> | undefined;
  for (const [key, value] of Object.entries(annotations)) {
    if (key.startsWith(bookkeepingPrefix) || key === cursorAnnotation) continue;
    served ??= {};
    served[key] = value;
  }
  return served;
}

/** What `stringMap()` writes of a map that holds the cursor only, without making that map. */
function writeOnlyCursor(cursor: string): void {
  const mark = writer.written;
  writer.string(2, cursor);
  writer.string(1, cursorAnnotation);
  writer.message(5, mark);
}

/** 128 bits are plenty against accidental collisions, and short on the wire. */
const versionLength = 22;

function contentVersion(
  body: Uint8Array,
  labels: Readonly<Record<string, string>> | undefined,
  annotations: Readonly<Record<string, string>> | undefined,
): string {
  const text = Buffer.from(`${mapText(labels)}${mapText(annotations)}`);
  return contentHash([body, text]);
}

let scratch = Buffer.allocUnsafe(64 * 1024);

/** The version of a content that is given in pieces. */
export function contentHash(pieces: readonly Uint8Array[]): string {
  let bytes = 0;
  for (const { length } of pieces) bytes += length;
  if (bytes > scratch.length) scratch = Buffer.allocUnsafe(2 * bytes);
  let to = 0;
  for (const piece of pieces) {
    scratch.set(piece, to);
    to += piece.length;
  }
  return hash("sha256", scratch.subarray(0, bytes), "base64url").slice(0, versionLength);
}

/**
 * A map as one text, ordered by key: one call into native code instead of one per label. Different maps give different
 * texts: `\0` is the border, so what looks like one is written in another way.
 */
function mapText(map: Readonly<Record<string, string>> | undefined): string {
  if (map === undefined) return "\0\0";
  let text = "";
  for (const key of Object.keys(map).sort()) {
    text += `\0${escaped(key) || "\u0001e"}\0${escaped(map[key] ?? "")}`;
  }
  return `${text}\0\0`;
}

/** The text without `\0`, reversibly; nearly every text is itself. */
function escaped(text: string): string {
  if (!text.includes("\0") && !text.includes("\u0001")) return text;
  return text.replaceAll("\u0001", "\u00011").replaceAll("\0", "\u00010");
}

/**
 * Writes google.protobuf.Timestamp in field 2 (`create_time`), from milliseconds since 1970; nothing if that is no time.
 * Without it istiod would take the resource for one of 1970.
 */
export function writeTimestampMs(writer: WireWriter, milliseconds: number): void {
  if (!Number.isFinite(milliseconds) || milliseconds < 0) return;
  const mark = writer.written;
  writer.uint(2, (milliseconds % 1000) * 1_000_000);
  writer.uint(1, Math.floor(milliseconds / 1000));
  writer.message(2, mark);
}
