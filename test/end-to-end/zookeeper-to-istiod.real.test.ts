import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startDubboConsumer, startDubboProvider } from "../servers/dubbo.ts";
import type { DubboApplication } from "../servers/dubbo.ts";
import { requireReal } from "../servers/find.ts";
import { startIstiod } from "../servers/istiod.ts";
import type { Istiod } from "../servers/istiod.ts";
import { startNats } from "../servers/nats.ts";
import { connectSidecar } from "../servers/sidecar-client.ts";
import type { Sidecar } from "../servers/sidecar-client.ts";
import { startSpringZooKeeper } from "../servers/spring-zookeeper.ts";
import { startZooKeeper } from "../servers/zookeeper.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";

/** Whole applications: real Dubbo and Spring Cloud → ZooKeeper → collector → NATS JetStream → aggregator → istiod → a sidecar. */
describe("Dubbo and Spring Cloud to istiod", () => {
  const { skip } = requireReal(
    "nats-server",
    "zookeeper-3.9",
    "dubbo-2.7",
    "dubbo-3.3",
    "spring-zookeeper",
    "istiod-latest",
  );
  const stack = new AsyncDisposableStack();
  let orders: DubboApplication;
  let collector: Service;
  let istiod: Istiod;
  let sidecar: Sidecar;
  let zookeeper: string;

  const [ordersHost, usersHost, stockHost] = [
    "shop.api.order-service.blue.1-0-0.gv",
    "shop.api.user-service",
    "shop.api.stock-service.2-0-0.v",
  ];

  /** One provider for each way to register, a consumer for each line of Dubbo, a Spring Cloud service. */
  async function startApplications(): Promise<void> {
    const order = { interface: "shop.api.OrderService", group: "blue", serviceVersion: "1.0.0" } as const;
    const stock = { interface: "shop.api.StockService", serviceVersion: "2.0.0" } as const;
    const user = { interface: "shop.api.UserService" } as const;
    [orders] = await Promise.all([
      startDubboProvider({
        version: "2.7",
        zookeeper,
        application: "order-app",
        host: "10.9.1.1",
        services: [order],
      }),
      startDubboProvider({
        zookeeper,
        application: "user-app",
        host: "10.9.1.2",
        registerMode: "all",
        metadataType: "remote",
        services: [user],
      }).then((one) => stack.use(one)),
    ]);
    stack.use(orders);
    await Promise.all([
      startDubboProvider({
        zookeeper,
        application: "stock-app",
        host: "10.9.1.3",
        registerMode: "instance",
        metadataType: "remote",
        services: [stock],
      }).then((one) => stack.use(one)),
      startDubboConsumer({
        version: "2.7",
        zookeeper,
        application: "web-app",
        host: "10.9.2.1",
        references: [order, user],
      })
        .then((one) => stack.use(one)),
    ]);
    await Promise.all([
      startDubboConsumer({ zookeeper, application: "shop-app", host: "10.9.2.2", references: [order] })
        .then((one) => stack.use(one)),
      startSpringZooKeeper({ zookeeper, application: "catalog", host: "10.9.3.1" }).then((one) =>
        stack.use(one)
      ),
    ]);
  }

  const endpoints = (host: string, port: number | undefined) =>
    sidecar.endpointsOfHost(host, port ?? 0)?.join(" ");

  beforeAll(async () => {
    if (skip) return;
    const [nats, server] = await Promise.all([startNats(), startZooKeeper()]);
    stack.use(nats);
    stack.use(server);
    zookeeper = server.address;
    const config = {
      nats: { servers: [nats.url] },
      zookeeperSource: { enabled: true, address: [zookeeper], trimDubboRemoveDepInterval: "1s" },
    };
    // Before the applications: all that they do comes as a change.
    collector = stack.use(await startService("zk-collector", config));
    const aggregator = stack.use(await startService("aggregator", config));
    await vi.waitFor(async () => expect(await aggregator.isReady()).toBe(true), { timeout: 60_000 });
    const starting = startApplications();
    // Awaited below.
    starting.catch(() => {});
    istiod = stack.use(await startIstiod({ version: "latest", mcpAddresses: [aggregator.xdsAddress] }));
    await starting;
    sidecar = stack.use(connectSidecar({ address: `127.0.0.1:${istiod.grpcPort}` }));
  });

  afterAll(() => stack.disposeAsync());

  const names = async (kind: string) => (await istiod.configz(kind)).map(({ name }) => name).sort();

  test.skipIf(skip)("has every service, however it was registered", async () => {
    await expect.poll(() => names("ServiceEntry"), { timeout: 30_000 }).toEqual(
      [ordersHost, stockHost, usersHost, expect.stringContaining("catalog")].toSorted((a, b) =>
        String(a) < String(b) ? -1 : 1
      ),
    );
    const port = orders.ports.get("dubbo");
    await sidecar.until("orders", () => endpoints(ordersHost, port) === `10.9.1.1:${port}`);
  });

  test.skipIf(skip)("has the Sidecars of the applications that provide and consume", async () => {
    await expect.poll(() => names("Sidecar"), { timeout: 30_000 }).toEqual(
      ["order-app", "shop-app", "stock-app", "user-app", "web-app"].map((name) => `${name}.dubbo.generated`),
    );
    const web = (await istiod.configz("Sidecar")).find(({ name }) => name.startsWith("web-app"));
    expect(JSON.stringify(web?.spec)).toContain(ordersHost);
    expect(JSON.stringify(web?.spec)).toContain(usersHost);
  });

  test.skipIf(skip)("sends a provider that comes, and one that goes, to a sidecar", async () => {
    const port = orders.ports.get("dubbo") ?? 0;
    const second = stack.use(
      await startDubboProvider({
        version: "2.7",
        zookeeper,
        application: "order-app",
        host: "10.9.1.9",
        protocols: [{ name: "dubbo", port: 1 + port }],
        services: [{ interface: "shop.api.OrderService", group: "blue", serviceVersion: "1.0.0" }],
      }),
    );
    const both = [`10.9.1.1:${port}`, `10.9.1.9:${1 + port}`];
    await sidecar.until("both", () => both.every((each) => endpoints(ordersHost, port)?.includes(each)));
    await second.stop();
    await sidecar.until("the first alone", () => endpoints(ordersHost, port) === both[0]);
    await orders.stop();
    await sidecar.until("none", () => endpoints(ordersHost, port) === "");
    expect(await names("ServiceEntry"), "a service without providers stays").toContain(ordersHost);
    expect(await collector.get("/meshregistry/collectors/zookeeper")).toContain("one recursive watch");
  });
});
