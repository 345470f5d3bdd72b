/** The tag of `version` in `istio.mcp.v1alpha1.Metadata`. */
const versionTag = (3 << 3) | 2;

/**
 * A copy of a stored resource (field 2 of a DiscoveryResponse, see `encode-resource.ts`) with another version of the
 * same length in bytes. What holds none, or one of another length, is returned as it is.
 */
export function patchVersion(framed: Uint8Array, version: string): Uint8Array {
  let at = 0;
  const length = (): number => {
    let value = 0;
    for (let factor = 1; at < framed.length; factor *= 0x80) {
      const byte = framed[at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    return value;
  };
  const enter = () => (at++, length());
  const skip = () => {
    const bytes = enter();
    at += bytes;
  };
  enter(); // the Any
  skip(); // its type URL
  enter(); // its value, the mcp.Resource
  enter(); // metadata
  // `name` (1) and `create_time` (2) come before `version` (3), each with a length of its own.
  for (let tag = framed[at]; tag !== versionTag; tag = framed[at]) {
    if (tag === undefined || tag > versionTag) return framed;
    skip();
  }
  if (enter() !== Buffer.byteLength(version)) return framed;
  const patched = new Uint8Array(framed);
  Buffer.from(patched.buffer).write(version, at);
  return patched;
}
