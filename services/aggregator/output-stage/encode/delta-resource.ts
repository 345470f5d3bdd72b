import { cursorAnnotation, mcpResourceTypeUrl } from "./encode-resource.ts";
import type { WireWriter } from "./wire-writer.ts";

/**
 * How the Delta protocol carries a resource: as the `istio.mcp.v1alpha1.Resource` that state-of-the-world carries,
 * with labels and annotations, or only its body (`istio.networking.v1alpha3.…`).
 */
export type ResourceForm = "wrapped" | "bare";

/** What of a resource goes on the wire. */
interface DeltaContent {
  readonly name: string;
  readonly version: string;
  /** Field 2 of a DiscoveryResponse, see `encode-resource.ts`. */
  readonly framed: Uint8Array;
}

/**
 * Writes field 2 (`resources`) of a DeltaDiscoveryResponse: `Resource { version 1, resource 2, name 3 }`. Its `resource`
 * has the same number and type as the field that is stored, so the stored bytes are used as they are.
 */
export function writeDeltaResource(
  writer: WireWriter,
  { name, version, framed }: DeltaContent,
  form: ResourceForm,
): void {
  const mark = writer.written;
  writer.string(3, name);
  writer.raw(form === "wrapped" ? framed : bodyField(framed));
  writer.string(1, version);
  writer.message(2, mark);
}

/** At most so many bytes are added to a resource by the Delta protocol, besides name and version. */
const deltaOverheadBytes = 16;

/** The size of a resource in a response, or a little more. Names of up to three bytes a character are allowed for. */
export function resourceBytes({ name, version, framed }: DeltaContent): number {
  return framed.length + 3 * name.length + version.length + deltaOverheadBytes;
}

/**
 * The field `body` (2) of the mcp.Resource inside a stored resource, tag included: the end of it, because the body is
 * written last on both levels.
 */
export function bodyField(framed: Uint8Array): Uint8Array {
  let at = 0;
  const skipTag = () => void at++;
  const length = (): number => {
    let value = 0;
    for (let factor = 1;; factor *= 0x80) {
      const byte = framed[at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  const enter = () => (skipTag(), void length());
  const skip = () => {
    skipTag();
    const bytes = length();
    at += bytes;
  };
  enter(); // the Any
  skip(); // its type URL
  enter(); // its value, the mcp.Resource
  skip(); // metadata
  return framed.subarray(at);
}

/**
 * Writes the deletion of a resource as istio-mcp has it, field 2 of a DiscoveryResponse: an mcp.Resource without body.
 * Its reader refuses metadata without `create_time`, and looks at the revision label before all else.
 */
export function writeTombstone(
  writer: WireWriter,
  name: string,
  position: string,
  revision: string | undefined,
): void {
  const mark = writer.written;
  writer.stringMap(5, { [cursorAnnotation]: position });
  if (revision !== undefined) writer.stringMap(4, { "istio.io/rev": revision });
  writer.string(3, position);
  writer.message(2, writer.written);
  writer.string(1, name);
  writer.message(1, mark);
  writer.message(2, mark);
  writer.string(1, mcpResourceTypeUrl);
  writer.message(2, mark);
}
