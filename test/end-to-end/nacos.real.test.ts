import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceName } from "../../shared/nacos/nacos.ts";
import { NacosProvider } from "../../shared/nacos/provider-rig.ts";
import { requireReal } from "../servers/find.ts";
import { startNacosApp } from "../servers/nacos-app.ts";
import { startNacos } from "../servers/nacos.ts";
import type { NacosServer } from "../servers/nacos.ts";
import { startRnacos } from "../servers/rnacos.ts";
import { startSpringNacos } from "../servers/spring-nacos.ts";
import { DeltaObserver } from "./delta-observer.ts";
import { startService } from "./services.ts";

const patient = { timeout: 120_000, interval: 50 };

const orders: ServiceName = { group: "DEFAULT_GROUP", name: "orders" };
const users: ServiceName = { group: "g", name: "users" };
const at = (number: number) => ({ ip: `10.0.0.${number}`, port: 8080 });
const hostOf = ({ name }: ServiceName) => `${name}.nacos.svc.cluster.local`;

const servers = [
  { name: "nacos-3", start: () => startNacos({ line: "3" }), isNacos: true },
  { name: "nacos-2", start: () => startNacos({ line: "2" }), isNacos: true },
  { name: "rnacos", start: startRnacos, isNacos: false },
] as const;

for (const { name, start, isNacos } of servers) {
  const { skip } = requireReal(name);

  describe.skipIf(skip)(`From a real ${name} to a Delta client`, () => {
    const stack = new AsyncDisposableStack();
    let server: NacosServer;
    let observer: DeltaObserver;

    beforeAll(async () => {
      server = stack.use(await start());
      const service = stack.use(
        await startService("all-in-one", {
          nacosSource: {
            enabled: true,
            address: [`http://${server.address}`],
            namespaceGroups: ["public:DEFAULT_GROUP,g"],
            refreshPeriod: "500ms",
          },
        }),
      );
      observer = stack.use(new DeltaObserver(service.xdsAddress));
    }, 300_000);
    afterAll(() => stack.disposeAsync());

    const shown = (service: ServiceName) => observer.view.get(hostOf(service));
    const open = () => NacosProvider.open(server.address, { isNacos });

    test("instances come, change, scale to zero and come back", { timeout: 300_000 }, async () => {
      const provider = stack.use(await open());
      await provider.set(orders, [at(1), at(2)]);
      await provider.set(users, [at(3)]);
      await expect.poll(() => shown(orders), patient).toEqual(["10.0.0.1:8080", "10.0.0.2:8080"]);
      await expect.poll(() => shown(users), patient).toEqual(["10.0.0.3:8080"]);
      await provider.set(orders, [at(2), at(4)]);
      await expect.poll(() => shown(orders), patient).toEqual(["10.0.0.2:8080", "10.0.0.4:8080"]);
      await provider.set(users, []);
      await expect.poll(() => shown(users), patient).toEqual([]);
      await provider.set(users, [at(5)]);
      await expect.poll(() => shown(users), patient).toEqual(["10.0.0.5:8080"]);
    });

    test(
      "a provider that dies takes its instances with it, and no others",
      { timeout: 300_000 },
      async () => {
        const dying = await open();
        await dying.set(orders, [at(6)]);
        await expect.poll(() => shown(orders), patient).toEqual([
          "10.0.0.2:8080",
          "10.0.0.4:8080",
          "10.0.0.6:8080",
        ]);
        await dying[Symbol.asyncDispose]();
        await expect.poll(() => shown(orders), patient).toEqual(["10.0.0.2:8080", "10.0.0.4:8080"]);
      },
    );

    test("a server that is killed and started again loses nothing", { timeout: 300_000 }, async () => {
      observer.lostHosts.clear();
      await server.kill();
      await server.restart();
      // The providers of before don't come back, as their processes would; others take their place.
      const provider = stack.use(await open());
      await provider.set(orders, [at(2), at(4), at(7)]);
      await provider.set(users, [at(5)]);
      await expect.poll(() => shown(orders), patient).toEqual([
        "10.0.0.2:8080",
        "10.0.0.4:8080",
        "10.0.0.7:8080",
      ]);
      expect([...observer.lostHosts]).toEqual([]);
      // And changes arrive again.
      await provider.set(orders, [at(2), at(4)]);
      await expect.poll(() => shown(orders), patient).toEqual(["10.0.0.2:8080", "10.0.0.4:8080"]);
    });
  });
}

for (const line of ["3", "2"] as const) {
  const { skip } = requireReal(`nacos-${line}`, "nacos-app");

  test.skipIf(skip)(
    `with a login, a Nacos ${line} shows what its own Java client registers`,
    { timeout: 300_000 },
    async () => {
      const password = line === "2" ? "nacos" : "secret-of-nacos";
      await using server = await startNacos({ line, password });
      const credentials = { username: "nacos", password };
      await using application = await startNacosApp({
        nacos: server.address,
        credentials,
        instances: [
          {
            group: "DEFAULT_GROUP",
            service: "orders",
            ip: "10.0.0.1",
            port: 8080,
            metadata: { version: "v1" },
          },
        ],
      });
      const nacosSource = {
        enabled: true,
        address: [`http://${server.address}`],
        ...credentials,
        refreshPeriod: "500ms",
      };
      await using service = await startService("all-in-one", { nacosSource });
      await using observer = new DeltaObserver(service.xdsAddress);
      await expect.poll(() => observer.view.get(hostOf(orders)), patient).toEqual(["10.0.0.1:8080"]);
      const page: Record<string, { endpoints: { labels: Record<string, string> }[] }> = JSON.parse(
        await service.get("/meshregistry/nacos"),
      );
      expect(page["orders.nacos"]?.endpoints[0]?.labels["version"]).toBe("v1");
      expect(JSON.parse(await service.get("/meshregistry/nacos?registries=true")))
        .toEqual([{ addresses: [`http://${server.address}`] }]);
      await application.stop();
      await expect.poll(() => observer.view.get(hostOf(orders)), patient).toEqual([]);
    },
  );
}

test.skipIf(requireReal("nacos-3", "spring-nacos").skip)(
  "an application with Spring Cloud Alibaba is there with its metadata, until it ends",
  { timeout: 300_000 },
  async () => {
    await using server = await startNacos({ line: "3" });
    await using application = await startSpringNacos({
      nacos: server.address,
      application: "orders",
      ip: "10.0.0.1",
      cluster: "hangzhou",
      metadata: { version: "v1" },
    });
    const nacosSource = { enabled: true, address: [`http://${server.address}`], refreshPeriod: "500ms" };
    await using service = await startService("all-in-one", { nacosSource });
    await using observer = new DeltaObserver(service.xdsAddress);
    const { port } = application;
    await expect.poll(() => observer.view.get(hostOf(orders)), patient).toEqual([`10.0.0.1:${port}`]);
    const page: Record<string, { endpoints: { labels: Record<string, string> }[] }> = JSON.parse(
      await service.get("/meshregistry/nacos"),
    );
    // What Spring itself adds (`preserved.register.source`) is no label.
    expect(page["orders.nacos"]?.endpoints[0]?.labels).toEqual({ cluster: "hangzhou", version: "v1" });
    await application.stop();
    await expect.poll(() => observer.view.get(hostOf(orders)), patient).toEqual([]);
  },
);
