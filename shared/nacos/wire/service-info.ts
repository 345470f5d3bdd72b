import { NacosError } from "../nacos-error.ts";
import type { NacosInstance, ServiceName } from "../nacos.ts";
import { excerpt, flagOr, isObject, textOr } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { parseServiceKey } from "./service-key.ts";

/** The part of a snapshot that the server says: see `ServiceSnapshot`. */
export interface ServiceInfo {
  readonly service: ServiceName;
  readonly instances: readonly NacosInstance[];
  readonly invalid: readonly string[];
  readonly protected: boolean;
  readonly serverTimeMs: number;
}

/**
 * Reads Nacos' `ServiceInfo`. Its name is bare over gRPC and `group@@name` over HTTP; 1.x has no group beside it.
 * @throws NacosError `protocol-violation` if it isn't one, or says nothing about instances: that is no empty list.
 */
export function decodeServiceInfo(value: unknown): ServiceInfo {
  if (!isObject(value)) throw new NacosError("protocol-violation", "a service that is no object");
  const { name, hosts } = value;
  if (typeof name !== "string" || name === "") {
    throw new NacosError("protocol-violation", "a service without a name");
  }
  const service = parseServiceKey(name, textOr(value["groupName"], undefined));
  if (!Array.isArray(hosts)) {
    throw new NacosError(
      "protocol-violation",
      `service "${excerpt(name)}" comes without a list of instances`,
    );
  }
  const time = value["lastRefTime"];
  return {
    service,
    ...decodeInstances(hosts),
    protected: value["reachProtectionThreshold"] === true,
    serverTimeMs: typeof time === "number" ? time : 0,
  };
}

/** Reads a list of instances. One that can't be read is named in `invalid`; the others are there. Never throws. */
export function decodeInstances(
  hosts: readonly unknown[],
): { readonly instances: readonly NacosInstance[]; readonly invalid: readonly string[] } {
  const instances = new Map<string, NacosInstance>();
  const invalid: string[] = [];
  for (const [index, host] of hosts.entries()) {
    const instance = isObject(host) ? decodeInstance(host) : "it is no object";
    if (typeof instance === "string") invalid.push(`instance ${index} of ${hosts.length}: ${instance}`);
    else instances.set(instanceKey(instance), instance);
  }
  return { instances: [...instances.values()].sort(byAddress), invalid };
}

/** What tells instances of a service apart. */
export function instanceKey({ ip, port, cluster }: NacosInstance): string {
  return `${ip} ${port} ${cluster}`;
}

/** The order of instances in a snapshot. */
export function byAddress(a: NacosInstance, b: NacosInstance): number {
  return compare(a.ip, b.ip) || a.port - b.port || compare(a.cluster, b.cluster);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function decodeInstance(host: JsonObject): NacosInstance | string {
  const { ip, port } = host;
  if (typeof ip !== "string" || ip.trim() === "") return `its address is ${shown(ip)}`;
  const portNumber = typeof port === "string" && /^\d+$/.test(port) ? Number(port) : port;
  if (typeof portNumber !== "number" || !Number.isSafeInteger(portNumber)) {
    return `${excerpt(ip)}: its port is ${shown(port)}`;
  }
  return {
    ip: ip.trim(),
    port: portNumber,
    weight: decodeWeight(host["weight"]),
    // 1.x has `valid` for it in its catalogue.
    healthy: flagOr(host["healthy"], flagOr(host["valid"], true)),
    enabled: flagOr(host["enabled"], true),
    ephemeral: flagOr(host["ephemeral"], true),
    cluster: textOr(host["clusterName"], "") || "DEFAULT",
    metadata: decodeMetadata(host["metadata"]),
    instanceId: textOr(host["instanceId"], undefined),
  };
}

function decodeWeight(value: unknown): number {
  if (value === undefined || value === null) return 1;
  // Java's NaN and infinities come as texts.
  const weight = typeof value === "string" ? Number(value) : value;
  return typeof weight === "number" && Number.isFinite(weight) ? weight : Number.NaN;
}

function decodeMetadata(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) return {};
  const metadata: Record<string, string> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === null || item === undefined) continue;
    const text = typeof item === "string" ? item : JSON.stringify(item);
    // To assign this one key would be lost. An object without a prototype would do for all keys, and takes three
    // times the memory.
    if (key === "__proto__") Object.defineProperty(metadata, key, { value: text, enumerable: true });
    else metadata[key] = text;
  }
  return metadata;
}

function shown(value: unknown): string {
  return excerpt(JSON.stringify(value) ?? "missing");
}

/** Whether two lists of instances, each sorted, are the same. Ids don't count: some servers make them up. */
export function sameInstances(a: readonly NacosInstance[], b: readonly NacosInstance[]): boolean {
  return a.length === b.length && a.every((one, index) => {
    const other = b[index];
    return other !== undefined && sameInstance(one, other);
  });
}

/** Whether two instances are the same in everything but their ids, which some servers make up. */
export function sameInstance(a: NacosInstance, b: NacosInstance): boolean {
  return a.ip === b.ip && a.port === b.port && a.cluster === b.cluster && Object.is(a.weight, b.weight) &&
    a.healthy === b.healthy && a.enabled === b.enabled && a.ephemeral === b.ephemeral &&
    sameMetadata(a.metadata, b.metadata);
}

function sameMetadata(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
