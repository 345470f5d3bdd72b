/** An instance as somebody registers it; what is left out is as Nacos' clients have it. */
export interface NewInstance {
  readonly ip: string;
  readonly port: number;
  readonly weight?: number;
  readonly healthy?: boolean;
  readonly enabled?: boolean;
  readonly ephemeral?: boolean;
  readonly clusterName?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** An instance as the registry holds it. */
export type StoredInstance = Required<NewInstance> & {
  /** The connection that it lives and dies with; undefined: until it is deregistered. */
  readonly owner: string | undefined;
};

/** A service with its instances, in the order of their registration. */
export interface StoredService {
  readonly namespace: string;
  readonly group: string;
  readonly name: string;
  readonly instances: ReadonlyMap<string, StoredInstance>;
  /** Share of healthy instances at which all are called healthy; undefined: as of a service that nobody has configured. */
  readonly protectThreshold: number | undefined;
}

/** What changed: `added` and `gone` are of services with instances; each comes with a `changed`. */
export interface RegistryChange {
  readonly type: "changed" | "added" | "gone";
  readonly service: StoredService;
}

interface MutableService extends StoredService {
  readonly instances: Map<string, StoredInstance>;
  protectThreshold: number | undefined;
}

/** A namespace on the configuration side of Nacos. */
export interface StoredNamespace {
  readonly id: string;
  readonly name: string;
}

/**
 * What a cluster of simulated Nacos servers holds in memory: namespaces, services with instances, and configurations.
 * Several servers may share one.
 */
export class SimulatedRegistry {
  readonly #services = new Map<string, MutableService>();
  readonly #namespaces = new Map<string, StoredNamespace>([["public", { id: "public", name: "public" }]]);
  readonly #configs = new Map<string, string>();
  readonly #listeners = new Set<(change: RegistryChange) => void>();

  onChange(listener: (change: RegistryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get namespaces(): readonly StoredNamespace[] {
    return [...this.#namespaces.values()];
  }

  addNamespace(id: string, name = id): void {
    this.#namespaces.set(id, { id, name });
  }

  /** Those of a namespace, the empty ones among them. */
  services(namespace: string): readonly StoredService[] {
    return [...this.#services.values()].filter((service) => service.namespace === namespace);
  }

  service(namespace: string, group: string, name: string): StoredService | undefined {
    return this.#services.get(serviceId(namespace, group, name));
  }

  /** Adds an instance, or replaces the one with its address, port and cluster. */
  register(
    { namespace = "public", group = "DEFAULT_GROUP", name }: ServiceId,
    instance: NewInstance,
    owner?: string,
  ): void {
    this.#update(namespace, group, name, (instances) => {
      const stored = storedInstance(instance, owner);
      instances.set(instanceId(stored), stored);
    });
  }

  /** Replaces what an owner (nobody, by default) has registered for a service, all at once. */
  setInstances(
    { namespace = "public", group = "DEFAULT_GROUP", name }: ServiceId,
    instances: readonly NewInstance[],
    owner?: string,
  ): void {
    this.#update(namespace, group, name, (stored) => {
      for (const [id, one] of stored) if (one.owner === owner) stored.delete(id);
      for (const instance of instances) {
        const one = storedInstance(instance, owner);
        stored.set(instanceId(one), one);
      }
    });
  }

  deregister(
    { namespace = "public", group = "DEFAULT_GROUP", name }: ServiceId,
    { ip, port, clusterName = "DEFAULT" }: Pick<NewInstance, "ip" | "port" | "clusterName">,
  ): void {
    this.#update(
      namespace,
      group,
      name,
      (stored) => void stored.delete(instanceId({ ip, port, clusterName })),
    );
  }

  /** An owner is gone, and so is what it registered. */
  disown(owner: string): void {
    for (const { namespace, group, name, instances } of this.#services.values()) {
      if ([...instances.values()].some((one) => one.owner === owner)) {
        this.setInstances({ namespace, group, name }, [], owner);
      }
    }
  }

