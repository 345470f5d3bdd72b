import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";

/**
 * An encoded resource in a form to be compared: without the place in the entry log, which changes each time, and, if
 * `isVirtual`, without its virtual addresses. Undefined for what isn't there.
 */
export function manifestIn(kind: ResourceKind, framed: Uint8Array | undefined, isVirtual = false): unknown {
  if (framed === undefined) return undefined;
  const { namespace, name, labels, annotations, spec } = decodeResource(kind, framed);
  const { ResourceVersion: _position, ...others } = annotations;
  const metadata = { namespace, name, labels, annotations: others };
  if (!isVirtual || typeof spec !== "object" || spec === null || Array.isArray(spec)) {
    return { metadata, spec };
  }
  const { addresses: _addresses, ...rest } = spec;
  return { metadata, spec: rest };
}
