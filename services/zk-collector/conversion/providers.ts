import { isFqdn, isIpAddress } from "../../../shared/istio/mod.ts";
import type { Configurator } from "./configurators.ts";
import { readConfigurators } from "./configurators.ts";
import type { DubboUrl } from "./dubbo-url.ts";
import { parseDubboUrl } from "./parse-dubbo-url.ts";
import { nodePath } from "./registry-records.ts";
import type { InterfaceRecord, InvalidRecord } from "./registry-records.ts";
import { interfaceNodeName } from "./service-key.ts";
import { MemberReader } from "./service-member.ts";
import type { ServiceMember } from "./service-member.ts";
import type { ZookeeperRules } from "./zookeeper-rules.ts";

/** Reads the providers of an interface; `report` is told of those that can't be used. */
export function readProviders(
  record: InterfaceRecord,
  rules: ZookeeperRules,
  report: (record: InvalidRecord) => void,
): ServiceMember[] {
  return rules.profile === "slime"
    ? slimeProviders(record, rules, report)
    : allProviders(record, rules, report);
}

/** slime knows no application-level registration and applies no rules; a provider may be there twice. */
function slimeProviders(
  record: InterfaceRecord,
  rules: ZookeeperRules,
  report: (record: InvalidRecord) => void,
): ServiceMember[] {
  const reader = new MemberReader(interfaceNodeName(record.name), rules, "providers");
  const members: ServiceMember[] = [];
  for (const name of record.providers) {
    const member = reader.read(name);
    if (typeof member !== "string" && member.url.port !== 0) {
      members.push(member);
      continue;
    }
    const reason = typeof member === "string" ? member : "has no port";
    report({ path: nodePath(rules.root, record.name, "providers", name), reason });
  }
  return members;
}

function allProviders(
  record: InterfaceRecord,
  rules: ZookeeperRules,
  report: (record: InvalidRecord) => void,
): ServiceMember[] {
  const at = (directory: string) => (name: string, reason: string) =>
    report({ path: nodePath(rules.root, record.name, directory, name), reason });
  const configurators = readConfigurators(record.configurators, at("configurators"));
  const reader = new MemberReader(record.name, rules, "providers");
  const members = new Map<string, ServiceMember>();
  const reportProvider = at("providers");
  for (const name of record.providers) {
    const read = reader.read(name);
    const defect = typeof read === "string" ? read : defectOf(read.url);
    if (typeof read === "string" || defect !== undefined) {
      reportProvider(name, defect ?? "");
      continue;
    }
    const member = configured(read, configurators, reader);
    const identity = identityOf(member);
    const known = members.get(identity);
    if (known === undefined) {
      members.set(identity, member);
    } else {
      const [newer, older] = isNewer(member, known) ? [member, known] : [known, member];
      members.set(identity, newer);
      reportProvider(older.name, "is registered once more, by a later start of the same provider");
    }
  }
  for (const url of record.applicationProviders) {
    const name = `${url.protocol}://${url.host}:${url.port}`;
    const defect = defectOf(url);
    if (defect !== undefined) {
      reportProvider(name, `${defect} (registered by its application)`);
      continue;
    }
    const member = configured(reader.member(url, name), configurators, reader);
    const identity = identityOf(member);
    if (!members.has(identity)) members.set(identity, member);
  }
  return [...members.values()];
}

/** Why a provider can't be an endpoint. */
function defectOf({ protocol, host, port }: DubboUrl): string | undefined {
  if (protocol === "consumer" || protocol === "override" || protocol === "absent") {
    return `has the protocol ${protocol}, which is no provider's`;
  }
  if (port === 0) return "has no port";
  if (host === "0.0.0.0" || host === "::") return `has ${host} for an address, which is everybody's`;
  return isIpAddress(host) || isFqdn(host) ? undefined : "has neither an IP address nor a host name";
}

/** A provider that says itself that it is switched off stays so, whatever rules say (as in Dubbo). */
function configured(
  member: ServiceMember,
  configurators: readonly Configurator[],
  reader: MemberReader,
): ServiceMember {
  const { url, name, service } = member;
  if (configurators.length === 0 || url.parameters["enabled"] === "false") return member;
  const changed = configurators.reduce((current, configurator) => configurator(current, service), url);
  return changed === url ? member : reader.member(changed, name);
}

/** The same at both levels of registration, and after a restart. */
function identityOf({ service: { group, version }, url: { protocol, host, port } }: ServiceMember): string {
  return `${protocol} ${host} ${port} ${group.length} ${group}${version}`;
}

/** A crashed provider's node outlives it by up to a session's length, and may still be there when it is back. */
function isNewer(a: ServiceMember, b: ServiceMember): boolean {
  const difference = timestampOf(a) - timestampOf(b);
  return difference !== 0 ? difference > 0 : a.name > b.name;
}

/** From the name, because members that are alike share their parameters. */
function timestampOf({ name }: ServiceMember): number {
  const url = parseDubboUrl(name);
  return typeof url === "string" ? 0 : Number(url.parameters["timestamp"]) || 0;
}
