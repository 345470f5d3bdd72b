import type { Manifest } from "./manifest.ts";

/** Manifests whose bytes were made in this process, until they are read. */
const unread = new WeakMap<Uint8Array, Manifest>();

/**
 * The bytes of a manifest on the stream: JSON in UTF-8. `specText`: its `spec` as JSON, where the caller has that
 * already: it is nearly all of the manifest, and writing it twice costs twice.
 */
export function manifestBytes(manifest: Manifest, specText = JSON.stringify(manifest.spec)): Uint8Array {
  const { apiVersion, kind, metadata } = manifest;
  const rest = JSON.stringify({ apiVersion, kind, metadata });
  return Buffer.from(`${rest.slice(0, -1)},"spec":${specText}}`);
}

/**
 * Keeps a manifest for the reader of its bytes, see {@link takeManifest}. For logs that hand on what they are given;
 * elsewhere the bytes are kept for as long as they are on the stream, and the manifest would be, too. The caller must not
 * change the manifest afterwards.
 */
export function handOver(manifest: Manifest, bytes: Uint8Array): void {
  unread.set(bytes, manifest);
}

/**
 * The manifest that these very bytes were made from, if that was in this process: with the embedded log, which hands
 * on what it is given, nothing is parsed, which is a tenth of a first synchronisation. Only once, so that manifests
 * aren't kept for as long as their bytes are. Undefined: parse them.
 */
export function takeManifest(bytes: Uint8Array): Manifest | undefined {
  const manifest = unread.get(bytes);
  if (manifest !== undefined) unread.delete(bytes);
  return manifest;
}
