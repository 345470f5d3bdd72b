import type { Manifest } from "./manifest.ts";

/**
 * Annotations with this prefix are bookkeeping: they lie on the stream, where collectors and the debug API find them,
 * and are never served. What a client of the mesh is to see has another prefix, such as `dubbo.meshregistry.io/`.
 */
export const bookkeepingPrefix = "meshregistry.io/";

/** Since when (RFC 3339) a service has had no endpoint. */
export const emptySinceAnnotation = `${bookkeepingPrefix}empty-since`;

/** The manifest as it is served. */
export function withoutBookkeeping<Kind extends Manifest>(manifest: Kind): Kind {
  const { annotations } = manifest.metadata;
  if (annotations === undefined) return manifest;
  const served = Object.entries(annotations).filter(([key]) => !key.startsWith(bookkeepingPrefix));
  return { ...manifest, metadata: { ...manifest.metadata, annotations: Object.fromEntries(served) } };
}
