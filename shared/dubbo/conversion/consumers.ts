import type { DubboService } from "./dubbo-host.ts";
import { splitList } from "./dubbo-list.ts";
import { nodePath } from "./registry-records.ts";
import type { InterfaceRecord, InvalidRecord } from "./registry-records.ts";
import { serviceKey } from "./service-key.ts";
import type { MemberReader } from "./service-member.ts";
import type { DubboRules } from "./dubbo-rules.ts";

/**
 * The applications that consume each of an interface's services, sorted. A consumer may ask for any group or version
 * (`*`) or a list of groups, which slime doesn't know. One that asks for a service that isn't there is ignored.
 */
export function consumersByService(
  record: InterfaceRecord,
  reader: MemberReader,
  services: ReadonlyMap<string, DubboService | undefined>,
  rules: DubboRules,
  report: (record: InvalidRecord) => void,
): Map<string, string[]> {
  const isSlime = rules.profile === "slime";
  const applications = new Map<string, Set<string>>();
  const add = (key: string, application: string) => {
    const known = applications.get(key);
    if (known === undefined) applications.set(key, new Set([application]));
    else known.add(application);
  };
  const unusable = (name: string, reason: string) =>
    report({ path: nodePath(rules.root, record.name, "consumers", name), reason });
  const registered = Array.from(
    record.registered?.consumers ?? [],
    ({ url, path }) => reader.member(url, path),
  );
  for (const { service, labels } of [...reader.readAll(record.consumers, unusable), ...registered]) {
    const application = labels["application"] ?? "";
    if (application === "") continue;
    if (isSlime || !isPattern(service)) {
      const key = serviceKey(service, !isSlime);
      if (services.has(key)) add(key, application);
      continue;
    }
    for (const [key, offered] of services) {
      if (offered !== undefined && isWanted(offered, service)) add(key, application);
    }
  }
  return new Map([...applications].map(([key, names]) => [key, [...names].sort()]));
}

function isPattern({ group, version }: DubboService): boolean {
  return group === "*" || version === "*" || group.includes(",");
}

function isWanted(offered: DubboService, wanted: DubboService): boolean {
  const isGroupWanted = wanted.group === "*" || wanted.group === offered.group ||
    splitList(wanted.group).includes(offered.group);
  return isGroupWanted && (wanted.version === "*" || wanted.version === offered.version);
}
