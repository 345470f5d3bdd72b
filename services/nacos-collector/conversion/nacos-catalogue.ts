import type { InvalidRecord, InvalidRecords } from "../../../shared/collector/invalid-records.ts";
import type { FoundRecord } from "../../../shared/collector/trace/found-record.ts";
import type { SidecarStage } from "../../../shared/collector/registry.ts";
import type { Unit } from "../../../shared/collector/unit.ts";
import type { ConversionEnvironment, NacosSource, Profile } from "../../../shared/config/mod.ts";
import { normalizedServiceName } from "../../../shared/conversion/instance-service.ts";
import { MockService } from "../../../shared/conversion/mock-service.ts";
import { isDubboMetadata } from "../../../shared/dubbo/applications/application-node.ts";
import type { FactJoin } from "../../../shared/facts/fact-join.ts";
import type { Manifest, ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import type { TraceQuestion } from "../../../shared/model/trace-question.ts";
import type { NacosInstance } from "../../../shared/nacos/nacos.ts";
import { sameInstances } from "../../../shared/nacos/wire/service-info.ts";
import { parseDubboName } from "./dubbo-names.ts";
import { DubboServices } from "./dubbo-services.ts";
import { findInstances } from "./find-instances.ts";
import type { ReadConfig } from "./nacos-metadata.ts";
import { nacosRules } from "./nacos-rules.ts";
import type { NacosRules } from "./nacos-rules.ts";
import { PlainServices } from "./plain-services.ts";
import { dubboMembersOf, membersOf } from "./service-members.ts";
import { recordKey, recordPath } from "./service-record.ts";
import type { NacosServiceId, NacosServiceRecord } from "./service-record.ts";
import { SharedHosts } from "./shared-hosts.ts";
import { isInService } from "./usable-instances.ts";

/** A unit that a change touched; `endpoints` came (above 0) or went (below 0). */
export interface UnitChange {
  readonly unit: Unit;
  readonly endpoints: number;
}

/** The inputs of the catalogue. */
export interface NacosCatalogueOptions {
  readonly source: NacosSource;
  readonly profile: Profile;
  readonly environment: ConversionEnvironment;
  /** Receives unusable records, at stages of the catalogue's own. */
  readonly records: InvalidRecords;
  /** Pods at addresses; undefined: their labels aren't laid over endpoints. */
  readonly facts?: FactJoin | undefined;
  /**
   * A unit changed by itself, not within {@link NacosCatalogue.put} and `remove`: it was found out what a Dubbo
   * application offers, or the entry that merges all ports grew (within `observe`).
   */
  readonly changed: (change: UnitChange) => void;
  /** Reads where Dubbo keeps the metadata of applications. What failed is asked for again (`retry`). */
  readonly readConfig: ReadConfig;
  /** Ends what is being found out. */
  readonly signal: AbortSignal;
}

/** The unit of the entry that merges all ports. */
const mockUnit: Unit = "mock";

/**
 * All services of a source, over all its clusters, namespaces and groups, as the view believes them to be; and what
 * they become. No clock, and no I/O but `readConfig` and what asks Dubbo's instances. Its units are not the services
 * themselves: several services may be one entry (the same name in two groups), and the instances of one may be several
 * (`serviceNaming`, Dubbo's applications). So the view hands over records, and learns which units that changes:
 *
 * - `service/<name>`: a plain service, by its name as hosts write it (lower case, `-` for `_`)
 * - `interface/<name>`: a Dubbo interface (not in the slime profile)
 * - `mock`: the entry that merges all ports
 */
export class NacosCatalogue {
  readonly #options: NacosCatalogueOptions;
  readonly #rules: NacosRules;
  readonly #plain: PlainServices;
  readonly #dubbo: DubboServices | undefined;
  readonly #mock: MockService | undefined;
  readonly #records = new Map<string, NacosServiceRecord>();
  /** Undefined in the slime profile, which says nothing of it. */
  readonly #hosts: SharedHosts | undefined;
  #observed: { readonly unit: Unit; readonly rest: () => readonly ServiceEntryManifest[] } | undefined;
  /** The changes of the {@link put} or {@link remove} that is under way. */
  #changes: Map<Unit, number> | undefined;

  constructor(options: NacosCatalogueOptions) {
    const { source, profile, environment, records, readConfig, signal } = options;
    this.#options = options;
    this.#rules = nacosRules(source, profile, environment);
    this.#hosts = profile === "istio" ? new SharedHosts() : undefined;
    this.#mock = MockService.of(source, "nacos", profile, environment);
    this.#plain = new PlainServices(
      this.#rules,
      (name, endpoints) => this.#changed(serviceUnit(name), endpoints),
    );
    const hasDubbo = profile === "istio" && source.dubbo.enabled;
    this.#dubbo = hasDubbo
      ? new DubboServices({
        source,
        environment,
        records,
        readConfig,
        signal,
        interfaceChanged: (name, providers) => this.#changed(interfaceUnit(name), providers),
      })
      : undefined;
  }

  /** Of Dubbo's consumers; undefined where nothing asks for it (in the slime profile). */
  get sidecars(): SidecarStage | undefined {
    return this.#dubbo?.sidecars;
  }

  /** Takes in a service, in place of what was known of it. Returns the units that this changes: none if it says nothing new. */
  put(record: NacosServiceRecord): readonly UnitChange[] {
    const key = recordKey(record);
    const before = this.#records.get(key);
    this.#reportInvalid(record);
    this.#records.set(key, record);
    if (before !== undefined && sameInstances(before.instances, record.instances)) return [];
    return this.#collect(() => this.#place(key, record, record.instances));
  }

  /** A service is gone. Returns the units that this changes. */
  remove(id: NacosServiceId): readonly UnitChange[] {
    const key = recordKey(id);
    const before = this.#records.get(key);
    if (before === undefined) return [];
    this.#reportInvalid({ ...before, invalid: [] });
    this.#records.delete(key);
    return this.#collect(() => this.#place(key, before, []));
  }

  /** What was taken in last; undefined if the service isn't known. */
  record(id: NacosServiceId): NacosServiceRecord | undefined {
    return this.#records.get(recordKey(id));
  }

  /** All that was taken in. */
  get records(): Iterable<NacosServiceRecord> {
    return this.#records.values();
  }

  /** Instances in service, whatever becomes of them, and Dubbo's providers: the measure of a loss. */
  get endpoints(): number {
    return this.#plain.endpoints + (this.#dubbo?.providerCount ?? 0);
  }

  /** True while it isn't known what some Dubbo application offers, so that what seems missing may be there. */
  get isUnsure(): boolean {
    return this.#dubbo?.isUnsure ?? false;
  }

  /** Settles when what is being found out about Dubbo applications is found out, or given up. Never rejects. */
  async settled(): Promise<void> {
    await this.#dubbo?.settled();
  }

  /** Looks again at what could not be found out; see `RegistryView.retry`. */
  retry(): void {
    this.#dubbo?.retry();
  }

  /** See `RegistryView.units`. */
  *units(): Iterable<Unit> {
    for (const name of this.#plain.names) yield serviceUnit(name);
    for (const name of this.#dubbo?.interfaces ?? []) yield interfaceUnit(name);
    if (this.#mock !== undefined) yield mockUnit;
  }

  /** See `RegistryView.isEmpty`. */
  isEmpty(unit: Unit): boolean {
    if (unit === mockUnit) return false;
    const name = nameOf(unit);
    return isInterface(unit) ? this.#dubbo?.isEmpty(name) !== false : this.#plain.isEmpty(name);
  }

  /**
   * See `RegistryView.observe`: takes over a unit's calls and ports, which costs little but in a source with an entry
   * that merges ports. {@link convert} does the rest, if that is next.
   */
  observe(unit: Unit): void {
    if (unit === mockUnit || (this.#mock === undefined && !isInterface(unit))) return;
    this.#observed = { unit, rest: this.#begin(unit) };
    if (this.#mock?.grew === true) this.#options.changed({ unit: mockUnit, endpoints: 0 });
  }

  /** See `RegistryView.outdate`. */
  outdate(unit: Unit): void {
    if (this.#observed?.unit === unit) this.#observed = undefined;
  }

  /** See `RegistryView.convert`. */
  convert(unit: Unit): readonly Manifest[] {
    if (unit === mockUnit) return this.#mock?.isPublishable === true ? [this.#mock.manifest()] : [];
    const observed = this.#observed;
    this.#observed = undefined;
    return observed?.unit === unit ? observed.rest() : this.#begin(unit)();
  }

  /** See `RegistryView.find`. */
  find(question: TraceQuestion, limit: number): Iterable<FoundRecord> {
    return findInstances(question, limit, this.#records.values(), (name) => {
      const dubbo = this.#dubbo === undefined ? undefined : parseDubboName(name);
      return dubbo === undefined
        ? { unit: serviceUnit(normalizedServiceName(name)), name }
        : { unit: interfaceUnit(dubbo.interface), name: dubbo.interface };
    });
  }

  /** Converts a unit as far as other units depend on it. Returns the function that does the rest. */
  #begin(unit: Unit): () => readonly ServiceEntryManifest[] {
    const unusable = new Map<string, string>();
    const report = ({ path, reason }: InvalidRecord) => void unusable.set(path, reason);
    const name = nameOf(unit);
    const rest = isInterface(unit)
      ? this.#dubbo?.begin(name, report, this.#options.facts?.lookupFor(unit)) ?? (() => [])
      : () => this.#plain.convert(name, report, this.#options.facts?.lookupFor(unit));
    const finish = () => {
      const manifests = rest();
      this.#options.records.replace(`conversion of ${unit}`, unusable);
      for (const touched of this.#hosts?.set(unit, manifests) ?? []) {
        this.#options.records.replace(`hosts of ${touched}`, this.#hosts?.faultsOf(touched) ?? new Map());
      }
      if (this.#mock === undefined) return manifests;
      for (const manifest of manifests) this.#mock.add(manifest);
      return manifests.filter((manifest) => this.#mock?.replaces(manifest) !== true);
    };
    if (this.#mock === undefined) return finish;
    const manifests = finish();
    return () => manifests;
  }

  /** Hands the instances of a record to what becomes of them. */
  #place(key: string, record: NacosServiceRecord, instances: readonly NacosInstance[]): void {
    const name = this.#dubbo === undefined ? undefined : parseDubboName(record.name);
    if (this.#dubbo === undefined || name === undefined) {
      const isApplication = ({ metadata }: NacosInstance) =>
        this.#dubbo !== undefined && isDubboMetadata(metadata);
      this.#dubbo?.putApplication(key, dubboMembersOf(record, instances.filter(isApplication), this.#rules));
      const plain = instances.filter((instance) => !isApplication(instance));
      this.#plain.put(key, membersOf(record, plain, this.#rules));
      return;
    }
    // A consumer that is unhealthy is a consumer all the same.
    const counted = name.category === "providers"
      ? instances.filter((instance) => isInService(instance, "istio"))
      : instances;
    this.#dubbo.putInterface(key, name, dubboMembersOf(record, counted, this.#rules));
  }

  #collect(act: () => void): readonly UnitChange[] {
    const changes = this.#changes = new Map<Unit, number>();
    try {
      act();
    } finally {
      this.#changes = undefined;
    }
    return Array.from(changes, ([unit, endpoints]) => ({ unit, endpoints }));
  }

  #changed(unit: Unit, endpoints: number): void {
    if (this.#observed?.unit === unit) this.#observed = undefined;
    if (this.#changes === undefined) this.#options.changed({ unit, endpoints });
    else this.#changes.set(unit, (this.#changes.get(unit) ?? 0) + endpoints);
  }

  #reportInvalid(record: NacosServiceRecord): void {
    const path = recordPath(record);
    const invalid = record.invalid.map((reason, index): [string, string] => [`${path}#${index + 1}`, reason]);
    this.#options.records.replace(`instances of ${path}`, new Map(invalid));
  }
}

function serviceUnit(name: string): Unit {
  return `service/${name}`;
}

function interfaceUnit(name: string): Unit {
  return `interface/${name}`;
}

function isInterface(unit: Unit): boolean {
  return unit.startsWith("interface/");
}

function nameOf(unit: Unit): string {
  return unit.slice(unit.indexOf("/") + 1);
}
