import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { EurekaRegistry } from "../../shared/simulators/eureka/registry.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import type { NatsServer } from "../servers/nats.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";
import { XdsObserver } from "./xds-observer.ts";

const soon = { timeout: 60_000 };

const Sources = z.object({
  sources: z.object({
    eureka: z.object({
      state: z.string(),
      remark: z.string().nullable(),
      held: z.number(),
      collectors: z.array(z.object({ status: z.string(), lastSignAgeMs: z.number() })),
    }),
  }),
});

/** A collector that dies, and one that is started anew on a stream that was lost, while its registry is half empty. */
describe.skipIf(requireReal("nats-server").skip)("an aggregator whose collector is killed", () => {
  const stack = new AsyncDisposableStack();
  const registry = new EurekaRegistry();
  let nats: NatsServer;
  let collector: Service;
  let aggregator: Service;
  let observer: XdsObserver;

  const eureka = async () => {
    const { sources } = Sources.parse(JSON.parse(await aggregator.get("/meshregistry/sources")));
    return sources.eureka;
  };
  const register = (service: number) =>
    registry.register(`SERVICE-${service}`, {
      instanceId: `10.0.1.${service}:8080`,
      hostName: `10.0.1.${service}`,
      ipAddr: `10.0.1.${service}`,
      port: { $: 8080, "@enabled": "true" },
      status: "UP",
    });

  beforeAll(async () => {
    nats = stack.use(await startNats());
    for (let service = 0; service < 100; service++) register(service);
    const server = stack.use(new EurekaServer(registry));
    const config = {
      nats: { servers: [nats.url] },
      eurekaSource: {
        enabled: true,
        address: [await server.listen("127.0.0.1:0")],
        refreshPeriod: "300ms",
      },
      guard: { holdTime: "1h" },
    };
    aggregator = stack.use(await startService("aggregator", config));
    collector = stack.use(await startService("eureka-collector", config));
    observer = stack.use(new XdsObserver(aggregator.xdsAddress));
  });

  afterAll(() => stack.disposeAsync());

  test("says so within seconds, and goes on serving", async () => {
    await expect.poll(() => observer.view.size, soon).toBe(100);
    await expect.poll(async () => await eureka(), soon).toMatchObject({
      state: "synced",
      remark: null,
      collectors: [{ status: "live" }],
    });
    const killedMs = performance.now();
    await collector.kill();
    await expect.poll(async () => (await eureka()).collectors, { timeout: 60_000, interval: 100 })
      .toMatchObject([{ status: "lost" }]);
    const seconds = (performance.now() - killedMs) / 1000;
    console.info(`a killed collector showed after ${seconds.toFixed(1)} s`);
    expect(seconds).toBeLessThan(10);
    expect(await aggregator.get("/meshregistry/ready")).toContain("eureka: no collector runs");
    expect(await aggregator.isReady()).toBe(true);
    expect(observer.view.size).toBe(100);
  });

  test("holds what the next one can't know of, when the stream is lost meanwhile", async () => {
    const connection = await connect({ servers: nats.url });
    const manager = await jetstreamManager(connection);
    await manager.streams.delete("MESH_ENTRIES");
    await connection.close();
    registry.clear();
    for (let service = 0; service < 10; service++) register(service);
    await collector.restart();
    await expect.poll(async () => await eureka(), soon).toMatchObject({
      held: 90,
      collectors: [{ status: "live" }, { status: "lost" }],
    });
    expect(observer.view.size).toBe(100);
    // Some are shown again.
    for (let service = 10; service < 20; service++) register(service);
    await expect.poll(async () => (await eureka()).held, soon).toBe(80);
    expect(observer.lostHosts.size).toBe(0);
    const response = await fetch(`${aggregator.httpUrl}/meshregistry/collectors/eureka/held/release`, {
      method: "POST",
    });
    expect(await response.json()).toMatchObject({ released: 80 });
    await expect.poll(() => observer.view.size, soon).toBe(20);
  });
});