  /** Forgets a service that has no instances, as Nacos does after a minute or two. */
  sweep(): void {
    for (const [id, { instances }] of this.#services) if (instances.size === 0) this.#services.delete(id);
  }

  /** What a server loses with its memory: ephemeral instances, whoever registered them, and empty services. */
  loseMemory(): void {
    for (const service of this.#services.values()) {
      const { namespace, group, name } = service;
      this.#update(namespace, group, name, (stored) => {
        for (const [id, { ephemeral }] of stored) if (ephemeral) stored.delete(id);
      });
    }
    this.sweep();
  }

  setProtectThreshold(
    { namespace = "public", group = "DEFAULT_GROUP", name }: ServiceId,
    threshold: number,
  ): void {
    this.#update(namespace, group, name, () => undefined);
    const service = this.#services.get(serviceId(namespace, group, name));
    if (service !== undefined) service.protectThreshold = threshold;
  }

  setConfig(namespace: string, group: string, dataId: string, content: string | undefined): void {
    const key = serviceId(namespace, group, dataId);
    if (content === undefined) this.#configs.delete(key);
    else this.#configs.set(key, content);
  }

  config(namespace: string, group: string, dataId: string): string | undefined {
    return this.#configs.get(serviceId(namespace, group, dataId));
  }

  #update(
    namespace: string,
    group: string,
    name: string,
    change: (instances: Map<string, StoredInstance>) => void,
  ): void {
    const id = serviceId(namespace, group, name);
    let service = this.#services.get(id);
    if (service === undefined) {
      service = { namespace, group, name, instances: new Map(), protectThreshold: undefined };
      this.#services.set(id, service);
    }
    const before = service.instances.size;
    change(service.instances);
    if (before === 0 && service.instances.size > 0) this.#tell({ type: "added", service });
    if (before > 0 && service.instances.size === 0) this.#tell({ type: "gone", service });
    this.#tell({ type: "changed", service });
  }

  #tell(change: RegistryChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

/** Which service; by default of the public namespace and the default group. */
export interface ServiceId {
  readonly namespace?: string;
  readonly group?: string;
  readonly name: string;
}

function serviceId(namespace: string, group: string, name: string): string {
  return `${namespace}@@${group}@@${name}`;
}

function instanceId({ ip, port, clusterName }: { ip: string; port: number; clusterName: string }): string {
  return `${ip}#${port}#${clusterName}`;
}

function storedInstance(instance: NewInstance, owner: string | undefined): StoredInstance {
  return {
    weight: 1,
    healthy: true,
    enabled: true,
    ephemeral: true,
    clusterName: "DEFAULT",
    metadata: {},
    ...instance,
    owner,
  };
}

/** A service as Nacos writes it; over HTTP the name holds the group. Disabled instances are left out. */
export function serviceInfo(
  service: Pick<StoredService, "group" | "name" | "instances" | "protectThreshold">,
  { qualified = false, nowMs = Date.now() }: { readonly qualified?: boolean; readonly nowMs?: number } = {},
) {
  const hosts = [...service.instances.values()].filter(({ enabled }) => enabled);
  const healthy = hosts.filter((host) => host.healthy).length;
  const { protectThreshold } = service;
  const isProtected = protectThreshold !== undefined && hosts.length > 0 &&
    healthy / hosts.length <= protectThreshold;
  return {
    name: qualified ? `${service.group}@@${service.name}` : service.name,
    groupName: service.group,
    clusters: "",
    cacheMillis: 10_000,
    hosts: hosts.map((host) => instanceJson(service, host, isProtected)),
    lastRefTime: nowMs,
    checksum: "",
    allIps: false,
    reachProtectionThreshold: isProtected,
    valid: true,
  };
}

/** An instance as Nacos writes it. */
export function instanceJson(
  { group, name }: Pick<StoredService, "group" | "name">,
  { owner: _owner, ...instance }: StoredInstance,
  isProtected = false,
) {
  const { ip, port, clusterName } = instance;
  return {
    instanceId: `${ip}#${port}#${clusterName}#${group}@@${name}`,
    ...instance,
    healthy: instance.healthy || isProtected,
    serviceName: `${group}@@${name}`,
    instanceHeartBeatInterval: 5_000,
    instanceHeartBeatTimeOut: 15_000,
    ipDeleteTimeout: 30_000,
  };
}
