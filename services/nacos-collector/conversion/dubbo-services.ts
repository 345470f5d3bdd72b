import type { InvalidRecord, InvalidRecords } from "../../../shared/collector/invalid-records.ts";
import type { ConversionEnvironment, NacosSource } from "../../../shared/config/mod.ts";
import { dubboInstance } from "../../../shared/dubbo/applications/application-node.ts";
import { ApplicationRegistry } from "../../../shared/dubbo/applications/application-registry.ts";
import { askingInstances } from "../../../shared/dubbo/applications/metadata-ask.ts";
import { MetadataResolver } from "../../../shared/dubbo/applications/metadata-resolver.ts";
import { CallModel } from "../../../shared/dubbo/calls/call-model.ts";
import { Sidecars } from "../../../shared/dubbo/calls/sidecars.ts";
import { convertService } from "../../../shared/dubbo/conversion/convert-interface.ts";
import { InterfaceReaders, selectServices } from "../../../shared/dubbo/conversion/select-services.ts";
import type { InterfaceRecord, RegisteredUrl } from "../../../shared/dubbo/conversion/registry-records.ts";
import { dubboRules } from "../../../shared/dubbo/conversion/dubbo-rules.ts";
import type { DubboRules } from "../../../shared/dubbo/conversion/dubbo-rules.ts";
import type { FactLookup } from "../../../shared/facts/fact-join.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import { sameInstance } from "../../../shared/nacos/wire/service-info.ts";
import { NacosMetadata } from "./nacos-metadata.ts";
import type { NacosPlace, ReadConfig } from "./nacos-metadata.ts";
import { isInService } from "./usable-instances.ts";
import { dubboUrl, nameOfService } from "./dubbo-names.ts";
import type { DubboServiceName } from "./dubbo-names.ts";
import { instancePath } from "./service-members.ts";
import type { RegisteredMember } from "./service-members.ts";

/** The inputs of {@link DubboServices}. */
export interface DubboServicesOptions {
  readonly source: NacosSource;
  readonly environment: ConversionEnvironment;
  readonly records: InvalidRecords;
  readonly readConfig: ReadConfig;
  readonly signal: AbortSignal;
  /** Providers of an interface came (above 0) or went (below 0), or something about it changed. */
  readonly interfaceChanged: (interfaceName: string, providers: number) => void;
}

/** What a service of Nacos brings to Dubbo. */
interface Contribution {
  readonly interfaceName: string;
  readonly providers: readonly RegisteredUrl[];
  readonly consumers: readonly RegisteredUrl[];
}

/**
 * Dubbo's services in Nacos (`istio` profile): interfaces that are registered by themselves, and those that the instances
 * of Dubbo 3 applications offer. They become what they become of a ZooKeeper, by the same code.
 */
export class DubboServices {
  readonly calls = new CallModel();
  readonly sidecars: Sidecars;
  readonly #options: DubboServicesOptions;
  readonly #rules: DubboRules;
  readonly #applications: ApplicationRegistry;
  /** By interface, and by key of the record. */
  readonly #interfaces = new Map<string, Map<string, Contribution>>();
  /** By key of the record. */
  readonly #contributions = new Map<string, Contribution>();
  /** Instances of applications by key of the record, then by path. */
  readonly #instances = new Map<string, ReadonlyMap<string, RegisteredMember>>();
  /** Where instances of applications are registered, by path. */
  readonly #places = new Map<string, NacosPlace>();
  /** How many providers an application has at interface level on a host. */
  readonly #hosts = new Map<string, number>();
  #providerCount = 0;

