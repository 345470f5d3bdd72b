import type { InvalidRecord } from "../../../shared/collector/invalid-records.ts";
import type { FactLookup } from "../../../shared/facts/fact-join.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import { convertService } from "./convert-service.ts";
import type { NacosRules } from "./nacos-rules.ts";
import { serviceKeyOf } from "./service-members.ts";
import type { ServiceMember } from "./service-members.ts";
import { recordPath } from "./service-record.ts";
import { isInService } from "./usable-instances.ts";

/** Services that aren't Dubbo's, by the name that their entries have in common. */
export class PlainServices {
  readonly #rules: NacosRules;
  readonly #changed: (serviceKey: string, endpoints: number) => void;
  /** By service, then by key of the record. */
  readonly #services = new Map<string, Map<string, readonly ServiceMember[]>>();
  /** The services that a record's instances belong to. */
  readonly #keys = new Map<string, ReadonlySet<string>>();
  #endpoints = 0;

  /** `changed` is called for each service that {@link put} changes; how many endpoints came, or went. */
  constructor(rules: NacosRules, changed: (serviceKey: string, endpoints: number) => void) {
    this.#rules = rules;
    this.#changed = changed;
  }

  /** Names of all services. */
  get names(): Iterable<string> {
    return this.#services.keys();
  }

  /** Instances in service. */
  get endpoints(): number {
    return this.#endpoints;
  }

  /** Takes in the instances of a record, in place of those that it had; none: it is gone. */
  put(recordKey: string, members: readonly ServiceMember[]): void {
    const now = Map.groupBy(members, serviceKeyOf);
    for (const name of this.#keys.get(recordKey) ?? []) {
      if (!now.has(name)) this.#set(name, recordKey, []);
    }
    for (const [name, group] of now) this.#set(name, recordKey, group);
    if (now.size === 0) this.#keys.delete(recordKey);
    else this.#keys.set(recordKey, new Set(now.keys()));
  }

  /** True if no instance of the service is in service. */
  isEmpty(name: string): boolean {
    for (const members of this.#services.get(name)?.values() ?? []) {
      if (this.#countInService(members) > 0) return false;
    }
    return true;
  }

  /** The entries of a service; `facts` looks up the pod at an address. */
  convert(
    name: string,
    report: (record: InvalidRecord) => void,
    facts?: FactLookup,
  ): ServiceEntryManifest[] {
    const members = [...this.#services.get(name)?.values() ?? []].flat();
    if (members.length === 0) return [];
    reportSpellings(members, report);
    return convertService(name, members, this.#rules, report, facts);
  }

  #set(name: string, recordKey: string, members: readonly ServiceMember[]): void {
    const records = this.#services.get(name) ?? new Map<string, readonly ServiceMember[]>();
    const before = records.get(recordKey) ?? [];
    if (members.length > 0) records.set(recordKey, members);
    else records.delete(recordKey);
    if (records.size > 0) this.#services.set(name, records);
    else this.#services.delete(name);
    const difference = this.#countInService(members) - this.#countInService(before);
    this.#endpoints += difference;
    this.#changed(name, difference);
  }

  #countInService(members: readonly ServiceMember[]): number {
    let count = 0;
    for (const { instance } of members) if (isInService(instance, this.#rules.profile)) count++;
    return count;
  }
}

/** Services whose names become one are one, with the instances of all; in slime the last one takes the others' place. */
function reportSpellings(members: readonly ServiceMember[], report: (record: InvalidRecord) => void): void {
  const spellings = [...new Set(members.map(({ serviceName }) => serviceName))].sort();
  const [first] = spellings;
  if (spellings.length === 1 || first === undefined) return;
  for (const { record, serviceName } of members) {
    if (serviceName === first) continue;
    const reason =
      `is one service with ${first}: a host can't tell the two names apart, so it has the instances of both`;
    report({ path: recordPath(record), reason });
  }
}
