import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { SimulatedNacos } from "../../shared/simulators/nacos/server.ts";
import { SimulatedZooKeeper } from "../../shared/simulators/zookeeper/server.ts";
import type { ServiceName } from "../end-to-end/services.ts";
import type { Truth } from "./history.ts";

/** A simulated registry whose every state is recorded. */
export interface RecordedRegistry extends AsyncDisposable {
  readonly name: string;
  /** As it stands in paths. */
  readonly token: string;
  readonly service: ServiceName;
  /** Port on the loopback address, of the connection that a collector reads by. */
  readonly port: number;
  /** The source's configuration for a registry at that port. */
  configOf(port: number): Readonly<Record<string, unknown>>;
  readonly truth: Truth;
  /** The endpoints that a service has now. */
  count(service: number): number;
  /** Adds an instance with an address that no service ever had. */
  add(service: number): void;
  /** Takes the oldest instance away. */
  removeOldest(service: number): void;
}

/** Instances by service, and what there was of each. */
class Recorder {
  readonly truth = new Map<string, string[]>();
  readonly instances = new Map<number, string[]>();
  readonly #hostOf: (service: number) => string;
  #addresses = 0;

  constructor(hostOf: (service: number) => string) {
    this.#hostOf = hostOf;
  }

  add(service: number): string {
    const index = ++this.#addresses;
    const address = `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
    this.#set(service, [...this.instances.get(service) ?? [], address]);
    return address;
  }

  removeOldest(service: number): string {
    const [oldest = "", ...others] = this.instances.get(service) ?? [];
    this.#set(service, others);
    return oldest;
  }

  #set(service: number, addresses: string[]): void {
    this.instances.set(service, addresses);
    const host = this.#hostOf(service);
    const states = this.truth.get(host) ?? [];
    states.push(addresses.toSorted().join(" "));
    this.truth.set(host, states);
  }
}

/** Dubbo services in a simulated ZooKeeper. */
export async function recordedZooKeeper(): Promise<RecordedRegistry> {
  const server = new SimulatedZooKeeper();
  const address = await server.listen("127.0.0.1:0");
  const recorder = new Recorder((service) => `com.acme.service${service}`);
  const pathOf = (service: number, ip: string) => {
    const name = `com.acme.Service${service}`;
    const url = `dubbo://${ip}:20880/${name}?application=app${service % 7}&interface=${name}`;
    return `/dubbo/${name}/providers/${encodeURIComponent(url)}`;
  };
  return {
    name: "ZooKeeper",
    token: "zookeeper",
    service: "zk-collector",
    port: Number(address.split(":")[1]),
    configOf: (port) => ({
      zookeeperSource: { enabled: true, address: [`127.0.0.1:${port}`], connectionTimeout: "4s" },
    }),
    truth: recorder.truth,
    count: (service) => recorder.instances.get(service)?.length ?? 0,
    add: (service) => server.tree.ensure(pathOf(service, recorder.add(service))),
    removeOldest: (service) => server.tree.delete(pathOf(service, recorder.removeOldest(service))),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Applications in a simulated Eureka. */
export async function recordedEureka(): Promise<RecordedRegistry> {
  const server = new EurekaServer();
  const url = await server.listen("127.0.0.1:0");
  const recorder = new Recorder((service) => `service${service}`);
  return {
    name: "Eureka",
    token: "eureka",
    service: "eureka-collector",
    port: Number(new URL(url).port),
    configOf: (port) => ({
      eurekaSource: {
        enabled: true,
        address: [`http://127.0.0.1:${port}/eureka`],
        deltaPeriod: "100ms",
        refreshPeriod: "5s",
        requestTimeout: "2s",
        nsHost: false,
        k8sDomainSuffix: false,
      },
    }),
    truth: recorder.truth,
    count: (service) => recorder.instances.get(service)?.length ?? 0,
    add: (service) => {
      const ipAddr = recorder.add(service);
      const port = { "$": 8080, "@enabled": "true" };
      server.registry.register(`SERVICE${service}`, {
        instanceId: ipAddr,
        status: "UP",
        ipAddr,
        port,
        metadata: {},
      });
    },
    removeOldest: (service) => server.registry.cancel(`SERVICE${service}`, recorder.removeOldest(service)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Services in a simulated Nacos, read by push: each replica subscribes only to its share. */
export async function recordedNacos(): Promise<RecordedRegistry> {
  const server = new SimulatedNacos({ pushDelayMs: 50 });
  const address = await server.listen();
  const recorder = new Recorder((service) => `service${service}`);
  const nameOf = (service: number) => ({ name: `service${service}` });
  return {
    name: "Nacos",
    token: "nacos",
    service: "nacos-collector",
    port: Number(address.split(":")[1]) + 1_000,
    configOf: (grpcPort) => ({
      nacosSource: {
        enabled: true,
        address: [`http://${address}`],
        grpcPort,
        mode: "watching",
        refreshPeriod: "1s",
        nsHost: false,
        k8sDomainSuffix: false,
      },
    }),
    truth: recorder.truth,
    count: (service) => recorder.instances.get(service)?.length ?? 0,
    add: (service) => server.registry.register(nameOf(service), { ip: recorder.add(service), port: 8080 }),
    removeOldest: (service) =>
      server.registry.deregister(nameOf(service), { ip: recorder.removeOldest(service), port: 8080 }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
