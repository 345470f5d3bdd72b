import type { EndpointFilter } from "../../../shared/conversion/endpoint-selection.ts";
import { normalizedServiceName } from "../../../shared/conversion/instance-service.ts";
import type { NacosInstance } from "../../../shared/nacos/nacos.ts";
import type { NacosRules } from "./nacos-rules.ts";
import { recordPath } from "./service-record.ts";
import type { NacosServiceRecord } from "./service-record.ts";

/** An instance, and where it is registered. */
export interface RegisteredMember {
  readonly record: NacosServiceRecord;
  readonly instance: NacosInstance;
  /** Those of the instance with what the configuration adds (and rewrites, unless it is Dubbo's). */
  readonly metadata: Readonly<Record<string, string>>;
}

/** An instance, and the service that it is a part of. */
export interface ServiceMember extends RegisteredMember {
  /** Name of the service, not yet in the form that groups; empty if the configuration gives it none. */
  readonly serviceName: string;
  readonly filter: EndpointFilter;
}

/**
 * Finds the service of each instance: that which it is registered under, or what `serviceNaming` makes of it. In slime,
 * relabelling alone brings the group into the name (`default-group@@orders`); only its profile does the same.
 */
export function membersOf(
  record: NacosServiceRecord,
  instances: readonly NacosInstance[],
  rules: NacosRules,
): ServiceMember[] {
  const { profile, naming, relabel, filterOf } = rules;
  const isSlime = profile === "slime";
  const groupedName = `${record.group}@@${record.name}`;
  const givenName = isSlime && relabel !== undefined ? groupedName : record.name;
  const givenFilter = isSlime ? filterOf(groupedName) : filterOf(groupedName, record.name);
  return instances.map((instance) => {
    const metadata = relabelled(withOrigin(instance, record, rules), rules);
    if (naming === undefined) {
      return { record, instance, metadata, serviceName: givenName, filter: givenFilter };
    }
    const { ip, port } = instance;
    const namespace = namespaceText(record, rules);
    const service = isSlime ? groupedName : record.name;
    const serviceName = naming({ service, group: record.group, namespace, ip, port, metadata });
    return { record, instance, metadata, serviceName, filter: filterOf(serviceName) };
  });
}

/** What makes Dubbo's services different ones: where an instance is from mustn't change that. */
const dubboIdentity: ReadonlySet<string> = new Set(["interface", "group", "version"]);

/** The instances of a service of Dubbo's, whose metadata are the parameters of a URL. */
export function dubboMembersOf(
  record: NacosServiceRecord,
  instances: readonly NacosInstance[],
  rules: NacosRules,
): RegisteredMember[] {
  return instances.map((instance) => ({
    record,
    instance,
    metadata: withOrigin(instance, record, rules, dubboIdentity),
  }));
}

/** The form of a service's name that groups: services that differ only in case, `_` and `-` are one. */
export function serviceKeyOf({ serviceName }: ServiceMember): string {
  return normalizedServiceName(serviceName);
}

/** Where an instance is found in the registry, for reports. */
export function instancePath({ record, instance: { ip, port, cluster } }: RegisteredMember): string {
  // An address may be a megabyte of anything.
  const address = ip.length <= 300 ? ip : `${ip.slice(0, 300)}…`;
  return `${recordPath(record)}/${address}:${port}${cluster === "DEFAULT" ? "" : ` (cluster ${cluster})`}`;
}

/** Servers before 3.0, the only ones that slime knows, have an empty id for the public namespace. */
function namespaceText({ namespace }: NacosServiceRecord, { profile }: NacosRules): string {
  return profile === "slime" && namespace === "public" ? "" : namespace;
}

/** The very same metadata if there is nothing to add. */
function withOrigin(
  { metadata: own }: NacosInstance,
  record: NacosServiceRecord,
  rules: NacosRules,
  except: ReadonlySet<string> = new Set(),
): Readonly<Record<string, string>> {
  const { metaKeys } = rules;
  const { registryId, group } = record;
  if (metaKeys.namespace === "" && metaKeys.group === "" && registryId === "") return own;
  const metadata = copyOf(own);
  const add = (key: string, value: string) => {
    if (key !== "" && !except.has(key)) metadata[key] = value;
  };
  add(metaKeys.namespace, namespaceText(record, rules));
  add(metaKeys.group, group);
  if (registryId !== "") add(metaKeys.registryId, registryId);
  return metadata;
}

function relabelled(
  given: Readonly<Record<string, string>>,
  { relabel }: NacosRules,
): Readonly<Record<string, string>> {
  if (relabel === undefined) return given;
  const metadata = copyOf(given);
  relabel(metadata);
  return metadata;
}

function copyOf(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.assign(Object.create(null), metadata);
}
