import { canonicalAddress } from "../../istio/mod.ts";
import { splitList } from "./dubbo-list.ts";
import type { DubboService } from "./dubbo-host.ts";
import type { DubboUrl } from "./dubbo-url.ts";
import { parameterOf } from "./dubbo-url.ts";
import { parseDubboUrl } from "./parse-dubbo-url.ts";

/** A governance rule: changes parameters of the providers that it is meant for. */
export type Configurator = (provider: DubboUrl, service: DubboService) => DubboUrl;

/** What is said of the rule itself, or is a condition, and doesn't become a parameter of a provider. */
const ownKeys: ReadonlySet<string> = new Set([
  "application",
  "category",
  "check",
  "compatible_config",
  "configVersion",
  "dynamic",
  "enabled",
  "group",
  "interfaces",
  "priority",
  "providerAddresses",
  "side",
  "version",
]);

const anyHost = "0.0.0.0";

/**
 * Reads the names below `configurators`, in the order in which Dubbo applies them: by host as text, then by priority,
 * so that the rule of one host has the last word. `override://` sets parameters, `absent://` those that are missing.
 * A rule that is switched off is left out. `report` is told of names that are no rules.
 */
export function readConfigurators(
  names: Iterable<string>,
  report: (name: string, reason: string) => void,
): Configurator[] {
  const rules: { name: string; url: DubboUrl; priority: number }[] = [];
  for (const name of names) {
    const url = parseDubboUrl(name);
    if (typeof url === "string") {
      report(name, url);
    } else if (url.protocol === "override" || url.protocol === "absent") {
      if (url.parameters["enabled"] === "false") continue;
      rules.push({ name, url, priority: Number(url.parameters["priority"] ?? 0) || 0 });
    } else if (url.protocol !== "empty") {
      report(name, `has the protocol ${url.protocol}, not override or absent`);
    }
  }
  rules.sort((a, b) =>
    compareTexts(a.url.host, b.url.host) || a.priority - b.priority || compareTexts(a.name, b.name)
  );
  return rules.map(({ url }) => compiled(url));
}

function compiled(rule: DubboUrl): Configurator {
  const { group = "", version = "" } = rule.parameters;
  const changes = Object.entries(rule.parameters).filter(([key]) =>
    !ownKeys.has(key) && !key.startsWith("~")
  );
  const conditions = Object.entries(rule.parameters)
    .filter(([key, value]) => (key.startsWith("~") || key === "application") && value !== "*")
    .map(([key, value]) => [key.startsWith("~") ? key.slice(1) : key, value] as const);
  return (provider, service) => {
    const isMeant = matches(group, service.group) && matches(version, service.version) &&
      isForProvider(rule, provider) &&
      conditions.every(([key, value]) => parameterOf(provider, key) === value);
    return isMeant ? changed(provider, changes, rule.protocol === "absent") : provider;
  };
}

/** Any, that one, or one of a list. */
function matches(wanted: string, actual: string): boolean {
  return wanted === "*" || wanted === actual || (wanted.includes(",") && splitList(wanted).includes(actual));
}

/** Rules for consumers change what a consumer sees of a provider, which is no property of the provider. */
function isForProvider(rule: DubboUrl, provider: DubboUrl): boolean {
  const { configVersion, providerAddresses, side } = rule.parameters;
  if (side !== undefined && side !== "*" && side !== (provider.parameters["side"] ?? "provider")) {
    return false;
  }
  if (rule.host !== anyHost && rule.host !== provider.host) return false;
  // Since 2.7 (`configVersion`) addresses are listed. Before, a host without a port meant a consumer.
  if (configVersion !== undefined) return isListed(providerAddresses, provider);
  return rule.port === 0 ? rule.host === anyHost : rule.port === provider.port;
}

function isListed(addresses: string | undefined, { host, port }: DubboUrl): boolean {
  if (addresses === undefined || addresses === "") return true;
  const bracketed = host.includes(":") ? `[${host}]` : host;
  const meant = new Set([
    host,
    `${host}:${port}`,
    `${bracketed}:${port}`,
    anyHost,
    `${anyHost}:*`,
    `${anyHost}:${port}`,
  ]);
  return splitList(addresses.trim()).some((address) => meant.has(canonicalListed(address)));
}

/** `host`, `host:port`, `[IPv6]:port`: with the one spelling that a provider's host has. */
function canonicalListed(address: string): string {
  const [, host = address, port = ""] = /^(\[.*\]|[^:]*)(:[0-9*]+)$/.exec(address) ?? [];
  const canonical = canonicalAddress(host);
  return canonical.includes(":") && port !== "" ? `[${canonical}]${port}` : canonical + port;
}

function changed(
  provider: DubboUrl,
  changes: readonly (readonly [string, string])[],
  onlyAbsent: boolean,
): DubboUrl {
  const parameters: Record<string, string> = Object.assign(Object.create(null), provider.parameters);
  for (const [key, value] of changes) {
    if (!onlyAbsent || parameterOf(provider, key) === "") parameters[key] = value;
  }
  return { ...provider, parameters };
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
