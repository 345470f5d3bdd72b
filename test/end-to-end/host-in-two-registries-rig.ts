import { vi } from "vitest";
import { z } from "zod";
import { ZooKeeperClient } from "../../shared/zookeeper/client.ts";
import type { ZooKeeper } from "../../shared/zookeeper/zookeeper.ts";
import { startEureka } from "../servers/eureka.ts";
import type { EurekaServer } from "../servers/eureka.ts";
import { startZooKeeper } from "../servers/zookeeper.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";

/** What `/conflicts?host=` says of a host. */
const Page = z.object({
  claimedBy: z.array(z.object({ source: z.string(), endpoints: z.array(z.string()) })),
});

/** The service that moves, and its host: what Eureka's and Spring Cloud's entries have in common here. */
export const service = "orders";

/** A real Eureka and a real ZooKeeper (Spring Cloud) with one service, and everything of ours in one process. */
export class TwoRegistries implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #eureka: EurekaServer;
  readonly #zooKeeper: ZooKeeper;
  readonly meshregistry: Service;

  private constructor(
    stack: AsyncDisposableStack,
    eureka: EurekaServer,
    zooKeeper: ZooKeeper,
    meshregistry: Service,
  ) {
    this.#stack = stack;
    this.#eureka = eureka;
    this.#zooKeeper = zooKeeper;
    this.meshregistry = meshregistry;
  }

  /** Starts all of it, with one instance in Eureka and one in ZooKeeper. `conflicts` is that section of the file. */
  static async start(conflicts: Readonly<Record<string, unknown>> = {}): Promise<TwoRegistries> {
    await using starting = new AsyncDisposableStack();
    const [eureka, server] = await Promise.all([startEureka(), startZooKeeper()]);
    starting.use(eureka);
    starting.use(server);
    const zooKeeper = new ZooKeeperClient({
      servers: [server.address],
      sessionTimeoutMs: 30_000,
      maxFrameBytes: 2 ** 24,
    });
    starting.use(zooKeeper);
    await zooKeeper.connected(AbortSignal.timeout(60_000));
    for (const path of ["/dubbo", "/services", `/services/${service}`]) await zooKeeper.create(path);
    await registerIn(zooKeeper, 2);
    await registerAt(eureka, 1);
    const meshregistry = starting.use(
      await startService("all-in-one", {
        eurekaSource: {
          enabled: true,
          address: [eureka.url],
          deltaPeriod: "200ms",
          refreshPeriod: "5s",
          nsHost: false,
          k8sDomainSuffix: false,
        },
        zookeeperSource: { enabled: true, address: [server.address] },
        conflicts,
      }),
    );
    return new TwoRegistries(starting.move(), eureka, zooKeeper, meshregistry);
  }

  /**
   * Registers or takes away an instance (its number is the end of its address), and waits until that is collected: an
   * instance that leaves one registry before the other one shows it is nowhere for a moment.
   */
  async change(registry: "eureka" | "zookeeper", number: number, present: boolean): Promise<void> {
    await this.#write(registry, number, present);
    await collected(this.meshregistry, service, registry, placeOf(number), present);
  }

  async #write(registry: "eureka" | "zookeeper", number: number, present: boolean): Promise<void> {
    if (registry === "zookeeper") {
      if (present) await registerIn(this.#zooKeeper, number);
      else await this.#zooKeeper.delete(nodeOf(number));
    } else if (present) await registerAt(this.#eureka, number);
    else await this.#eureka.cancel(service, `${service}-${number}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Waits until the aggregator knows that a registry has, or has no longer, an endpoint of a host. */
export async function collected(
  meshregistry: Service,
  host: string,
  registry: string,
  place: string,
  present: boolean,
): Promise<void> {
  await vi.waitFor(async () => {
    const { claimedBy } = Page.parse(
      JSON.parse(await meshregistry.get(`/meshregistry/conflicts?host=${host}`)),
    );
    const places = claimedBy.find(({ source }) => source === registry)?.endpoints ?? [];
    if (places.includes(place) !== present) throw new Error(`${registry} has ${places.join()}`);
  }, { timeout: 60_000, interval: 50 });
}

/** Where requests to an instance go. */
export const placeOf = (number: number) => `10.1.0.${number}:8080`;

const nodeOf = (number: number) => `/services/${service}/${service}-${number}`;

async function registerIn(zooKeeper: ZooKeeper, number: number): Promise<void> {
  const node = {
    name: service,
    id: `${service}-${number}`,
    address: `10.1.0.${number}`,
    port: 8080,
    sslPort: null,
    payload: { metadata: { instance_status: "UP" } },
    registrationTimeUTC: number,
    serviceType: "DYNAMIC",
  };
  await zooKeeper.create(nodeOf(number), Buffer.from(JSON.stringify(node)));
}

async function registerAt(eureka: EurekaServer, number: number): Promise<void> {
  await eureka.register({
    app: service,
    instanceId: `${service}-${number}`,
    ipAddr: `10.1.0.${number}`,
    port: 8080,
  });
}
