import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceName } from "../../shared/nacos/nacos.ts";
import { NacosProvider } from "../../shared/nacos/provider-rig.ts";
import { requireReal } from "../servers/find.ts";
import { startNacosApp } from "../servers/nacos-app.ts";
import { startNacosCluster } from "../servers/nacos-cluster.ts";
import type { NacosLine, NacosServer } from "../servers/nacos.ts";
import { DeltaObserver } from "./delta-observer.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";

const patient = { timeout: 120_000, interval: 50 };

const orders: ServiceName = { group: "DEFAULT_GROUP", name: "orders" };
const hostOf = (name: string) => `${name}.nacos.svc.cluster.local`;
const addressOf = (number: number) => `10.0.0.${number}:8080`;

/** An application with one instance of `orders`, and its connection to one node. */
interface Application {
  readonly number: number;
  readonly node: NacosServer;
  readonly provider: NacosProvider;
}

/** Nodes that tell one another what is registered at them. */
describe.each(["2", "3"] as const)("A real cluster of three Nacos %s", (line: NacosLine) => {
  const { skip } = requireReal(`nacos-${line}`, "nacos-app");
  const stack = new AsyncDisposableStack();
  let nodes: readonly NacosServer[] = [];
  let applications: readonly Application[] = [];
  let service: Service;
  let observer: DeltaObserver;

  const running = () => nodes.filter(({ pid }) => pid !== undefined);

  async function connect(number: number, node: NacosServer): Promise<Application> {
    const provider = stack.use(await NacosProvider.open(node.address));
    await provider.set(orders, [{ ip: `10.0.0.${number}`, port: 8080 }]);
    return { number, node, provider };
  }

  async function join(number: number, node: NacosServer): Promise<void> {
    applications = [...applications, await connect(number, node)];
  }

  async function leave(number: number): Promise<void> {
    const leaving = applications.find((one) => one.number === number);
    applications = applications.filter((one) => one !== leaving);
    await leaving?.provider[Symbol.asyncDispose]();
  }

  /** What an application does whose node is gone: it registers at another one. */
  async function moveApplications(): Promise<void> {
    const [refuge] = running();
    if (refuge === undefined) throw new TypeError("no node runs");
    applications = await Promise.all(
      applications.map(async (one) => one.node.pid === undefined ? await connect(one.number, refuge) : one),
    );
  }

  /** The same, where all nodes were restarted. */
  async function registerAgain(): Promise<void> {
    const node = await used();
    applications = await Promise.all(applications.map(({ number }) => connect(number, node)));
  }

  async function seen(name: string, ...numbers: readonly number[]): Promise<void> {
    await expect.poll(() => observer.view.get(hostOf(name)), patient).toEqual(numbers.map(addressOf));
  }

  const status = () => service.get("/meshregistry/collectors/nacos");

  /** The node that the collector reads. */
  async function used(): Promise<NacosServer> {
    let found: NacosServer | undefined;
    await expect.poll(async () => {
      const text = await status();
      found = running().find(({ address }) => text.includes(`"server": "${address}"`));
      return found;
    }, patient).toBeDefined();
    if (found === undefined) throw new TypeError("no node is in use");
    return found;
  }

  async function killUsed(): Promise<NacosServer> {
    const node = await used();
    await node.kill();
    return node;
  }

  beforeAll(async () => {
    if (skip) return;
    nodes = await startNacosCluster(line, 3);
    for (const node of nodes) stack.use(node);
    stack.use(
      await startNacosApp({
        nacos: nodes.map(({ address }) => address).join(","),
        instances: [21, 22].map((number) => (
          { group: "DEFAULT_GROUP", service: "users", ip: `10.0.0.${number}`, port: 8080 }
        )),
      }),
    );
    const address = nodes.map((node) => `http://${node.address}`);
    const nacosSource = { enabled: true, address, refreshPeriod: "500ms" };
    service = stack.use(await startService("all-in-one", { nacosSource }));
    observer = stack.use(new DeltaObserver(service.xdsAddress));
  }, 900_000);
  afterAll(() => stack.disposeAsync());

  test.skipIf(skip)(
    "loses nothing with the node that is read, with half of its nodes, and with all of them",
    { timeout: 900_000 },
    async () => {
      for (const [index, node] of nodes.entries()) await join(index + 11, node);
      await seen("orders", 11, 12, 13);
      await seen("users", 21, 22);

      const first = await killUsed();
      await moveApplications();
      await join(14, await used());
      await seen("orders", 11, 12, 13, 14);
      const other = running().find(({ address }) => address !== applications.at(-1)?.node.address);
      if (other === undefined) throw new TypeError("one node is left");
      await join(15, other);
      await seen("orders", 11, 12, 13, 14, 15);

      // One of three is no majority: nothing is elected any more, and registrations go on.
      const second = await killUsed();
      await moveApplications();
      await join(16, await used());
      await seen("orders", 11, 12, 13, 14, 15, 16);
      expect([...observer.lostEndpoints]).toEqual([]);
      await leave(16);
      await seen("orders", 11, 12, 13, 14, 15);

      await Promise.all([first.restart(), second.restart()]);
      await join(17, first);
      await seen("orders", 11, 12, 13, 14, 15, 17);
      // Whichever comes next, it knows from the others what was registered while it was down.
      await killUsed();
      await moveApplications();
      await join(18, await used());
      await seen("orders", 11, 12, 13, 14, 15, 17, 18);

      // No node remembers anything now, and the first to answer says so.
      for (const node of running()) await node.kill();
      await Promise.all(nodes.map((node) => node.restart()));
      await expect.poll(status, patient).toMatch(/"doubtfulInstances": [1-9]/);
      await registerAgain();
      await join(19, await used());
      await seen("orders", 11, 12, 13, 14, 15, 17, 18, 19);
      await seen("users", 21, 22);
      expect([...observer.lostHosts]).toEqual([]);
      expect([...observer.lostEndpoints]).toEqual([`${hostOf("orders")} ${addressOf(16)}`]);
    },
  );
});
