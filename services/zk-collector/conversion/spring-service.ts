import type { InstanceServiceRules, ServiceInstance } from "../../../shared/conversion/instance-service.ts";
import { convertInstanceService } from "../../../shared/conversion/instance-service.ts";
import { largestWeight } from "../../../shared/conversion/endpoint-weights.ts";
import type { FactLookup } from "../../../shared/facts/fact-join.ts";
import { instanceAddressFault } from "../../../shared/conversion/instance-address.ts";
import {
  canonicalAddress,
  isIpAddress,
  isWildcardHost,
  parseProtocol,
  protocolTraits,
  safeHost,
} from "../../../shared/istio/mod.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import type { Profile } from "../../../shared/model/profile.ts";
import type { SpringInstance } from "../../../shared/dubbo/applications/application-node.ts";
import type { InvalidRecord } from "../../../shared/dubbo/conversion/registry-records.ts";
import type { DubboRules } from "../../../shared/dubbo/conversion/dubbo-rules.ts";

/** Metadata that say something to a registry, and nothing to a mesh. */
const noLabels: ReadonlySet<string> = new Set(["instance_status"]);

/** How an instance is reached as a part of the whole service. */
interface Reached {
  readonly instance: SpringInstance;
  readonly port: number;
}

/**
 * Converts a Spring Cloud service to its ServiceEntry; none without a usable instance. `name` is the form that groups,
 * `instances` are all that have it, below whatever root, in any order. What can't be used is reported; instances that
 * are out of service are only left out. The rules are in `docs/zookeeper-applications.md`.
 */
export function convertSpringService(
  name: string,
  instances: Iterable<SpringInstance>,
  rules: DubboRules,
  report: (invalid: InvalidRecord) => void,
  facts?: FactLookup,
): ServiceEntryManifest[] {
  const filter = rules.filterOf(name);
  const usable: SpringInstance[] = [];
  const names = new Set<string>();
  for (const instance of inService(instances, rules, report)) {
    const relabelled = withMetadata(instance, rules);
    if (!filter(relabelled.metadata, instance.host)) continue;
    names.add(instance.registeredName.replace(/^\/+|\/+$/g, ""));
    usable.push(relabelled);
  }
  const { protocol, reached } = reachedBy(usable, report);
  const kept = weighted(reached);
  if (kept.length === 0) return [];
  const host = springHost(name, rules.profile);
  return convertInstanceService(host, kept, springRules(protocol, rules), {
    registryNames: [...names],
    facts,
  });
}

/** The instances that are up, each at its canonical address, without those that can't be used or were replaced. */
function inService(
  instances: Iterable<SpringInstance>,
  { profile, allowLoopback }: DubboRules,
  report: (invalid: InvalidRecord) => void,
): SpringInstance[] {
  const known: SpringInstance[] = [];
  for (const given of instances) {
    const instance = { ...given, host: profile === "slime" ? given.host : canonicalAddress(given.host) };
    const fault = profile === "slime"
      ? slimeAddressFault(given.host)
      : instanceAddressFault(instance.host, allowLoopback);
    if (fault === undefined) known.push(instance);
    else if (isUp(instance)) report({ path: instance.path, reason: fault });
  }
  const newest = new Map<string, SpringInstance>();
  for (const instance of known) {
    for (const socket of socketsOf(instance)) {
      const other = newest.get(socket);
      if (other === undefined || isLater(instance, other)) newest.set(socket, instance);
    }
  }
  return known.filter((instance) => {
    if (!isUp(instance)) return false;
    const successor = socketsOf(instance).map((socket) => newest.get(socket)).find((other) =>
      other !== instance
    );
    if (successor === undefined) return true;
    // The same instance, below another root.
    if (successor.id === instance.id) return false;
    const state = isUp(successor) ? "" : " and is out of service";
    report({
      path: instance.path,
      reason: `has the address and port of ${successor.path}, which was registered later${state}`,
    });
    return false;
  });
}

function isUp({ enabled, status }: SpringInstance): boolean {
  return enabled && status === "UP";
}

/** A crashed instance's node outlives it by up to a session's length, under another id: the later one counts. */
function socketsOf({ host, port, sslPort }: SpringInstance): string[] {
  return [port, sslPort].filter((number) => number !== undefined).map((number) => `${host} ${number}`);
}

