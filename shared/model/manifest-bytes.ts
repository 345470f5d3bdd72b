import type { Manifest } from "./manifest.ts";

/** Manifests whose bytes were made in this process, until somebody reads them. */
const unread = new WeakMap<Uint8Array, Manifest>();

/**
 * The bytes of a manifest on the stream: JSON in UTF-8. Nobody may change the manifest afterwards, since
 * {@link takeManifest} may hand it to the reader.
 */
export function manifestBytes(manifest: Manifest): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(manifest));
  unread.set(bytes, manifest);
  return bytes;
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
