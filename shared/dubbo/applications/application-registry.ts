import { decodeApplicationNode } from "./application-node.ts";
import type { DubboInstance, SpringInstance } from "./application-node.ts";
import { providersOf } from "./application-providers.ts";
import type { DubboUrl } from "../conversion/dubbo-url.ts";
import type { MetadataResolver, Resolution } from "./metadata-resolver.ts";
import type { InvalidRecord } from "../conversion/registry-records.ts";

/** What the registry of applications is told, and tells. */
export interface ApplicationRegistryOptions {
  readonly resolver: MetadataResolver;
  /** True if the application's process on a host is registered at interface level, so that all is known already. */
  readonly isAtInterfaceLevel: (application: string, host: string) => boolean;
  /** The providers of an interface changed; how many came, or went. */
  readonly interfaceChanged: (interfaceName: string, providers: number) => void;
  /** The instances of a Spring Cloud service changed; how many came, or went. */
  readonly springChanged: (serviceName: string, instances: number) => void;
  readonly report: (record: InvalidRecord) => void;
  /** What was reported of a node holds no more. */
  readonly solved?: (path: string) => void;
}

/** A Dubbo instance, and what it was found to offer: pairs of interface and URL. */
interface KnownInstance {
  readonly instance: DubboInstance;
  urls: InterfaceUrls;
}

type InterfaceUrls = readonly (readonly [string, DubboUrl])[];

/**
 * The instances that are registered by application: those of Dubbo 3, brought under the interfaces that they offer,
 * and those of Spring Cloud. What a Dubbo application offers is found out in the background; until then, what its
 * instance offered before stays.
 */
export class ApplicationRegistry {
  readonly #options: ApplicationRegistryOptions;
  /** By path of the node. */
  readonly #dubbo = new Map<string, KnownInstance>();
  /** The same by application. */
  readonly #applications = new Map<string, Set<KnownInstance>>();
  readonly #spring = new Map<string, SpringInstance>();
  /** URLs by interface, and by path of the instance's node. */
  readonly #providers = new Map<string, Map<string, DubboUrl[]>>();
  readonly #springServices = new Map<string, Map<string, SpringInstance>>();
  readonly #resolving = new Map<string, Promise<void>>();
  /** Revisions of which nobody could say exactly what they offer; false: nor could anything be guessed. */
  readonly #inexact = new Map<string, { readonly application: string; readonly guessed: boolean }>();
  #providerCount = 0;

  constructor(options: ApplicationRegistryOptions) {
    this.#options = options;
  }

  /** Interfaces that are offered at application level. */
  get interfaces(): Iterable<string> {
    return this.#providers.keys();
  }

  /** How many providers there are: one per interface and instance, and each instance of a Spring Cloud service. */
  get providerCount(): number {
    return this.#providerCount;
  }

  /** Names of Spring Cloud services. */
  get springServices(): Iterable<string> {
    return this.#springServices.keys();
  }

