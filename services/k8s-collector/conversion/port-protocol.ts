import { parseProtocol } from "../../../shared/istio/mod.ts";

/** `appProtocol`s with a meaning of their own. */
const kubernetesProtocols: ReadonlyMap<string, string> = new Map([
  ["kubernetes.io/h2c", "HTTP2"],
  ["kubernetes.io/ws", "HTTP"],
  ["kubernetes.io/wss", "HTTPS"],
]);

/** Ports at which the server speaks first, so that a proxy must not wait for the first bytes: SMTP, DNS, MySQL, MongoDB. */
const serverFirstPorts: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

/**
 * The protocol of a Service's port as Istio selects it: `appProtocol` where it is set, else the name up to its first
 * hyphen. `""`: the proxy finds out from the first bytes. An `appProtocol` that Istio doesn't know hides the name.
 */
export function selectProtocol(
  port: {
    readonly name: string;
    readonly number: number;
    readonly protocol: string;
    readonly appProtocol: string | undefined;
  },
): string {
  if (port.protocol === "UDP") return "UDP";
  const given = port.appProtocol !== undefined && port.appProtocol !== "" ? port.appProtocol : undefined;
  const special = given === undefined ? undefined : kubernetesProtocols.get(given);
  if (special !== undefined) return special;
  const text = (given ?? port.name).toLowerCase();
  if (text.startsWith("grpc-web")) return "GRPC-WEB";
  const known = parseProtocol(text.split("-", 1)[0] ?? "");
  if (known !== undefined) return known.toUpperCase();
  return serverFirstPorts.has(port.number) ? "TCP" : "";
}