function isLater(a: SpringInstance, b: SpringInstance): boolean {
  const difference = a.registeredAtMs - b.registeredAtMs;
  return difference === 0 ? a.path > b.path : difference > 0;
}

/**
 * The host of a Spring Cloud service: its name, in the `istio` profile made DNS-safe and without dots (then a hash
 * tells names apart), because hosts of Dubbo interfaces always have one.
 */
export function springHost(name: string, profile: Profile): string {
  if (profile === "slime") return name;
  // Two characters for each, so that no other name comes out the same.
  return safeHost(name.replaceAll(/[.\0]/g, (character) => character === "." ? "\0\u0001" : "\0\u0002"));
}

/**
 * The ports of the source, but that callers who know the service's name only find it: on 80, or 443, unless the source
 * says otherwise.
 */
function springRules(protocol: string, rules: DubboRules): InstanceServiceRules {
  const known = parseProtocol(protocol);
  const usual = protocol === "https" ? 443 : known !== undefined && protocolTraits(known).http ? 80 : 0;
  const svcPort = rules.svcPort === 0 ? usual : rules.svcPort;
  return {
    registry: "zookeeper",
    profile: rules.profile,
    environment: rules.environment,
    svcProtocol: protocol,
    genericProtocol: false,
    svcPort,
    instancePortAsSvcPort: rules.instancePortAsSvcPort || svcPort === 0,
    defaultServiceNs: "",
    resourceNs: rules.resourceNs,
    k8sDomainSuffix: false,
    nsHost: false,
    enableProjectCode: false,
    nameSuffix: "",
    region: rules.region,
    allowLoopback: rules.allowLoopback,
    place: rules.place,
  };
}

/**
 * A port has one protocol. Spring's clients speak HTTPS to instances with a port for it: if all have one, so does the
 * service. Otherwise it is HTTP (or what all instances say in their metadata), without those that have HTTPS only.
 */
function reachedBy(
  instances: readonly SpringInstance[],
  report: (invalid: InvalidRecord) => void,
): { protocol: string; reached: Reached[] } {
  const reached: Reached[] = [];
  if (instances.every(({ sslPort }) => sslPort !== undefined)) {
    for (const instance of instances) {
      if (instance.sslPort !== undefined) reached.push({ instance, port: instance.sslPort });
    }
    return { protocol: "https", reached };
  }
  for (const instance of instances) {
    if (instance.port !== undefined) reached.push({ instance, port: instance.port });
    else {report({
        path: instance.path,
        reason: "it has a port for HTTPS only, others of its service have none",
      });}
  }
  const words = new Set(
    reached.map(({ instance }) => instance.metadata["protocol"]?.toLowerCase() ?? "http"),
  );
  const [word = "http"] = words;
  const isKnown = parseProtocol(word) !== undefined || word === "tri" || word === "triple";
  return { protocol: words.size === 1 && isKnown ? word : "http", reached };
}

/** Weights count if all instances have one, in whole numbers; those that weigh nothing get nothing. */
function weighted(reached: readonly Reached[]): ServiceInstance[] {
  const weights = reached.map(({ instance }) => weightOf(instance.metadata["weight"]));
  const count = weights.every((weight) => weight !== undefined) &&
    weights.some((weight) => weight !== weights[0]);
  const largest = largestWeight(reached.length);
  const services: ServiceInstance[] = [];
  for (const [index, { instance, port }] of reached.entries()) {
    const weight = count ? Math.min(weights[index] ?? 0, largest) : undefined;
    if (weight === 0) continue;
    services.push({ id: instance.id, address: instance.host, port, metadata: instance.metadata, weight });
  }
  return services;
}

function weightOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,10}$/.test(text) ? Number(text) : undefined;
}

function withMetadata(instance: SpringInstance, { relabel }: DubboRules): SpringInstance {
  const metadata: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(instance.metadata)) if (!noLabels.has(key)) metadata[key] = value;
  relabel?.(metadata);
  return { ...instance, metadata };
}

/** What an endpoint may have in the `slime` profile, where slime itself knows no applications. */
function slimeAddressFault(host: string): string | undefined {
  const isUsable = isIpAddress(host)
    ? host !== "0.0.0.0" && host !== "::"
    : isWildcardHost(host) && !host.includes("*");
  return isUsable ? undefined : "its address is none";
}
