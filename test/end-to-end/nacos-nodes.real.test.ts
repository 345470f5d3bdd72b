import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceName } from "../../shared/nacos/nacos.ts";
import { NacosProvider } from "../../shared/nacos/provider-rig.ts";
import type { ProvidedInstance } from "../../shared/nacos/provider-rig.ts";
import { requireReal } from "../servers/find.ts";
import { startNacos } from "../servers/nacos.ts";
import type { NacosServer } from "../servers/nacos.ts";
import { DeltaObserver } from "./delta-observer.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";

const patient = { timeout: 120_000, interval: 50 };

const orders: ServiceName = { group: "DEFAULT_GROUP", name: "orders" };
const users: ServiceName = { group: "DEFAULT_GROUP", name: "users" };
const at = (number: number) => ({ ip: `10.0.0.${number}`, port: 8080 });

/** A node, and what has registered there. */
interface Node {
  readonly server: NacosServer;
  readonly provider: NacosProvider;
}

/**
 * Most nodes of a set are down. They are no cluster, so whatever is to be seen at each of them registers at each, as the
 * nodes of a cluster tell one another.
 */
describe("Three real Nacos nodes in one list of addresses", () => {
  const { skip } = requireReal("nacos-2");
  const stack = new AsyncDisposableStack();
  /** Those that run. */
  const nodes = new Map<string, Node>();
  let service: Service;
  let observer: DeltaObserver;

  async function join(server: NacosServer): Promise<void> {
    nodes.set(server.address, {
      server,
      provider: stack.use(await NacosProvider.open(server.address)),
    });
  }

  async function provide(service: ServiceName, instances: readonly ProvidedInstance[]): Promise<void> {
    for (const { provider } of nodes.values()) await provider.set(service, instances);
  }

  async function seen({ name }: ServiceName, ...numbers: readonly number[]): Promise<void> {
    await expect.poll(() => observer.view.get(`${name}.nacos.svc.cluster.local`), patient)
      .toEqual(numbers.map((number) => `10.0.0.${number}:8080`));
  }

  /** The node that the collector reads. */
  async function used(): Promise<Node> {
    let found: Node | undefined;
    await expect.poll(async () => {
      const status = await service.get("/meshregistry/collectors/nacos");
      found = [...nodes.values()].find(({ server }) => status.includes(`"server": "${server.address}"`));
      return found;
    }, patient).toBeDefined();
    if (found === undefined) throw new TypeError("no node is in use");
    return found;
  }

  async function killUsed(): Promise<NacosServer> {
    const { server } = await used();
    nodes.delete(server.address);
    await server.kill();
    return server;
  }

  beforeAll(async () => {
    if (skip) return;
    // One after the other: a node's start takes all processors.
    for (let number = 0; number < 3; number++) await join(stack.use(await startNacos({ line: "2" })));
    const address = Array.from(nodes.keys(), (one) => `http://${one}`);
    const nacosSource = { enabled: true, address, refreshPeriod: "500ms" };
    service = stack.use(await startService("all-in-one", { nacosSource }));
    observer = stack.use(new DeltaObserver(service.xdsAddress));
  }, 600_000);
  afterAll(() => stack.disposeAsync());

  test.skipIf(skip)(
    "lose nothing when one is left, and when others come back",
    { timeout: 600_000 },
    async () => {
      await provide(orders, [at(1), at(2)]);
      await provide(users, [at(3)]);
      await seen(orders, 1, 2);
      await seen(users, 3);
      const first = await killUsed();
      await provide(orders, [at(1), at(2), at(4)]);
      await seen(orders, 1, 2, 4);
      await killUsed();
      await provide(orders, [at(1), at(2), at(4), at(5)]);
      await seen(orders, 1, 2, 4, 5);
      await provide(orders, [at(1), at(5)]);
      await seen(orders, 1, 5);
      // It comes back empty, and has heard of everything when the last one of the others goes.
      await first.restart();
      await join(first);
      await provide(orders, [at(1), at(5), at(6)]);
      await provide(users, [at(3)]);
      await seen(orders, 1, 5, 6);
      await killUsed();
      await provide(orders, [at(1), at(5), at(6), at(7)]);
      await seen(orders, 1, 5, 6, 7);
      await seen(users, 3);
      expect([...observer.lostHosts]).toEqual([]);
    },
  );
});
