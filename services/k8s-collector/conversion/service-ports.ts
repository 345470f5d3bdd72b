import { isLabel, isPortNumber } from "../../../shared/istio/mod.ts";
import type { ServicePort as EntryPort } from "../../../shared/model/manifest.ts";
import type { KubernetesService } from "../client/objects.ts";
import { selectProtocol } from "./port-protocol.ts";

/** A port of a Service, and of its entry. */
export interface ConvertedPort {
  /** The name in slices: `""` where the only port has none. */
  readonly ownName: string;
  /** The number at endpoints whose slice names none. */
  readonly fallback: number;
  readonly entry: EntryPort;
}

/**
 * The ports that an entry can have: not SCTP, and of TCP and UDP with one number (DNS) TCP, because an entry has each
 * number once. `report` hears of ports that are left out.
 */
export function convertPorts(
  { ports }: KubernetesService,
  report: (reason: string) => void,
): readonly ConvertedPort[] {
  const byNumber = new Map<number, ConvertedPort & { readonly transport: string }>();
  for (const port of ports) {
    const { number, protocol: transport, targetPort } = port;
    if (transport !== "TCP" && transport !== "UDP") {
      report(`port ${number} is left out: Istio has no ${transport}`);
      continue;
    }
    if (!isPortNumber(number)) {
      report(`port ${number} is left out: that is no port`);
      continue;
    }
    if (port.name !== "" && !isLabel(port.name)) {
      report(
        `port ${number} is left out: its name ${JSON.stringify(port.name)} is none that a port may have`,
      );
      continue;
    }
    const known = byNumber.get(number);
    if (known !== undefined && (known.transport === "TCP" || transport === "UDP")) continue;
    const protocol = selectProtocol(port);
    const name = port.name === ""
      ? `${protocol === "" ? "port" : protocol.toLowerCase()}-${number}`
      : port.name;
    byNumber.set(number, {
      ownName: port.name,
      fallback: targetPort ?? number,
      transport,
      entry: { number, name, ...(protocol !== "" && { protocol }) },
    });
  }
  const names = new Set<string>();
  return [...byNumber.values()].sort((a, b) => a.entry.number - b.entry.number).filter(({ entry }) => {
    const isNew = !names.has(entry.name);
    names.add(entry.name);
    if (!isNew) report(`port ${entry.number} is left out: another one is called ${entry.name}, too`);
    return isNew;
  });
}
