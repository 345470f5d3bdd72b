import type { EntryBytes, EntryPort } from "./entry-bytes.ts";
import { Resolution } from "./entry-bytes.ts";

/**
 * Why entries of one host can't be one entry; the end of a sentence that begins with the one that is left out.
 * `undefined`: they can.
 */
export function whyNotOneEntry(
  entries: readonly EntryBytes[],
  ports: ReadonlyMap<number, EntryPort>,
  another: EntryBytes,
): string | undefined {
  const [first] = entries;
  if (first === undefined) return undefined;
  if (first.workloadSelector !== undefined || another.workloadSelector !== undefined) {
    return "one of them selects workloads";
  }
  if (first.resolution !== another.resolution) return "resolves addresses in another way";
  switch (first.resolution) {
    case Resolution.none:
    case Resolution.static:
      break;
    case Resolution.dns:
      // Without endpoints its host is looked up, which is another thing than having none.
      if (first.endpoints.length === 0 !== (another.endpoints.length === 0)) {
        return "resolves addresses in another way";
      }
      break;
    default:
      return "may have one endpoint only";
  }
  for (const { number, protocol } of another.ports) {
    const known = ports.get(number);
    if (known !== undefined && !isSameProtocol(known.protocol, protocol)) {
      return `has ${named(protocol)} on port ${number}, not ${named(known.protocol)}`;
    }
  }
  return undefined;
}

/** True for what istiod takes for the same protocol. */
export function isSameProtocol(a: string, b: string): boolean {
  return a === b || a.toUpperCase() === b.toUpperCase();
}

const named = (protocol: string) => protocol === "" ? "no protocol" : protocol;

/** Longest name that Istio takes for a port. */
const maxNameLength = 63;

/**
 * Adds an entry's ports to those of the entries before it, by number. Of a port that several have, the first one's
 * name stays; a name that another number has already is followed by the number, because names have to differ.
 */
export function addPorts(ports: Map<number, EntryPort>, entry: EntryBytes): void {
  for (const port of entry.ports) {
    if (ports.has(port.number)) continue;
    ports.set(port.number, { ...port, name: freeName(ports, port) });
  }
}

function freeName(ports: ReadonlyMap<number, EntryPort>, { name, number }: EntryPort): string {
  const taken = new Set(Array.from(ports.values(), (port) => port.name));
  let candidate = name;
  for (let round = 1; taken.has(candidate); round++) {
    const end = round === 1 ? `-${number}` : `-${number}-${round}`;
    candidate = name.slice(0, maxNameLength - end.length) + end;
  }
  return candidate;
}

/** The ports of several entries as one entry has them, by number. */
export function unitedPorts(entries: readonly EntryBytes[]): readonly EntryPort[] {
  const ports = new Map<number, EntryPort>();
  for (const entry of entries) addPorts(ports, entry);
  return [...ports.values()].sort((a, b) => a.number - b.number);
}
