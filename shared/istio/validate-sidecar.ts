import type { z } from "zod";
import type {
  EgressListener,
  IngressListener,
  SidecarManifest,
  SidecarPort,
  SidecarSpec,
} from "../model/manifest.ts";
import { isIpAddress } from "./ip-address.ts";
import { isFqdn, isLabel, isPartialWildcard, isPortProtocol, isWildcardHost } from "./names.ts";
import { isPortNumber } from "./port-number.ts";
import { unixPathFault, unixPrefix } from "./unix-address.ts";
import { portNameFault } from "./validate-endpoints.ts";
import { checkSelector } from "./validate-selector.ts";
import { protocolFault } from "./validate-service-entry.ts";
import { quote } from "./violation.ts";
import type { Findings, Rule } from "./violation.ts";

type Egress = z.infer<typeof EgressListener>;
type Ingress = z.infer<typeof IngressListener>;
type Port = z.infer<typeof SidecarPort>;

/**
 * The rules C1 to C7: what istiod asks of a Sidecar beyond its metadata. Fields that our model doesn't have (TLS and
 * connection pools) aren't checked.
 */
export function checkSidecar(manifest: SidecarManifest, findings: Findings): void {
  const { spec } = manifest;
  if (!checkSelector(spec.workloadSelector, "C1", findings)) return;
  const { egress = [], ingress = [] } = spec;
  if (egress.length === 0 && ingress.length === 0 && spec.outboundTrafficPolicy === undefined) {
    findings.error("C1", "spec", "nothing configured: Istio wants egress, ingress or outboundTrafficPolicy");
    return;
  }
  checkIngress(ingress, findings);
  checkEgress(egress, manifest.metadata.namespace, findings);
  checkTrafficPolicy(spec.outboundTrafficPolicy, findings);
}

function checkIngress(listeners: readonly Ingress[], findings: Findings): void {
  const numbers = new Set<number>();
  for (const [index, listener] of listeners.entries()) {
    const path = `spec.ingress[${index}]`;
    if (listener.port === undefined) {
      findings.error("C6", `${path}.port`, "no port: Istio wants one on each ingress listener");
      continue;
    }
    checkPort(listener.port, "C6", `${path}.port`, findings);
    checkNumberAndBind(listener.port, listener.bind ?? "", "C6", path, findings);
    const { number = 0 } = listener.port;
    if (numbers.has(number)) {
      findings.error("C6", `${path}.port.number`, `port ${number} twice: Istio wants each once`);
    }
    numbers.add(number);
    checkDefaultEndpoint(listener.defaultEndpoint ?? "", `${path}.defaultEndpoint`, findings);
  }
}

const localHosts: ReadonlySet<string> = new Set(["", "127.0.0.1", "0.0.0.0", "::1", "::"]);

function checkDefaultEndpoint(endpoint: string, path: string, findings: Findings): void {
  if (endpoint === "") return;
  if (endpoint.startsWith(unixPrefix)) {
    const fault = unixPathFault(endpoint);
    if (fault !== undefined) findings.error("C6", path, fault);
    return;
  }
  const match = /^(?:\[(?<bracketed>[^[\]]*)\]|(?<plain>[^:[\]]*)):(?<port>\+?[0-9]+)$/.exec(endpoint);
  const host = match?.groups?.["bracketed"] ?? match?.groups?.["plain"];
  if (host !== undefined && localHosts.has(host) && isPortNumber(Number(match?.groups?.["port"]))) return;
  const wanted = `Istio wants HOST:PORT with no host, 127.0.0.1, 0.0.0.0, [::1] or [::], or unix://PATH`;
  findings.error("C6", path, `default endpoint ${quote(endpoint)}: ${wanted}`);
}

function checkPort(port: Port, rule: Rule, path: string, findings: Findings): void {
  const { name = "", protocol = "", targetPort = 0 } = port;
  if (name !== "" && !isLabel(name)) findings.error(rule, `${path}.name`, portNameFault(name));
  if (!isPortProtocol(protocol)) findings.error(rule, `${path}.protocol`, protocolFault(protocol));
  if (targetPort > 0) {
    findings.error(rule, `${path}.targetPort`, `target port ${targetPort}: Istio wants none in a Sidecar`);
  }
}

function checkNumberAndBind(port: Port, bind: string, rule: Rule, path: string, findings: Findings): void {
  const { number = 0 } = port;
  if (!isPortNumber(number)) {
    findings.error(rule, `${path}.port.number`, `port ${number}: Istio wants 1 to 65535`);
  }
  if (bind !== "" && !isIpAddress(bind)) {
    findings.error(
      rule,
      `${path}.bind`,
      `bind ${quote(bind)}: Istio wants an IP address with port ${number}`,
    );
  }
}

