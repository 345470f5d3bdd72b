import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceName } from "../../shared/nacos/nacos.ts";
import { NacosProvider } from "../../shared/nacos/provider-rig.ts";
import { requireReal } from "../servers/find.ts";
import { startNacos } from "../servers/nacos.ts";
import type { NacosServer } from "../servers/nacos.ts";
import { startNats } from "../servers/nats.ts";
import { DeltaObserver } from "./delta-observer.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";

const patient = { timeout: 120_000, interval: 50 };

const services: readonly ServiceName[] = ["orders", "users", "carts"].map((name) => (
  { group: "DEFAULT_GROUP", name }
));
const at = (number: number) => ({ ip: `10.0.0.${number}`, port: 8080 });
const shownAt = (numbers: readonly number[]) => numbers.map((number) => `10.0.0.${number}:8080`);

/** A collector and its Nacos end together, as when a machine does: neither has seen what the other lost. */
describe.skipIf(requireReal("nacos-2", "nats-server").skip)("A fresh collector at a fresh real Nacos", () => {
  const stack = new AsyncDisposableStack();
  let server: NacosServer;
  let collector: Service;
  let observer: DeltaObserver;

  beforeAll(async () => {
    server = stack.use(await startNacos({ line: "2" }));
    const nats = stack.use(await startNats());
    const config = {
      nats: { servers: [nats.url] },
      nacosSource: { enabled: true, address: [`http://${server.address}`], refreshPeriod: "500ms" },
      guard: { maxShrinkPercent: 99, minEndpoints: 1_000 },
    };
    const aggregator = stack.use(await startService("aggregator", config));
    collector = stack.use(await startService("nacos-collector", config));
    observer = stack.use(new DeltaObserver(aggregator.xdsAddress));
  }, 300_000);
  afterAll(() => stack.disposeAsync());

  const shown = ({ name }: ServiceName) => observer.view.get(`${name}.nacos.svc.cluster.local`);

  test("keeps what was published before, until providers are there again", { timeout: 300_000 }, async () => {
    const before = await NacosProvider.open(server.address);
    for (const service of services) await before.set(service, [1, 2, 3, 4].map(at));
    for (const service of services) {
      await expect.poll(() => shown(service), patient).toEqual(shownAt([1, 2, 3, 4]));
    }

    await collector.kill();
    await server.kill();
    await before[Symbol.asyncDispose]();
    await server.restart();
    const [orders, users, carts] = services;
    if (orders === undefined || users === undefined || carts === undefined) {
      throw new TypeError("no services");
    }
    const provider = stack.use(await NacosProvider.open(server.address));
    await provider.set(orders, [at(1)]);
    await provider.set(users, [at(9)]);
    observer.lostHosts.clear();
    await collector.run();
    // It has read the server, and what is new comes beside what is missing.
    await expect.poll(() => shown(users), patient).toEqual(shownAt([1, 2, 3, 4, 9]));
    expect(shown(orders)).toEqual(shownAt([1, 2, 3, 4]));
    expect(shown(carts)).toEqual(shownAt([1, 2, 3, 4]));
    await provider.set(orders, [1, 2, 3, 4].map(at));
    await provider.set(carts, [1, 2].map(at));
    // What never came is gone once the server has had its time.
    await expect.poll(() => shown(users), patient).toEqual(shownAt([9]));
    await expect.poll(() => shown(carts), patient).toEqual(shownAt([1, 2]));
    expect(shown(orders)).toEqual(shownAt([1, 2, 3, 4]));
    expect([...observer.lostHosts]).toEqual([]);
  });
});