  constructor(options: DubboServicesOptions) {
    const { source, environment, records } = options;
    const { dubbo } = source;
    this.#options = options;
    this.#rules = dubboRules({ ...source, ...dubbo }, {
      registry: "nacos",
      root: "",
      profile: "istio",
      environment,
    });
    this.#applications = this.#openApplications(records);
    this.sidecars = new Sidecars({
      enabled: dubbo.enableDubboSidecar,
      profile: "istio",
      namespace: dubbo.resourceNs,
      workloadLabel: dubbo.dubboWorkloadAppLabel,
      protocol: this.#rules.ownProtocol.protocol,
      selfConsume: dubbo.selfConsume,
      trimIntervalMs: dubbo.trimDubboRemoveDepInterval,
      istioRevision: environment.istioRevision,
    }, this.calls);
  }

  /** Names of all interfaces. */
  get interfaces(): Iterable<string> {
    return new Set([...this.#interfaces.keys(), ...this.#applications.interfaces]);
  }

  /** How many providers there are: one per interface and instance. */
  get providerCount(): number {
    return this.#providerCount + this.#applications.providerCount;
  }

  /** True while it isn't known what some application offers. */
  get isUnsure(): boolean {
    return this.#applications.isUnsure;
  }

  /** Settles when what is being found out is found out, or given up. */
  async settled(): Promise<void> {
    await this.#applications.settled();
  }

  /** Looks again at what could not be found out. */
  retry(): void {
    this.#applications.retry();
  }

  /** Takes in the providers or consumers of an interface, in place of those that the record had; none: it is gone. */
  putInterface(
    recordKey: string,
    name: DubboServiceName | undefined,
    members: readonly RegisteredMember[],
  ): void {
    const before = this.#contributions.get(recordKey);
    const now = name === undefined || name.category === "other" || members.length === 0
      ? undefined
      : contributionOf(name, members);
    if (before === undefined && now === undefined) return;
    if (before !== undefined) this.#forget(recordKey, before);
    if (now !== undefined) this.#keep(recordKey, now);
    const difference = (now?.providers.length ?? 0) - (before?.providers.length ?? 0);
    this.#providerCount += difference;
    this.#options.interfaceChanged((now ?? before)?.interfaceName ?? "", difference);
  }

  /** Takes in the instances of an application, in place of those that the record had; none: they are gone. */
  putApplication(recordKey: string, members: readonly RegisteredMember[]): void {
    const before = this.#instances.get(recordKey) ?? new Map<string, RegisteredMember>();
    const now = new Map(members.map((member) => [instancePath(member), member]));
    if (now.size === 0) this.#instances.delete(recordKey);
    else this.#instances.set(recordKey, now);
    for (const path of before.keys()) {
      if (now.has(path)) continue;
      this.#places.delete(path);
      this.#options.records.solved("applications", path);
      this.#applications.instanceChanged(path, undefined);
    }
    for (const [path, member] of now) {
      const { record: { registryId, namespace, name }, instance, metadata } = member;
      const application = nameOfService(name);
      const known = before.get(path);
      if (known !== undefined && sameInstance(known.instance, instance)) continue;
      this.#places.set(path, { registryId, namespace });
      this.#options.records.solved("applications", path);
      const { ip: address, port } = instance;
      const registered = { path, application, address, port, enabled: isInService(instance, "istio") };
      const report = this.#options.records.reporter("applications");
      this.#applications.instanceChanged(path, dubboInstance(registered, metadata, report));
    }
  }

  /** True if there is no provider of the interface. */
  isEmpty(interfaceName: string): boolean {
    for (const { providers } of this.#interfaces.get(interfaceName)?.values() ?? []) {
      if (providers.length > 0) return false;
    }
    for (const _url of this.#applications.providersOf(interfaceName)) return false;
    return true;
  }

  /**
   * Takes over the calls of an interface. Returns the function that converts it to its entries. `facts` looks up the pod
   * at an address.
   */
  begin(
    interfaceName: string,
    report: (record: InvalidRecord) => void,
    facts?: FactLookup,
  ): () => ServiceEntryManifest[] {
    const rules = this.#rules;
    const readers = new InterfaceReaders(interfaceName, rules);
    const services = selectServices(this.#record(interfaceName), readers, rules, report, facts);
    const calls = services.map(({ key, host, providerApplications, consumerApplications }) => (
      { key, host, providers: providerApplications, consumers: consumerApplications }
    ));
    this.sidecars.changed(this.calls.update(interfaceName, calls, false));
    return () => services.map((service) => convertService(service, rules).manifest);
  }

  #record(name: string): InterfaceRecord {
    const contributions = [...this.#interfaces.get(name)?.values() ?? []];
    return {
      name,
      providers: [],
      consumers: [],
      configurators: [],
      applicationProviders: this.#applications.providersOf(name),
      registered: {
        providers: contributions.flatMap(({ providers }) => providers),
        consumers: contributions.flatMap(({ consumers }) => consumers),
      },
    };
  }

  #keep(recordKey: string, contribution: Contribution): void {
    const { interfaceName } = contribution;
    this.#contributions.set(recordKey, contribution);
    const known = this.#interfaces.get(interfaceName);
    if (known === undefined) this.#interfaces.set(interfaceName, new Map([[recordKey, contribution]]));
    else known.set(recordKey, contribution);
    this.#count(contribution, 1);
  }

  #forget(recordKey: string, contribution: Contribution): void {
    const { interfaceName } = contribution;
    this.#contributions.delete(recordKey);
    const known = this.#interfaces.get(interfaceName);
    known?.delete(recordKey);
    if (known?.size === 0) this.#interfaces.delete(interfaceName);
    this.#count(contribution, -1);
  }

  #count({ providers }: Contribution, by: 1 | -1): void {
    for (const { url: { host, parameters: { application = "" } } } of providers) {
      const key = `${application} ${host}`;
      const count = (this.#hosts.get(key) ?? 0) + by;
      if (count === 0) this.#hosts.delete(key);
      else this.#hosts.set(key, count);
    }
  }

  #openApplications(records: InvalidRecords): ApplicationRegistry {
    const { source: { dubbo }, readConfig, signal, interfaceChanged } = this.#options;
    const report = records.reporter("applications");
    const timeoutMs = dubbo.metadataServiceTimeout;
    const store = new NacosMetadata(readConfig, (path) => this.#places.get(path), report, signal);
    const askInstance = timeoutMs > 0 ? askingInstances(timeoutMs) : undefined;
    return new ApplicationRegistry({
      resolver: new MetadataResolver({ store, askInstance }, { report }, signal),
      isAtInterfaceLevel: (application, host) => this.#hosts.has(`${application} ${host}`),
      interfaceChanged,
      // Instances that aren't Dubbo's are services of Nacos like any other.
      springChanged: () => {},
      report,
      solved: (path) => records.solved("applications", path),
    });
  }
}

function contributionOf(name: DubboServiceName, members: readonly RegisteredMember[]): Contribution {
  const urls = members.map((member) => ({
    url: dubboUrl(member.instance, name, member.metadata),
    path: instancePath(member),
  }));
  const isProvider = name.category === "providers";
  return {
    interfaceName: name.interface,
    providers: isProvider ? urls : [],
    consumers: isProvider ? [] : urls,
  };
}