function checkEgress(listeners: readonly Egress[], namespace: string, findings: Findings): void {
  const numbers = new Set<number>();
  const binds = new Set<string>();
  for (const [index, listener] of listeners.entries()) {
    const path = `spec.egress[${index}]`;
    if (listener.port !== undefined) {
      checkEgressPort(listener.port, listener, path, findings);
      const { number = 0 } = listener.port;
      const { bind = "" } = listener;
      if (number === 0 ? binds.has(bind) : numbers.has(number)) {
        const what = number === 0 ? `bind ${quote(bind)}` : `port ${number}`;
        findings.error("C3", `${path}.port.number`, `${what} twice: Istio wants each once`);
      }
      if (number === 0) binds.add(bind);
      else numbers.add(number);
    } else if (index < listeners.length - 1) {
      const message = "no port: Istio wants at most one listener without a port, and that as the last one";
      findings.error("C2", `${path}.port`, message);
    }
    checkEgressHosts(listener.hosts ?? [], namespace, `${path}.hosts`, findings);
  }
}

function checkEgressPort(port: Port, listener: Egress, path: string, findings: Findings): void {
  const { bind = "", captureMode = "DEFAULT" } = listener;
  checkPort(port, "C3", `${path}.port`, findings);
  if ((port.number ?? 0) !== 0) {
    checkNumberAndBind(port, bind, "C3", path, findings);
    return;
  }
  const fault = bind.startsWith(unixPrefix)
    ? unixPathFault(bind)
    : `bind ${quote(bind)}: Istio wants unix://PATH with port 0`;
  if (fault !== undefined) findings.error("C3", `${path}.bind`, fault);
  if (captureMode === "IPTABLES") {
    const message = `capture mode IPTABLES: Istio wants DEFAULT or NONE with a unix domain socket`;
    findings.error("C3", `${path}.captureMode`, message);
  }
}

function checkEgressHosts(
  hosts: readonly string[],
  namespace: string,
  path: string,
  findings: Findings,
): void {
  if (hosts.length === 0) {
    findings.error("C2", path, "no hosts: Istio wants at least one per egress listener");
  }
  const byNamespace = new Map<string, Set<string>>();
  for (const [index, host] of hosts.entries()) {
    checkEgressHost(host, `${path}[${index}]`, findings);
    const slash = host.indexOf("/");
    if (slash === -1 || host.startsWith("~")) continue;
    const own = host.slice(0, slash);
    const key = own === "." ? namespace : own;
    const names = byNamespace.get(key) ?? new Set();
    byNamespace.set(key, names);
    const name = host.slice(slash + 1);
    if (name === "*" ? names.size > 0 : names.has(name) || names.has("*")) {
      findings.warning(
        "C5",
        `${path}[${index}]`,
        `${quote(host)} is covered twice: Istio wants each host once`,
      );
    }
    names.add(name);
  }
  if (byNamespace.size > 1 && byNamespace.get("*")?.has("*") === true) {
    findings.warning("C5", path, `hosts beside "*/*": Istio wants it alone, since it selects all of them`);
  }
}

function checkEgressHost(host: string, path: string, findings: Findings): void {
  const slash = host.indexOf("/");
  if (slash === -1) {
    findings.error("C4", path, `${quote(host)}: Istio wants NAMESPACE/HOST, such as "*/a.example"`);
    return;
  }
  const namespace = host.slice(0, slash);
  const excluded = namespace.startsWith("~");
  const bare = excluded ? namespace.slice(1) : namespace;
  if (bare !== "*" && bare !== "." && !isLabel(bare) && namespace !== "~") {
    const message = `namespace ${quote(namespace)} of ${
      quote(host)
    }: Istio wants "*", ".", "~" or a namespace's name`;
    findings.error("C4", path, message);
  } else if (excluded && bare !== "") {
    findings.warning(
      "C4",
      path,
      `${quote(host)} excludes a namespace: Istio before 1.31 rejects the whole Sidecar`,
    );
  }
  const name = host.slice(slash + 1);
  if (name === "*") return;
  if (!isWildcardHost(name) || !name.includes(".") || isPartialWildcard(name)) {
    const message = `host ${quote(name)} of ${quote(host)}: Istio wants "*", or a DNS name with a dot in it`;
    findings.error("C4", path, message);
  }
}

function checkTrafficPolicy(policy: SidecarSpec["outboundTrafficPolicy"], findings: Findings): void {
  const proxy = policy?.egressProxy;
  if (proxy === undefined) return;
  const path = "spec.outboundTrafficPolicy.egressProxy";
  if (policy?.mode !== "ALLOW_ANY") {
    findings.error(
      "C7",
      path,
      `egress proxy with mode ${policy?.mode ?? "REGISTRY_ONLY"}: Istio wants ALLOW_ANY`,
    );
    return;
  }
  if (!isFqdn(proxy.host)) {
    findings.error("C7", `${path}.host`, `host ${quote(proxy.host)}: Istio wants a DNS name`);
  }
  if (proxy.port === undefined) {
    findings.error("C7", `${path}.port`, "no port: Istio wants one");
    return;
  }
  const { subset = "" } = proxy;
  if (subset !== "" && !isLabel(subset)) {
    findings.error(
      "C7",
      `${path}.subset`,
      `subset ${quote(subset)}: Istio wants 1 to 63 letters, digits and "-"`,
    );
  }
  if (!isPortNumber(proxy.port.number)) {
    findings.error("C7", `${path}.port.number`, `port ${proxy.port.number}: Istio wants 1 to 65535`);
  }
}
