import { WireReader } from "../encode/wire-reader.ts";
import type { WireWriter } from "../encode/wire-writer.ts";
import type { EntryBytes, EntryPort } from "./entry-bytes.ts";
import { extend } from "./entry-regions.ts";
import type { Range } from "./entry-regions.ts";
import { isSameProtocol } from "./united-ports.ts";
import { compareCodePoints } from "../../../../shared/istio/mod.ts";

/** Where the endpoints of an entry come from. */
export interface EndpointsOf {
  readonly entry: EntryBytes;
  /** What {@link sourceLabel} says of them. */
  readonly source: string;
}

/** The label of an endpoint that says which source it comes from, in entries that have endpoints of several. */
export const sourceLabel = "meshregistry.io/source";

/** An endpoint of a joined entry. Its fields stay bytes, as far as they needn't change. */
export interface JoinedEndpoint {
  readonly bytes: Buffer;
  readonly address: string;
  readonly network: string;
  /** Port numbers by names of the joined entry. */
  ports: ReadonlyMap<string, number>;
  /** Where its ports stand, if they are those of the joined entry as they stand. */
  givenPorts: Range | undefined;
  /** Where the fields before `ports`, `labels` and everything behind them stand. */
  readonly head: Range;
  readonly labels: Range;
  readonly tail: Range;
  /** {@link sourceLabel} with its value: one object for all endpoints of a source. */
  readonly source: Readonly<Record<string, string>>;
}

/**
 * The endpoints of several entries of one host, as one entry has them, in order: the same address and port once, with
 * labels, weight and locality of the first that has it. Every endpoint answers on every port of its protocol with its
 * own port, as in the entries of one registry, so that callers of either entry's port reach all of them.
 */
export function joinEndpoints(
  sources: readonly EndpointsOf[],
  ports: readonly EntryPort[],
): readonly JoinedEndpoint[] {
  const joined: JoinedEndpoint[] = [];
  /** By address and network; filled while further sources follow. */
  const byPlace = new Map<string, JoinedEndpoint[]>();
  for (const [index, { entry, source: sourceText }] of sources.entries()) {
    const endpointOf = endpointReader(entry.ports, ports, sourceText);
    const added: JoinedEndpoint[] = [];
    for (const bytes of entry.endpoints) {
      const endpoint = endpointOf(bytes);
      const same = index === 0
        ? undefined
        : byPlace.get(placeOf(endpoint))?.find((other) => agree(other.ports, endpoint.ports));
      if (same === undefined) added.push(endpoint);
      else if (same.givenPorts === undefined) same.ports = new Map([...endpoint.ports, ...same.ports]);
    }
    joined.push(...added);
    if (index === sources.length - 1) break;
    for (const endpoint of added) {
      const place = placeOf(endpoint);
      const others = byPlace.get(place);
      if (others === undefined) byPlace.set(place, [endpoint]);
      else others.push(endpoint);
    }
  }
  return joined.sort((a, b) => compareCodePoints(a.address, b.address) || firstPort(a) - firstPort(b));
}

/** Reads endpoints of an entry with ports of its own as a joined entry has them, with other ports perhaps. */
export function endpointReader(
  own: readonly EntryPort[],
  ports: readonly EntryPort[],
  sourceText: string,
): (bytes: Buffer) => JoinedEndpoint {
  const source = { [sourceLabel]: sourceText };
  const portsOf = portReader(own, ports);
  const isSame = hasPorts(own, ports);
  return (bytes) => readEndpoint(bytes, source, portsOf, isSame);
}

/** {@link endpointReader} for an entry whose ports are those of the joined one, for endpoints that are only written. */
export function endpointReaderOfSamePorts(sourceText: string): (bytes: Buffer) => JoinedEndpoint {
  const source = { [sourceLabel]: sourceText };
  return (bytes) => readEndpoint(bytes, source, () => noPorts, true);
}

/** Writes an endpoint as an element of field 6. The writer goes backwards. */
export function writeEndpoint(
  writer: WireWriter,
  endpoint: JoinedEndpoint,
  ports: readonly EntryPort[],
): void {
  const { bytes, head, labels, tail, source } = endpoint;
  const mark = writer.written;
  writer.raw(bytes.subarray(tail.from, tail.to));
  writer.stringMap(3, source);
  writer.raw(bytes.subarray(labels.from, labels.to));
  if (endpoint.givenPorts === undefined) writer.uintMap(2, completed(endpoint.ports, ports));
  else writer.raw(bytes.subarray(endpoint.givenPorts.from, endpoint.givenPorts.to));
  writer.raw(bytes.subarray(head.from, head.to));
  writer.message(6, mark);
}

