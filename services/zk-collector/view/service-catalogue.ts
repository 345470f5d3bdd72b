import type { Unit } from "../../../shared/collector/unit.ts";
import type { MockService } from "../../../shared/conversion/mock-service.ts";
import type { FactJoin, FactLookup } from "../../../shared/facts/fact-join.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import type { ApplicationRegistry } from "../../../shared/dubbo/applications/application-registry.ts";
import type { CallModel } from "../../../shared/dubbo/calls/call-model.ts";
import { convertService, registeredInstances } from "../../../shared/dubbo/conversion/convert-interface.ts";
import type { RegisteredInstance } from "../../../shared/dubbo/conversion/convert-interface.ts";
import { InterfaceReaders, selectServices } from "../../../shared/dubbo/conversion/select-services.ts";
import type { SelectedService } from "../../../shared/dubbo/conversion/select-services.ts";
import type { InterfaceRecord, InvalidRecord } from "../../../shared/dubbo/conversion/registry-records.ts";
import type { RegistryTree } from "./registry-tree.ts";
import { convertSpringService } from "../conversion/spring-service.ts";
import type { DubboRules } from "../../../shared/dubbo/conversion/dubbo-rules.ts";

/** The inputs of the catalogue. */
export interface ServiceCatalogueOptions {
  readonly tree: RegistryTree;
  readonly applications: ApplicationRegistry;
  readonly calls: CallModel;
  readonly rules: DubboRules;
  readonly mock: MockService | undefined;
  readonly report: (record: InvalidRecord) => void;
  /** Pods at addresses, if there is anything to know of them. */
  readonly facts?: FactJoin | undefined;
  /** The calls of these applications have changed. */
  readonly callsChanged: (applications: ReadonlySet<string>) => void;
}

/** The unit of an interface. */
export function interfaceUnit(interfaceName: string): Unit {
  return `interface/${interfaceName}`;
}

/** The unit of a Spring Cloud service. */
export function springUnit(serviceName: string): Unit {
  return `spring/${serviceName}`;
}

/** Everything that a source has, converted one by one: interfaces and Spring Cloud services, each a unit. */
export class ServiceCatalogue {
  readonly #options: ServiceCatalogueOptions;
  /** Units that had providers or consumers: when one vanishes, the frame has to learn of it. */
  readonly #known = new Set<Unit>();
  /** Converted ahead, see {@link prepare}. */
  readonly #prepared = new Map<Unit, readonly ServiceEntryManifest[]>();
  #observed: { readonly unit: Unit; readonly rest: () => readonly ServiceEntryManifest[] } | undefined;
  /** By interface. */
  readonly #readers = new Map<string, InterfaceReaders>();

  constructor(options: ServiceCatalogueOptions) {
    this.#options = options;
  }

  /** All that the registry has, and what it had when it was looked at last. */
  units(): Set<Unit> {
    const { tree, applications } = this.#options;
    const units = new Set(this.#known);
    for (const name of tree.interfaces) units.add(interfaceUnit(name));
    for (const name of applications.interfaces) units.add(interfaceUnit(name));
    for (const name of applications.springServices) units.add(springUnit(name));
    return units;
  }

  /**
   * Converts ahead what {@link convert} will be asked for: the first reading of a registry waits for the server most
   * of the time, which is time to convert in.
   */
  prepare(unit: Unit): void {
    this.#prepared.set(unit, this.#convert(unit));
  }

  /** A unit changed, maybe after it was converted ahead. */
  outdate(unit: Unit): void {
    this.#prepared.delete(unit);
    if (this.#observed?.unit === unit) this.#observed = undefined;
  }

  /**
   * Takes over a unit's calls and ports: a small part of its conversion, but for Spring Cloud and for sources with an
   * entry that merges ports. {@link convert} does the rest, if that is next.
   */
  observe(unit: Unit): void {
    const prepared = this.#prepared.get(unit);
    this.#prepared.delete(unit);
    const rest = prepared === undefined ? this.#begin(unit) : () => prepared;
    this.#observed = { unit, rest };
  }

  /** The resources of a unit. */
  convert(unit: Unit): readonly ServiceEntryManifest[] {
    const observed = this.#observed;
    this.#observed = undefined;
    return observed?.unit === unit ? observed.rest() : this.#convert(unit);
  }

  #convert(unit: Unit): readonly ServiceEntryManifest[] {
    return this.#begin(unit)();
  }

  /** Converts a unit as far as other units depend on it. Returns the function that does the rest. */
  #begin(unit: Unit): () => readonly ServiceEntryManifest[] {
    const { mock, applications, rules, report } = this.#options;
    const facts = this.#options.facts?.lookupFor(unit);
    const name = nameOf(unit);
    if (unit.startsWith("spring/")) {
      return this.#finish(
        unit,
        convertSpringService(name, applications.springInstancesOf(name), rules, report, facts),
      );
    }
    const services = this.#select(name, facts);
    const rest = () => services.map((service) => convertService(service, rules).manifest);
    if (mock !== undefined) return this.#finish(unit, rest());
    this.#know(unit, services.length > 0);
    return rest;
  }

  /** Ports of all manifests are merged. */
  #finish(unit: Unit, converted: readonly ServiceEntryManifest[]): () => readonly ServiceEntryManifest[] {
    const { mock } = this.#options;
    for (const manifest of converted) mock?.add(manifest);
    const manifests = converted.filter((manifest) => mock?.replaces(manifest) !== true);
    this.#know(unit, manifests.length > 0);
    return () => manifests;
  }

  #know(unit: Unit, hasServices: boolean): void {
    if (hasServices) this.#known.add(unit);
    else this.#known.delete(unit);
  }

  #select(interfaceName: string, facts: FactLookup | undefined): readonly SelectedService[] {
    const { calls, rules, report, callsChanged } = this.#options;
    const readers = this.#readers.get(interfaceName) ?? new InterfaceReaders(interfaceName, rules);
    const services = selectServices(this.#record(interfaceName), readers, rules, report, facts);
    if (services.length > 0) this.#readers.set(interfaceName, readers);
    else this.#readers.delete(interfaceName);
    callsChanged(calls.update(interfaceName, services.map(callsOf), rules.profile === "slime"));
    return services;
  }

  /** True if there is no provider of the unit. */
  isEmpty(unit: Unit): boolean {
    const { tree, applications } = this.#options;
    const name = nameOf(unit);
    if (unit.startsWith("spring/")) return isNone(applications.springInstancesOf(name));
    return tree.childrenOf(name).providers.size === 0 && isNone(applications.providersOf(name));
  }

  /** The instances of an interface as they are registered, selected or not. */
  instancesOf(interfaceName: string): Map<string, RegisteredInstance[]> {
    const { rules, facts } = this.#options;
    return registeredInstances(this.#record(interfaceName), rules, facts?.lookup);
  }

  /** Names of all interfaces. */
  interfaces(): Set<string> {
    const { tree, applications } = this.#options;
    return new Set([...tree.interfaces, ...applications.interfaces]);
  }

  #record(interfaceName: string): InterfaceRecord {
    const { tree, applications } = this.#options;
    const applicationProviders = applications.providersOf(interfaceName);
    return { name: interfaceName, ...tree.childrenOf(interfaceName), applicationProviders };
  }
}

function callsOf({ key, host, providerApplications, consumerApplications }: SelectedService) {
  return { key, host, providers: providerApplications, consumers: consumerApplications };
}

function nameOf(unit: Unit): string {
  return unit.slice(unit.indexOf("/") + 1);
}

function isNone(items: Iterable<unknown>): boolean {
  for (const _item of items) return false;
  return true;
}
