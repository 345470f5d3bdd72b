import { cursorAnnotation } from "../encode/encode-resource.ts";
import { WireReader } from "../encode/wire-reader.ts";
import { areSameBytes } from "./compare-bytes.ts";

/** A piece of some bytes. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * Where the parts of an encoded ServiceEntry stand, for those who change its endpoints only. To take the entry apart
 * (`readEntry()`) costs far more.
 */
export interface EntryRegions {
  readonly bytes: Buffer;
  /** Name and time of creation. */
  readonly head: Range;
  readonly labels: Range;
  /** All annotations up to the cursor, and those behind it. */
  readonly annotations: Range;
  readonly laterAnnotations: Range;
  /** The whole spec. */
  readonly spec: Range;
  /** In it, each with the tags of its fields. */
  readonly ports: Range;
  readonly endpoints: Range;
}

/** Where the parts of an entry stand; undefined if it has no endpoints. The bytes are our own. */
export function regionsOf(framed: Uint8Array): EntryRegions | undefined {
  const outer = new WireReader(Buffer.from(framed.buffer, framed.byteOffset, framed.byteLength));
  if (!outer.next()) return undefined;
  const resource = messageIn(outer.message, 2);
  if (resource?.next() !== true || resource.field !== 1) return undefined;
  const metadata = resource.message;
  const spec = resource.next() ? messageIn(resource.message, 2) : undefined;
  const regions = spec && readSpec(spec);
  return regions && { bytes: outer.bytes, ...readMetadata(metadata), ...regions };
}

/** True if the entries differ in endpoints, cursor and version at most. */
export function isSameButEndpoints(a: EntryRegions, b: EntryRegions): boolean {
  return isSame(a, a.head, b, b.head) && isSame(a, a.labels, b, b.labels) &&
    isSame(a, a.annotations, b, b.annotations) && isSame(a, a.laterAnnotations, b, b.laterAnnotations) &&
    isSame(a, beforeEndpoints(a), b, beforeEndpoints(b)) &&
    isSame(a, behindEndpoints(a), b, behindEndpoints(b));
}

/** The fields of the spec that come before the endpoints. */
export function beforeEndpoints({ spec, endpoints }: EntryRegions): Range {
  return { from: spec.from, to: endpoints.from };
}

/** The fields of the spec that come behind the endpoints. */
export function behindEndpoints({ spec, endpoints }: EntryRegions): Range {
  return { from: endpoints.to, to: spec.to };
}

/** The bytes of a piece: a view. */
export function bytesOf({ bytes }: EntryRegions, { from, to }: Range): Buffer {
  return bytes.subarray(from, to);
}

function isSame(a: EntryRegions, inA: Range, b: EntryRegions, inB: Range): boolean {
  return areSameBytes(a.bytes, inA.from, inA.to, b.bytes, inB.from, inB.to);
}

/** The content of the first field of this number. */
function messageIn(reader: WireReader, field: number): WireReader | undefined {
  while (reader.next()) if (reader.field === field) return reader.message;
  return undefined;
}

type Metadata = Pick<EntryRegions, "head" | "labels" | "annotations" | "laterAnnotations">;

/** Fields come in the order of their numbers: name, time, version, labels, annotations. */
function readMetadata(reader: WireReader): Metadata {
  const head = { from: 0, to: 0 };
  const labels = { from: 0, to: 0 };
  const annotations = { from: 0, to: 0 };
  const laterAnnotations = { from: 0, to: 0 };
  let isBehindCursor = false;
  while (reader.next()) {
    if (reader.field < 3) extend(head, reader);
    else if (reader.field === 4) extend(labels, reader);
    else if (reader.field === 5) {
      const pair = reader.message;
      if (pair.next() && pair.field === 1 && isCursor(pair)) isBehindCursor = true;
      else extend(isBehindCursor ? laterAnnotations : annotations, reader);
    }
  }
  return { head, labels, annotations, laterAnnotations };
}

const cursorKey = Buffer.from(cursorAnnotation);

function isCursor({ bytes, from, to }: WireReader): boolean {
  return areSameBytes(bytes, from, to, cursorKey, 0, cursorKey.length);
}

function readSpec(reader: WireReader): Pick<EntryRegions, "spec" | "ports" | "endpoints"> | undefined {
  const spec = { from: 0, to: 0 };
  const ports = { from: 0, to: 0 };
  const endpoints = { from: 0, to: 0 };
  while (reader.next()) {
    extend(spec, reader);
    if (reader.field === 3) extend(ports, reader);
    else if (reader.field === 6) extend(endpoints, reader);
  }
  return endpoints.to === 0 ? undefined : { spec, ports, endpoints };
}

/** Makes a piece reach to the end of the present field; one that is empty begins with it. */
export function extend(range: { from: number; to: number }, { start, to }: WireReader): void {
  if (range.to === 0) range.from = start;
  range.to = to;
}