/** The ports that an endpoint's map has to name, each with its number. */
function completed(known: ReadonlyMap<string, number>, ports: readonly EntryPort[]): Record<string, number> {
  const map: Record<string, number> = {};
  for (const port of ports) {
    const own = known.get(port.name) ?? donorOf(known, port, ports);
    if (own !== undefined && (known.has(port.name) || own !== (port.targetPort || port.number))) {
      map[port.name] = own;
    }
  }
  return map;
}

/** The number under which an endpoint that lacks a port answers on another one of its protocol. */
function donorOf(
  known: ReadonlyMap<string, number>,
  { protocol }: EntryPort,
  ports: readonly EntryPort[],
): number | undefined {
  const donor = ports.find((port) => known.has(port.name) && isSameProtocol(port.protocol, protocol));
  return donor && known.get(donor.name);
}

type PortReader = (bytes: Buffer, range: Range) => ReadonlyMap<string, number>;

/** Reads the ports of an entry's endpoints under the names of the joined entry. Endpoints that are alike share a map. */
function portReader(own: readonly EntryPort[], ports: readonly EntryPort[]): PortReader {
  const names = new Map(ports.map(({ number, name }) => [number, name]));
  let last: Buffer | undefined;
  let lastPorts: ReadonlyMap<string, number> = new Map();
  return (bytes, { from, to }) => {
    const now = bytes.subarray(from, to);
    if (last?.equals(now) === true) return lastPorts;
    const given = readPortMap(now);
    const read = new Map<string, number>();
    for (const { number, name, targetPort } of own) {
      const joinedName = names.get(number);
      if (joinedName !== undefined) read.set(joinedName, given.get(name) ?? (targetPort || number));
    }
    last = now;
    lastPorts = read;
    return read;
  };
}

/** A `map<string, uint32>` in fields of its own. */
function readPortMap(bytes: Buffer): ReadonlyMap<string, number> {
  const ports = new Map<string, number>();
  for (const reader = new WireReader(bytes); reader.next();) {
    let name = "";
    let number = 0;
    for (const pair = reader.message; pair.next();) {
      if (pair.field === 1) name = pair.text;
      else number = pair.value;
    }
    ports.set(name, number);
  }
  return ports;
}

function readEndpoint(
  bytes: Buffer,
  source: Readonly<Record<string, string>>,
  portsOf: PortReader,
  hasAllPorts: boolean,
): JoinedEndpoint {
  let address = "";
  let network = "";
  const head = { from: 0, to: 0 };
  const ports = { from: 0, to: 0 };
  const labels = { from: 0, to: 0 };
  const tail = { from: 0, to: 0 };
  for (const reader = new WireReader(bytes); reader.next();) {
    switch (reader.field) {
      case 1:
        address = reader.text;
        extend(head, reader);
        break;
      case 2:
        extend(ports, reader);
        break;
      case 3:
        extend(labels, reader);
        break;
      case 4:
        network = reader.text;
        extend(tail, reader);
        break;
      default:
        extend(tail, reader);
    }
  }
  // Istio takes no ports for a socket in the file system.
  const known = address.startsWith("unix:") ? noPorts : portsOf(bytes, ports);
  const givenPorts = hasAllPorts ? ports : undefined;
  return { bytes, address, network, ports: known, givenPorts, head, labels, tail, source };
}

/** True if the entry has the ports of the joined entry, so that its endpoints' ports can stay as they are. */
function hasPorts(own: readonly EntryPort[], ports: readonly EntryPort[]): boolean {
  return own.length === ports.length && ports.every(({ number, name, targetPort }, index) => {
    const port = own[index];
    return port?.number === number && port.name === name && port.targetPort === targetPort;
  });
}

const noPorts: ReadonlyMap<string, number> = new Map();

function placeOf({ address, network }: JoinedEndpoint): string {
  return network === "" ? address : `${address} ${network}`;
}

/** True if no port has two numbers. */
function agree(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  for (const [name, number] of b) {
    const other = a.get(name);
    if (other !== undefined && other !== number) return false;
  }
  return true;
}

function firstPort({ ports }: JoinedEndpoint): number {
  let first = Number.POSITIVE_INFINITY;
  for (const number of ports.values()) if (number < first) first = number;
  return first === Number.POSITIVE_INFINITY ? 0 : first;
}
