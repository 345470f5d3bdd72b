import type { Configurator } from "./configurators.ts";
import { readConfigurators } from "./configurators.ts";
import { parseDubboUrl } from "./parse-dubbo-url.ts";
import { providerDefect } from "./provider-defect.ts";
import { nodePath } from "./registry-records.ts";
import type { InterfaceRecord, InvalidRecord } from "./registry-records.ts";
import type { MemberReader, ServiceMember } from "./service-member.ts";
import type { DubboRules } from "./dubbo-rules.ts";

/** Reads the providers of an interface with its reader; `report` is told of those that can't be used. */
export function readProviders(
  record: InterfaceRecord,
  reader: MemberReader,
  rules: DubboRules,
  report: (record: InvalidRecord) => void,
): ServiceMember[] {
  // slime knows no application-level registration and applies no rules; a provider may be there twice.
  return rules.profile === "slime"
    ? reader.readAll(record.providers, reporterAt(record, rules, report)("providers"))
    : allProviders(record, reader, rules, report);
}

/** Reports of nodes in a directory of an interface, by their names. */
function reporterAt(
  { name: interfaceName }: InterfaceRecord,
  { root }: DubboRules,
  report: (record: InvalidRecord) => void,
) {
  return (directory: string) => (name: string, reason: string) =>
    report({ path: nodePath(root, interfaceName, directory, name), reason });
}

function allProviders(
  record: InterfaceRecord,
  reader: MemberReader,
  rules: DubboRules,
  report: (record: InvalidRecord) => void,
): ServiceMember[] {
  const at = reporterAt(record, rules, report);
  const configurators = readConfigurators(record.configurators, at("configurators"));
  const members = new Map<string, ServiceMember>();
  const reportProvider = at("providers");
  for (const read of reader.readAll(record.providers, reportProvider)) {
    const member = configured(read, configurators, reader);
    const identity = identityOf(member);
    const known = members.get(identity);
    if (known === undefined) {
      members.set(identity, member);
    } else {
      const [newer, older] = isNewer(member, known) ? [member, known] : [known, member];
      members.set(identity, newer);
      const reason = replacementOf(older, newer);
      if (reason !== undefined) reportProvider(older.name, reason);
    }
  }
  // Of several that are the same, always the same one counts.
  const registered = [...record.registered?.providers ?? []].sort((a, b) => a.path < b.path ? -1 : 1);
  for (const { url, path } of registered) {
    const reason = providerDefect(url, rules);
    if (reason !== undefined) {
      report({ path, reason });
      continue;
    }
    const member = configured(reader.member(url, path), configurators, reader);
    const identity = identityOf(member);
    if (!members.has(identity)) members.set(identity, member);
  }
  for (const url of record.applicationProviders) {
    const name = `${url.protocol}://${url.host}:${url.port}`;
    const defect = providerDefect(url, rules);
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

/**
 * Why a provider gave way to another at its address and port; undefined if one process offers the service under two
 * paths there, which are one endpoint.
 */
function replacementOf(older: ServiceMember, newer: ServiceMember): string | undefined {
  if (timestampOf(older) !== timestampOf(newer)) {
    return "is registered once more, by a later start of the same provider";
  }
  return older.url.path === newer.url.path ? "is registered once more, with other parameters" : undefined;
}

/** From the name, because members that are alike share their parameters. */
function timestampOf({ name }: ServiceMember): number {
  const url = parseDubboUrl(name);
  return typeof url === "string" ? 0 : Number(url.parameters["timestamp"]) || 0;
}
