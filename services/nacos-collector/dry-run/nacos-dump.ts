import type {
  ConfigName,
  Nacos,
  NacosAbout,
  NacosConnection,
  NacosNamespace,
  NacosNaming,
  NamingEvent,
  ServiceName,
  ServiceSnapshot,
} from "../../../shared/nacos/nacos.ts";
import type { ServiceInfo } from "../../../shared/nacos/wire/service-info.ts";
import { namespaceId, publicNamespace, serviceKey } from "../../../shared/nacos/wire/service-key.ts";

/** A service of a dump. */
export interface DumpedService extends Omit<ServiceInfo, "serverTimeMs"> {
  readonly registryId: string;
  readonly namespace: string;
}

/** A configuration of a dump: what Dubbo's applications keep in Nacos about themselves. */
export interface DumpedConfig {
  readonly registryId: string;
  readonly config: ConfigName;
  readonly content: string;
}

const connection: NacosConnection = { number: 1, server: "the dump", sameServer: true };

/** A dump of one cluster in the place of its servers: it is read like them, and never changes. */
export class NacosDump implements Nacos {
  readonly about: NacosAbout = { generation: 3, version: undefined };
  readonly requests: ReadonlyMap<string, number> = new Map();
  readonly #services: readonly DumpedService[];
  readonly #configs: readonly DumpedConfig[];

  constructor(services: readonly DumpedService[], configs: readonly DumpedConfig[]) {
    this.#services = services;
    this.#configs = configs;
  }

  detect(): Promise<NacosAbout> {
    return Promise.resolve(this.about);
  }

  /** The public namespace is there without a service, too, as in a Nacos: a list without any would count as unread. */
  namespaces(): Promise<readonly NacosNamespace[]> {
    const ids = new Set([publicNamespace, ...this.#services.map(({ namespace }) => namespaceId(namespace))]);
    return Promise.resolve(Array.from(ids, (id) => ({ id, name: id })));
  }

  openNaming(namespace: string): NacosNaming {
    const id = namespaceId(namespace);
    return new DumpedNaming(id, this.#services.filter((one) => namespaceId(one.namespace) === id));
  }

  getConfig({ namespace, group, dataId }: ConfigName): Promise<string | undefined> {
    const found = this.#configs.find(({ config }) =>
      namespaceId(config.namespace) === namespaceId(namespace) && config.group === group &&
      config.dataId === dataId
    );
    return Promise.resolve(found?.content);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

class DumpedNaming implements NacosNaming {
  readonly namespace: string;
  readonly mode = "polling";
  readonly connection = connection;
  readonly lastError = undefined;
  readonly #services: ReadonlyMap<string, DumpedService>;
  readonly #listeners = new Set<(event: NamingEvent) => void>();

  constructor(namespace: string, services: readonly DumpedService[]) {
    this.namespace = namespace;
    this.#services = new Map(services.map((one) => [serviceKey(one.service), one]));
  }

  onEvent(listener: (event: NamingEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  watchServices(): () => void {
    queueMicrotask(() => {
      this.#tell({ type: "connected", connection });
      const services = Array.from(this.#services.values(), ({ service }) => service);
      this.#tell({ type: "services", connection, services });
      this.#tell({ type: "caught-up", connection });
    });
    return () => undefined;
  }

  subscribe(service: ServiceName): void {
    this.#tell({ type: "snapshot", snapshot: this.#snapshot(service) });
  }

  unsubscribe(): void {}

  listServices(): Promise<readonly ServiceName[]> {
    return Promise.resolve(Array.from(this.#services.values(), ({ service }) => service));
  }

  query(service: ServiceName): Promise<ServiceSnapshot> {
    return Promise.resolve(this.#snapshot(service));
  }

  connected(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #snapshot(service: ServiceName): ServiceSnapshot {
    const { instances = [], invalid = [], protected: isProtected = false } =
      this.#services.get(serviceKey(service)) ?? {};
    return {
      service,
      instances,
      invalid,
      protected: isProtected,
      connection: connection.number,
      server: connection.server,
      serverTimeMs: 0,
      origin: "initial",
    };
  }

  #tell(event: NamingEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
