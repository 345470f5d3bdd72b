import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { SimulatedKubernetes } from "../../shared/simulators/kubernetes/server.ts";
import { SimulatedNacos } from "../../shared/simulators/nacos/server.ts";
import { SimulatedZooKeeper } from "../../shared/simulators/zookeeper/server.ts";
import type { ServiceName } from "../end-to-end/services.ts";

/** Where an instance is, and the name that it is registered by. */
export interface Instance {
  readonly name: string;
  /** One of loopback, which on Linux has them all: 127.0.0.1 to 127.255.255.254. */
  readonly address: string;
  readonly port: number;
}

/** A registry in this process, over its real protocol, and how its users write to it. */
export interface MeshRegistry extends AsyncDisposable {
  readonly collector: Extract<ServiceName, `${string}-collector`>;
  /** The source's section of the configuration. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Which kind of requests its services get in these tests. */
  readonly protocol: "HTTP" | "TCP";
  readonly servicePort: number;
  /** Host of the ServiceEntry of a service; its name is a word in lower case. */
  hostOf(service: string): string;
  /** Registers an instance on loopback. */
  register(service: string, instance: Instance): void;
  /** Takes it away. */
  withdraw(service: string, instance: Instance): void;
}

/** Applications in a simulated Eureka, as HTTP services. */
export class EurekaMeshRegistry implements MeshRegistry {
  readonly collector = "eureka-collector";
  readonly protocol = "HTTP";
  readonly servicePort = 80;
  readonly server: EurekaServer;
  readonly config: MeshRegistry["config"];

  private constructor(server: EurekaServer, url: string) {
    this.server = server;
    const periods = { deltaPeriod: "200ms", refreshPeriod: "5s" };
    this.config = { eurekaSource: { enabled: true, address: [url], allowLoopback: true, ...periods } };
  }

  /** Starts an empty one. */
  static async start(): Promise<EurekaMeshRegistry> {
    const server = new EurekaServer();
    return new EurekaMeshRegistry(server, await server.listen("127.0.0.1:0"));
  }

  hostOf(service: string): string {
    return `${service}.eureka.svc.cluster.local`;
  }

  register(service: string, { name, address, port }: Instance): void {
    this.server.registry.register(service, {
      instanceId: name,
      hostName: address,
      ipAddr: address,
      status: "UP",
      port: { "$": port, "@enabled": "true" },
      securePort: { "$": 443, "@enabled": "false" },
      metadata: {},
    });
  }

