import { cursorAnnotation } from "../encode/encode-resource.ts";
import { WireReader } from "../encode/wire-reader.ts";

/** A port of an encoded ServiceEntry. */
export interface EntryPort {
  readonly number: number;
  readonly protocol: string;
  readonly name: string;
  /** 0: none. */
  readonly targetPort: number;
}

/** `resolution` of an encoded ServiceEntry. */
export const Resolution = { none: 0, static: 1, dns: 2 } as const;

/**
 * An encoded ServiceEntry (see `encode-resource.ts`), taken apart as far as needed to join it with others. Everything
 * else stays bytes: to decode and encode an entry costs ten times as much.
 */
export interface EntryBytes {
  /** Milliseconds since 1970; undefined if it has no time of creation. */
  readonly createdMs: number | undefined;
  /** Fields of its metadata's labels, by key. */
  readonly labels: ReadonlyMap<string, Uint8Array>;
  /** Fields of its annotations, without the cursor. */
  readonly annotations: readonly Uint8Array[];
  /** As they are written. */
  readonly hosts: readonly string[];
  /** Whole fields. */
  readonly addresses: readonly Uint8Array[];
  readonly ports: readonly EntryPort[];
  /** The fields of all ports: equal bytes are equal ports. */
  readonly portBytes: Uint8Array;
  readonly location: number;
  readonly resolution: number;
  /** The content of each endpoint. */
  readonly endpoints: readonly Buffer[];
  /** Whole fields. */
  readonly exportTo: readonly Uint8Array[];
  readonly subjectAltNames: readonly string[];
  /** The whole field; undefined if there is none. */
  readonly workloadSelector: Uint8Array | undefined;
}

/** A mutable {@link EntryBytes} that is being filled. */
interface Filling {
  createdMs: number | undefined;
  labels: Map<string, Uint8Array>;
  annotations: Uint8Array[];
}

/** Takes an entry apart. The bytes are our own: what is wrong with them is a bug. */
export function readEntry(framed: Uint8Array): EntryBytes {
  const reader = new WireReader(Buffer.from(framed.buffer, framed.byteOffset, framed.byteLength));
  const metadata: Filling = { createdMs: undefined, labels: new Map(), annotations: [] };
  let body: WireReader | undefined;
  reader.next();
  const resource = contentOf(reader.message, 2);
  while (resource?.next() === true) {
    if (resource.field === 1) readMetadata(resource.message, metadata);
    else if (resource.field === 2) body = contentOf(resource.message, 2);
  }
  return { ...metadata, ...readSpec(body ?? new WireReader(reader.bytes, 0, 0)) };
}

/** The content of the first field of this number. */
function contentOf(reader: WireReader, field: number): WireReader | undefined {
  while (reader.next()) if (reader.field === field) return reader.message;
  return undefined;
}

function readMetadata(reader: WireReader, into: Filling): void {
  while (reader.next()) {
    switch (reader.field) {
      case 2:
        into.createdMs = timeOf(reader.message);
        break;
      case 4:
        into.labels.set(keyOf(reader.message), reader.whole);
        break;
      case 5:
        if (keyOf(reader.message) !== cursorAnnotation) into.annotations.push(reader.whole);
        break;
    }
  }
}

/** google.protobuf.Timestamp. */
function timeOf(reader: WireReader): number {
  let milliseconds = 0;
  while (reader.next()) milliseconds += reader.field === 1 ? reader.value * 1000 : reader.value / 1_000_000;
  return milliseconds;
}

/** The key of an entry of a map of texts; an empty one isn't written. */
function keyOf(reader: WireReader): string {
  return reader.next() && reader.field === 1 ? reader.text : "";
}

function readSpec(reader: WireReader) {
  const hosts: string[] = [];
  const addresses: Uint8Array[] = [];
  const ports: EntryPort[] = [];
  const endpoints: Buffer[] = [];
  const exportTo: Uint8Array[] = [];
  const subjectAltNames: string[] = [];
  let workloadSelector: Uint8Array | undefined;
  let location = 0;
  let resolution = 0;
  let portsFrom = 0;
  let portsTo = 0;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        hosts.push(reader.text);
        break;
      case 2:
        addresses.push(reader.whole);
        break;
      case 3:
        if (ports.length === 0) portsFrom = reader.start;
        portsTo = reader.to;
        ports.push(readPort(reader.message));
        break;
      case 4:
        location = reader.value;
        break;
      case 5:
        resolution = reader.value;
        break;
      case 6:
        endpoints.push(reader.bytes.subarray(reader.from, reader.to));
        break;
      case 7:
        exportTo.push(reader.whole);
        break;
      case 8:
        subjectAltNames.push(reader.text);
        break;
      case 9:
        workloadSelector = reader.whole;
        break;
    }
  }
  const portBytes = reader.bytes.subarray(portsFrom, portsTo);
  return {
    hosts,
    addresses,
    ports,
    portBytes,
    location,
    resolution,
    endpoints,
    exportTo,
    subjectAltNames,
    workloadSelector,
  };
}

/** The ports in a row of their fields. */
export function readPorts(reader: WireReader): readonly EntryPort[] {
  const ports: EntryPort[] = [];
  while (reader.next()) ports.push(readPort(reader.message));
  return ports;
}

function readPort(reader: WireReader): EntryPort {
  let number = 0;
  let protocol = "";
  let name = "";
  let targetPort = 0;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        number = reader.value;
        break;
      case 2:
        protocol = reader.text;
        break;
      case 3:
        name = reader.text;
        break;
      case 4:
        targetPort = reader.value;
        break;
    }
  }
  return { number, protocol, name, targetPort };
}
