import { noEndpointsLabel } from "../../../../shared/istio/mod.ts";
import { bodyTypeUrls } from "../encode/encode-spec.ts";
import {
  contentHash,
  cursorAnnotation,
  mcpResourceTypeUrl,
  writeTimestampMs,
} from "../encode/encode-resource.ts";
import type { EncodedResource } from "../encode/encode-resource.ts";
import { WireWriter } from "../encode/wire-writer.ts";
import { Resolution } from "./entry-bytes.ts";
import type { EntryBytes } from "./entry-bytes.ts";
import { joinEndpoints, writeEndpoint } from "./joined-endpoints.ts";
import type { EndpointsOf } from "./joined-endpoints.ts";
import { unitedPorts } from "./united-ports.ts";

/** A ServiceEntry that is made of parts of others. */
export interface Composition {
  /** `<namespace>/<name>`. */
  readonly name: string;
  /** Labels, annotations, `exportTo` and addresses come from here. */
  readonly identity: EntryBytes;
  /** Ports and endpoints come from these, in their order; at least one. */
  readonly contents: readonly EndpointsOf[];
  /** As they are written. */
  readonly hosts: readonly string[];
  readonly createdMs: number | undefined;
  readonly cursor: string;
}

/** An encoded entry, and the number of its endpoints. */
export interface ComposedEntry extends EncodedResource {
  readonly endpoints: number;
}

const writer = new WireWriter();

/** Encodes a composed entry in the form of `encodeResource()`: equal parts give equal bytes, on every replica. */
export function composeEntry(composition: Composition): ComposedEntry {
  const { identity, contents, name, createdMs, cursor } = composition;
  const bodyMark = writer.written;
  const endpoints = writeBody(composition);
  writer.message(2, bodyMark);
  writer.string(1, bodyTypeUrls.ServiceEntry);
  const labels: Uint8Array[] = [];
  for (const [key, label] of identity.labels) {
    if (key !== noEndpointsLabel || isEmpty(contents, endpoints)) labels.push(label);
  }
  const pieces = [writer.since(bodyMark), ...labels, ...identity.annotations];
  // Clients compare versions: a time of creation that isn't the entry's own has to reach them, too.
  if (createdMs !== identity.createdMs) pieces.push(Buffer.from(String(createdMs)));
  const version = contentHash(pieces);
  writer.message(2, bodyMark);

  const metadataMark = writer.written;
  writer.stringMap(5, { [cursorAnnotation]: cursor });
  rawBackwards(identity.annotations);
  rawBackwards(labels);
  writer.string(3, version);
  if (createdMs !== undefined) writeTimestampMs(writer, createdMs);
  writer.string(1, name);
  writer.message(1, metadataMark);

  writer.message(2, bodyMark);
  writer.string(1, mcpResourceTypeUrl);
  writer.message(2, bodyMark);
  return { framed: writer.finish(), version, endpoints };
}

/** True if istiod has to notice that there is no endpoint, see {@link noEndpointsLabel}. */
function isEmpty([content]: readonly EndpointsOf[], endpoints: number): boolean {
  return endpoints === 0 && content?.entry.resolution === Resolution.static &&
    content.entry.workloadSelector === undefined;
}

/** Writes the fields of the spec. Returns how many endpoints it has. */
function writeBody({ identity, contents, hosts }: Composition): number {
  const entries = contents.map(({ entry }) => entry);
  const [first] = entries;
  const ports = unitedPorts(entries);
  // An entry that shares its hosts with none keeps its endpoints as they are.
  const isOwn = entries.length === 1 && first === identity;
  const endpoints = isOwn ? [] : joinEndpoints(contents, ports);
  const base = entries.includes(identity) ? identity : first;
  if (base?.workloadSelector !== undefined) writer.raw(base.workloadSelector);
  writer.strings(8, [...new Set(entries.flatMap(({ subjectAltNames }) => subjectAltNames))].sort());
  rawBackwards(identity.exportTo);
  if (isOwn) { for (const endpoint of identity.endpoints.toReversed()) writer.bytes(6, endpoint); }
  else for (const endpoint of endpoints.toReversed()) writeEndpoint(writer, endpoint, ports);
  writer.uint(5, base?.resolution);
  writer.uint(4, base?.location);
  for (const port of ports.toReversed()) {
    const mark = writer.written;
    writer.uint(4, port.targetPort);
    writer.string(3, port.name);
    writer.string(2, port.protocol);
    writer.uint(1, port.number);
    writer.message(3, mark);
  }
  rawBackwards([identity, ...entries].find(({ addresses }) => addresses.length > 0)?.addresses ?? []);
  writer.strings(1, hosts);
  return isOwn ? identity.endpoints.length : endpoints.length;
}

function rawBackwards(fields: readonly Uint8Array[]): void {
  for (let index = fields.length - 1; index >= 0; index--) {
    const field = fields[index];
    if (field !== undefined) writer.raw(field);
  }
}