  /** True while it isn't known at all what some application offers, so that what seems missing may be there. */
  get isUnsure(): boolean {
    return [...this.#inexact.values()].some(({ guessed }) => !guessed);
  }

  /** Providers of an interface that are registered at application level. */
  *providersOf(interfaceName: string): Iterable<DubboUrl> {
    for (const urls of this.#providers.get(interfaceName)?.values() ?? []) yield* urls;
  }

  springInstancesOf(serviceName: string): Iterable<SpringInstance> {
    return this.#springServices.get(serviceName)?.values() ?? [];
  }

  /** Takes in a node's content; undefined: the node is gone. */
  nodeChanged(path: string, data: Uint8Array | undefined): void {
    this.#options.solved?.(path);
    const decoded = data === undefined
      ? undefined
      : decodeApplicationNode({ path, data }, this.#options.report);
    this.instanceChanged(path, decoded);
  }

  /** Takes in an instance by its path; undefined: it is gone. */
  instanceChanged(path: string, decoded: DubboInstance | SpringInstance | undefined): void {
    this.#setSpring(path, decoded?.kind === "spring" ? decoded : undefined);
    const before = this.#dubbo.get(path);
    if (before !== undefined) this.#forget(before);
    if (decoded?.kind !== "dubbo") {
      if (before !== undefined) this.#setUrls(before, []);
      this.#dubbo.delete(path);
      return;
    }
    const known: KnownInstance = { instance: decoded, urls: before?.urls ?? [] };
    this.#dubbo.set(path, known);
    const instances = this.#applications.get(decoded.application);
    if (instances === undefined) this.#applications.set(decoded.application, new Set([known]));
    else instances.add(known);
    const resolution = this.#options.resolver.known(decoded.application, decoded.revision);
    if (resolution === undefined) this.#resolve(decoded.application, decoded.revision);
    else this.#apply(known, resolution);
  }

  /** An instance is gone, or has other content. What only it had needn't be found out any more. */
  #forget(known: KnownInstance): void {
    const { application, revision } = known.instance;
    this.#applications.get(application)?.delete(known);
    if (this.#instancesOf(application, revision).length === 0) {
      this.#inexact.delete(`${application}/${revision}`);
    }
  }

  /** Looks again at what isn't known exactly: an instance may answer now, metadata may have been written. */
  retry(): void {
    this.#options.resolver.keepOnly(Array.from(this.#dubbo.values(), ({ instance }) => instance));
    for (const application of new Set([...this.#inexact.values()].map((each) => each.application))) {
      this.metadataChanged(application);
    }
  }

  /** Looks again at an application, because something about it was written. */
  metadataChanged(application: string): void {
    const instances = this.#applications.get(application) ?? new Set();
    for (const [key, inexact] of this.#inexact) {
      if (inexact.application === application) this.#inexact.delete(key);
    }
    if (instances.size === 0) this.#applications.delete(application);
    for (const { instance } of instances) this.#resolve(application, instance.revision);
  }

  /** Settles when all that is being found out is found out, or given up. */
  async settled(): Promise<void> {
    while (this.#resolving.size > 0) await Promise.all(this.#resolving.values());
  }

  /** Settles when everything that is being found out at this moment is known: what begins later isn't waited for. */
  async resolvedSoFar(): Promise<void> {
    await Promise.all(this.#resolving.values());
  }

  /** Finds out what a revision offers, once for all instances that have it. */
  #resolve(application: string, revision: string): void {
    const key = `${application}/${revision}`;
    if (this.#resolving.has(key)) return;
    const find = async () => {
      // After this turn, so that all instances of a reading are there to be asked.
      await Promise.resolve();
      const instances = this.#instancesOf(application, revision);
      const asked = instances.map(({ instance }) => instance).filter((instance) =>
        !this.#isKnownAnyway(instance)
      );
      const all = instances.map(({ instance }) => instance);
      if (all.length === 0) return;
      const mayAsk = asked.length > 0;
      const resolution = await this.#options.resolver.resolve(
        application,
        revision,
        mayAsk ? asked : all,
        mayAsk,
      );
      if (isExact(resolution)) { for (const { path } of all) this.#options.solved?.(path); }
      if (isExact(resolution) || !mayAsk) this.#inexact.delete(key);
      else this.#inexact.set(key, { application, guessed: resolution.source !== "unknown" });
      for (const known of this.#instancesOf(application, revision)) this.#apply(known, resolution);
    };
    this.#resolving.set(key, find().finally(() => this.#resolving.delete(key)));
  }

  #isKnownAnyway({ application, host }: DubboInstance): boolean {
    return this.#options.isAtInterfaceLevel(application, host);
  }

  #instancesOf(application: string, revision: string): KnownInstance[] {
    const instances = this.#applications.get(application) ?? new Set();
    return [...instances].filter(({ instance }) => instance.revision === revision);
  }

  #apply(known: KnownInstance, resolution: Resolution): void {
    const { instance } = known;
    // Knowing nothing is no reason to take anything away; and a guess adds nothing to what is registered exactly.
    if (resolution.source === "unknown") return;
    if (!isExact(resolution) && this.#isKnownAnyway(instance)) return;
    this.#setUrls(known, instance.enabled ? [...providersOf(instance, resolution.services)] : []);
  }

  #setUrls(known: KnownInstance, urls: InterfaceUrls): void {
    const { path } = known.instance;
    const now = Map.groupBy(urls, ([interfaceName]) => interfaceName);
    const before = new Set(known.urls.map(([interfaceName]) => interfaceName));
    for (const interfaceName of before) {
      if (now.has(interfaceName)) continue;
      const providers = this.#providers.get(interfaceName);
      providers?.delete(path);
      if (providers?.size === 0) this.#providers.delete(interfaceName);
      this.#interfaceChanged(interfaceName, -1);
    }
    for (const [interfaceName, pairs] of now) {
      const providers = this.#providers.get(interfaceName) ?? new Map<string, DubboUrl[]>();
      this.#providers.set(interfaceName, providers);
      providers.set(path, pairs.map(([, url]) => url));
      this.#interfaceChanged(interfaceName, before.has(interfaceName) ? 0 : 1);
    }
    known.urls = urls;
  }

  #setSpring(path: string, instance: SpringInstance | undefined): void {
    const before = this.#spring.get(path);
    if (before !== undefined && before.name !== instance?.name) {
      const instances = this.#springServices.get(before.name);
      instances?.delete(path);
      if (instances?.size === 0) this.#springServices.delete(before.name);
      this.#springChanged(before.name, -1);
    }
    if (instance === undefined) {
      this.#spring.delete(path);
      return;
    }
    this.#spring.set(path, instance);
    const instances = this.#springServices.get(instance.name) ?? new Map<string, SpringInstance>();
    this.#springServices.set(instance.name, instances);
    const isNew = !instances.has(path);
    instances.set(path, instance);
    this.#springChanged(instance.name, isNew ? 1 : 0);
  }

  #interfaceChanged(name: string, providers: number): void {
    this.#providerCount += providers;
    this.#options.interfaceChanged(name, providers);
  }

  #springChanged(name: string, instances: number): void {
    this.#providerCount += instances;
    this.#options.springChanged(name, instances);
  }
}

function isExact({ source }: Resolution): boolean {
  return source === "registry" || source === "instance";
}