  withdraw(service: string, { name }: Instance): void {
    this.server.registry.cancel(service, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

/** Dubbo interfaces in a simulated ZooKeeper, as TCP services, each with a virtual address. */
export class ZooKeeperMeshRegistry implements MeshRegistry {
  readonly collector = "zk-collector";
  readonly protocol = "TCP";
  readonly servicePort = 20_880;
  readonly server: SimulatedZooKeeper;
  readonly config: MeshRegistry["config"];

  private constructor(server: SimulatedZooKeeper, address: string) {
    this.server = server;
    const ports = { svcPort: 20_880, instancePortAsSvcPort: false };
    this.config = { zookeeperSource: { enabled: true, address: [address], allowLoopback: true, ...ports } };
  }

  /** Starts an empty one. */
  static async start(): Promise<ZooKeeperMeshRegistry> {
    const server = new SimulatedZooKeeper();
    return new ZooKeeperMeshRegistry(server, await server.listen("127.0.0.1:0"));
  }

  hostOf(service: string): string {
    return `shop.api.${service}`;
  }

  register(service: string, instance: Instance): void {
    this.server.tree.ensure(this.#pathOf(service, instance));
  }

  withdraw(service: string, instance: Instance): void {
    this.server.tree.delete(this.#pathOf(service, instance));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  #pathOf(service: string, { name: application, address, port }: Instance): string {
    const name = `shop.api.${service.slice(0, 1).toUpperCase()}${service.slice(1)}`;
    const url = `dubbo://${address}:${port}/${name}?application=${application}&interface=${name}`;
    return `/dubbo/${name}/providers/${encodeURIComponent(url)}`;
  }
}

/** Services with hand-written slices in a simulated Kubernetes cluster, as HTTP services. */
export class KubernetesMeshRegistry implements MeshRegistry {
  readonly collector = "k8s-collector";
  readonly protocol = "HTTP";
  readonly servicePort = 80;
  readonly server: SimulatedKubernetes;
  readonly config: MeshRegistry["config"];
  readonly #folder: string;
  readonly #instances = new Map<string, readonly Instance[]>();

  private constructor(server: SimulatedKubernetes, folder: string, kubeConfig: string) {
    this.server = server;
    this.#folder = folder;
    this.config = { k8sSource: { clusters: [{ id: "east", kubeConfig }], allowLoopback: true } };
  }

  /** Starts an empty one. */
  static async start(): Promise<KubernetesMeshRegistry> {
    const server = new SimulatedKubernetes();
    const url = await server.listen("127.0.0.1:0");
    const folder = mkdtempSync(join(tmpdir(), "meshregistry-kubeconfig-"));
    const path = join(folder, "kubeconfig");
    writeFileSync(path, server.kubeconfig(url));
    return new KubernetesMeshRegistry(server, folder, path);
  }

  hostOf(service: string): string {
    return `${service}.shop.svc.cluster.local`;
  }

  register(service: string, instance: Instance): void {
    this.#set(service, [...this.#instances.get(service) ?? [], instance]);
  }

  withdraw(service: string, { name }: Instance): void {
    this.#set(service, (this.#instances.get(service) ?? []).filter((instance) => instance.name !== name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#folder, { recursive: true });
    await this.server[Symbol.asyncDispose]();
  }

  /** A slice for each instance: they may have other ports. */
  #set(service: string, instances: readonly Instance[]): void {
    const metadata = { namespace: "shop", name: service };
    if (!this.#instances.has(service)) {
      this.server.set("services", { metadata, spec: { ports: [{ name: "http", port: this.servicePort }] } });
    }
    for (const { name } of this.#instances.get(service) ?? []) {
      if (instances.some((instance) => instance.name === name)) continue;
      this.server.delete("endpointSlices", { namespace: "shop", name: `${service}-${name}` });
    }
    for (const { name, address, port } of instances) {
      this.server.set("endpointSlices", {
        metadata: {
          namespace: "shop",
          name: `${service}-${name}`,
          labels: { "kubernetes.io/service-name": service },
        },
        addressType: "IPv4",
        ports: [{ name: "http", port }],
        endpoints: [{ addresses: [address] }],
      });
    }
    this.#instances.set(service, instances);
  }
}

/** Services in a simulated Nacos 3, by push, as HTTP services. */
export class NacosMeshRegistry implements MeshRegistry {
  readonly collector = "nacos-collector";
  readonly protocol = "HTTP";
  readonly servicePort = 80;
  readonly server: SimulatedNacos;
  readonly config: MeshRegistry["config"];

  private constructor(server: SimulatedNacos, address: string) {
    this.server = server;
    const own = { refreshPeriod: "5s", allowLoopback: true };
    this.config = { nacosSource: { enabled: true, address: [`http://${address}`], ...own } };
  }

  /** Starts an empty one. */
  static async start(): Promise<NacosMeshRegistry> {
    const server = new SimulatedNacos({ pushDelayMs: 20 });
    return new NacosMeshRegistry(server, await server.listen());
  }

  hostOf(service: string): string {
    return `${service}.nacos.svc.cluster.local`;
  }

  register(service: string, { address: ip, port }: Instance): void {
    this.server.registry.register({ name: service }, { ip, port });
  }

  withdraw(service: string, { address: ip, port }: Instance): void {
    this.server.registry.deregister({ name: service }, { ip, port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}
