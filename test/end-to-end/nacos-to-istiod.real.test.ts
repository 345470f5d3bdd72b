import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { ServiceName } from "../../shared/nacos/nacos.ts";
import { NacosProvider } from "../../shared/nacos/provider-rig.ts";
import { requireReal } from "../servers/find.ts";
import { startIstiod } from "../servers/istiod.ts";
import type { Istiod } from "../servers/istiod.ts";
import { startNacos } from "../servers/nacos.ts";
import type { NacosServer } from "../servers/nacos.ts";
import { startNats } from "../servers/nats.ts";
import type { NatsServer } from "../servers/nats.ts";
import { connectSidecar } from "../servers/sidecar-client.ts";
import type { Sidecar } from "../servers/sidecar-client.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";

const service = (name: string): ServiceName => ({ group: "DEFAULT_GROUP", name });
const at = (number: number) => ({ ip: `10.1.0.${number}`, port: 8080 });
const dubbo = service("providers:shop.api.OrderService:1.0.0:blue");
const dubboHost = "shop.api.order-service.blue.1-0-0.gv";
const host = (name: string) => `${name}.nacos.svc.cluster.local`;

/** The main job on real input: Nacos → collector → NATS JetStream → aggregator → istiod → a sidecar. */
describe.each([["3", "latest"], ["2", "1.22"]] as const)("Nacos %s to istiod %s", (line, version) => {
  const { skip } = requireReal("nats-server", `nacos-${line}`, `istiod-${version}`);
  const stack = new AsyncDisposableStack();
  let nats: NatsServer;
  let nacos: NacosServer;
  let provider: NacosProvider;
  let collector: Service;
  let istiod: Istiod;
  let sidecar: Sidecar;

  const endpoints = (name: string) =>
    sidecar.endpointsOfHost(name, name === dubboHost ? 20880 : 8080)?.join(" ");
  const all = [host("orders"), host("users"), host("billing"), dubboHost];
  const lost = () => all.filter((name) => endpoints(name) === undefined);

  async function provideAll(): Promise<void> {
    provider = stack.use(await NacosProvider.open(nacos.address));
    await provider.set(service("orders"), [at(1), at(2)]);
    await provider.set(service("users"), [at(3)]);
    await provider.set(service("billing"), [at(4)]);
    await provider.set(dubbo, [{
      ip: "10.1.0.9",
      port: 20880,
      metadata: {
        path: "shop.api.OrderService",
        interface: "shop.api.OrderService",
        protocol: "dubbo",
        category: "providers",
        group: "blue",
        version: "1.0.0",
        application: "order-app",
      },
    }]);
  }

  beforeAll(async () => {
    if (skip) return;
    [nats, nacos] = await Promise.all([startNats(), startNacos({ line })]);
    stack.use(nats);
    stack.use(nacos);
    await provideAll();
    const config = {
      nats: { servers: [nats.url] },
      nacosSource: { enabled: true, address: [`http://${nacos.address}`], refreshPeriod: "500ms" },
    };
    collector = stack.use(await startService("nacos-collector", config));
    const aggregator = stack.use(await startService("aggregator", config));
    await vi.waitFor(async () => expect(await aggregator.isReady()).toBe(true), { timeout: 60_000 });
    istiod = stack.use(await startIstiod({ version, mcpAddresses: [aggregator.xdsAddress] }));
    sidecar = stack.use(connectSidecar({ address: `127.0.0.1:${istiod.grpcPort}` }));
  });

  afterAll(() => stack.disposeAsync());

  test.skipIf(skip)("has every host with its endpoints", async () => {
    await sidecar.until("all hosts", () => lost().length === 0);
    expect(endpoints(host("orders"))).toBe("10.1.0.1:8080 10.1.0.2:8080");
    expect(endpoints(host("users"))).toBe("10.1.0.3:8080");
    expect(endpoints(dubboHost)).toBe("10.1.0.9:20880");
    expect(await istiod.configz("ServiceEntry")).toHaveLength(all.length);
  });

  test.skipIf(skip)("sends a change as an update of endpoints", async () => {
    await sidecar.quiet();
    sidecar.forget();
    await provider.set(service("orders"), [at(1), at(2), at(5)]);
    await sidecar.until(
      "the new endpoint",
      () => endpoints(host("orders")) === "10.1.0.1:8080 10.1.0.2:8080 10.1.0.5:8080",
    );
    await sidecar.quiet();
    expect(sidecar.counts().EDS).toBeGreaterThan(0);
    // Older istiods push everything for any update of an entry without addresses.
    if (version === "latest") expect(sidecar.counts()).toEqual({ CDS: 0, EDS: 1, LDS: 0, RDS: 0 });
  });

  test.skipIf(skip)("sends a change of weight alone (nacos#8742)", async () => {
    sidecar.forget();
    await provider.set(service("orders"), [at(1), { ...at(2), weight: 5 }, at(5)]);
    await sidecar.until("an update", () => sidecar.counts().EDS > 0);
    const entry = (await istiod.configz("ServiceEntry")).find(({ name }) => name.startsWith("orders"));
    expect(JSON.stringify(entry?.spec)).toMatch(/"weight":/);
  });

  test.skipIf(skip)("sends a change of metadata alone (nacos#8742)", async () => {
    await provider.set(service("orders"), [
      { ...at(1), metadata: { version: "v2" } },
      { ...at(2), weight: 5 },
      at(5),
    ]);
    await expect.poll(async () => {
      const entry = (await istiod.configz("ServiceEntry")).find(({ name }) => name.startsWith("orders"));
      return JSON.stringify(entry?.spec);
    }, { timeout: 60_000, interval: 200 }).toMatch(/"version":"v2"/);
  });

  test.skipIf(skip)("leaves no stale endpoint when the last instance goes, and has the next", async () => {
    await provider.set(service("billing"), []);
    await sidecar.until("no endpoint", () => endpoints(host("billing")) === "");
    await provider.set(service("billing"), [at(6)]);
    await sidecar.until("the new instance's", () => endpoints(host("billing")) === "10.1.0.6:8080");
  });

  test.skipIf(skip)(
    "loses no host when Nacos, istiod, NATS and the collector restart",
    { timeout: 400_000 },
    async () => {
      const steps: readonly (readonly [string, () => Promise<void>])[] = [
        // It comes back empty, and its providers a while later.
        ["Nacos", async () => {
          await nacos.kill();
          await nacos.restart();
          await sidecar.quiet();
          expect(lost(), "lost to a Nacos that is empty").toEqual([]);
          expect(endpoints(host("users"))).toBe("10.1.0.3:8080");
          await provideAll();
        }],
        ["istiod", () => istiod.restart()],
        ["NATS", () => nats.restart()],
        ["the collector", () => collector.restart()],
      ];
      let number = 3;
      for (const [name, restart] of steps) {
        await restart();
        expect(lost(), `lost while ${name} restarted`).toEqual([]);
        const next = at(++number);
        await provider.set(service("users"), [at(3), next]);
        await sidecar.until(
          `the change after ${name} restarted`,
          () => endpoints(host("users")) === `10.1.0.3:8080 ${next.ip}:8080`,
          120_000,
        );
        expect(lost(), `lost after ${name} restarted`).toEqual([]);
      }
    },
  );
});
