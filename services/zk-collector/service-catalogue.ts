import type { MockService } from "../../shared/conversion/mock-service.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import type { ApplicationRegistry } from "./applications/application-registry.ts";
import type { CallModel } from "./calls/call-model.ts";
import { convertInterface, registeredInstances } from "./conversion/convert-interface.ts";
import type { ConvertedService, RegisteredInstance } from "./conversion/convert-interface.ts";
import type { InterfaceRecord, InvalidRecord } from "./conversion/registry-records.ts";
import type { RegistryTree } from "./tree/registry-tree.ts";
import { convertSpringService } from "./applications/spring-service.ts";
import type { ZookeeperRules } from "./conversion/zookeeper-rules.ts";

/** Identity of a published resource. */
export interface ResourceName {
  readonly kind: "ServiceEntry";
  readonly namespace: string;
  readonly name: string;
}

/** What became of an interface, or of a Spring Cloud service. */
export interface CatalogueUpdate {
  readonly manifests: readonly ServiceEntryManifest[];
  /** Published before and not among these any more. */
  readonly gone: readonly ResourceName[];
  /** Applications whose calls changed. */
  readonly changedApplications: ReadonlySet<string>;
}

/** What the catalogue is made from. */
export interface ServiceCatalogueOptions {
  readonly tree: RegistryTree;
  readonly applications: ApplicationRegistry;
  readonly calls: CallModel;
  readonly rules: ZookeeperRules;
  readonly mock: MockService | undefined;
  readonly report: (record: InvalidRecord) => void;
}

/** The key of an interface in the catalogue. */
export function interfaceKey(interfaceName: string): string {
  return `interface/${interfaceName}`;
}

/** The key of a Spring Cloud service in the catalogue. */
export function springKey(serviceName: string): string {
  return `spring/${serviceName}`;
}

/** Everything that a source has, converted one by one: interfaces and Spring Cloud services, each under its key. */
export class ServiceCatalogue {
  readonly #options: ServiceCatalogueOptions;
  /** What each key was converted to last: the identities that vanish when it changes. */
  readonly #converted = new Map<string, readonly ResourceName[]>();
  /** Converted ahead, see {@link prepare}. */
  readonly #prepared = new Map<string, CatalogueUpdate>();

  constructor(options: ServiceCatalogueOptions) {
    this.#options = options;
  }

  /** Keys of all that the registry has, and of all that was converted before. */
  keys(): Set<string> {
    const { tree, applications } = this.#options;
    const keys = new Set(this.#converted.keys());
    for (const name of tree.interfaces) keys.add(interfaceKey(name));
    for (const name of applications.interfaces) keys.add(interfaceKey(name));
    for (const name of applications.springServices) keys.add(springKey(name));
    return keys;
  }

  /**
   * Converts ahead what {@link convert} will be asked for: the first reading of a registry waits for the server most
   * of the time, which is time to convert in.
   */
  prepare(key: string): void {
    this.#prepared.set(key, this.convert(key));
  }

  /**
   * Takes note that what is under a key changed, maybe after it was converted ahead. Answers the applications whose
   * calls that conversion had changed.
   */
  outdate(key: string): ReadonlySet<string> {
    const prepared = this.#prepared.get(key);
    this.#prepared.delete(key);
    return prepared?.changedApplications ?? new Set();
  }

  /**
   * Converts what is under a key. What vanished is named until {@link published} says that it was published.
   */
  convert(key: string): CatalogueUpdate {
    const prepared = this.#prepared.get(key);
    if (prepared !== undefined) {
      this.#prepared.delete(key);
      return prepared;
    }
    const { calls, mock } = this.#options;
    const slash = key.indexOf("/");
    const name = key.slice(slash + 1);
    let manifests: readonly ServiceEntryManifest[];
    let changedApplications: ReadonlySet<string> = new Set();
    if (key.startsWith("spring/")) {
      const { applications, rules, report } = this.#options;
      manifests = convertSpringService(name, applications.springInstancesOf(name), rules, report);
    } else {
      const { services } = convertInterface(this.#record(name), this.#options.rules, this.#options.report);
      manifests = services.map(({ manifest }) => manifest);
      changedApplications = calls.update(name, services.map(callsOf));
    }
    for (const manifest of manifests) mock?.add(manifest);
    const gone = (this.#converted.get(key) ?? []).filter((before) =>
      !manifests.some(({ metadata }) =>
        metadata.name === before.name && metadata.namespace === before.namespace
      )
    );
    return { manifests, gone, changedApplications };
  }

  /** Takes note that a key's resources are on the stream. */
  published(key: string, manifests: readonly ServiceEntryManifest[]): void {
    if (manifests.length === 0) this.#converted.delete(key);
    else this.#converted.set(key, manifests.map(nameOf));
  }

  /** True if nobody provides what is under a key. */
  isEmpty(key: string): boolean {
    const { tree, applications } = this.#options;
    const name = key.slice(key.indexOf("/") + 1);
    if (key.startsWith("spring/")) return isNone(applications.springInstancesOf(name));
    return tree.childrenOf(name).providers.size === 0 && isNone(applications.providersOf(name));
  }

  /** The instances of an interface as they are registered, selected or not. */
  instancesOf(interfaceName: string): Map<string, RegisteredInstance[]> {
    return registeredInstances(this.#record(interfaceName), this.#options.rules);
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

function callsOf({ key, manifest, providerApplications, consumerApplications }: ConvertedService) {
  const host = manifest.spec.hosts[0] ?? "";
  return { key, host, providers: providerApplications, consumers: consumerApplications };
}

function nameOf({ kind, metadata: { namespace, name } }: ServiceEntryManifest): ResourceName {
  return { kind, namespace, name };
}

function isNone(items: Iterable<unknown>): boolean {
  for (const _item of items) return false;
  return true;
}
