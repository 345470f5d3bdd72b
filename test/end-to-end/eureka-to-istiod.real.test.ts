import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { startEureka } from "../servers/eureka.ts";
import type { EurekaServer } from "../servers/eureka.ts";
import { requireReal } from "../servers/find.ts";
import { startIstiod } from "../servers/istiod.ts";
import type { Istiod } from "../servers/istiod.ts";
import { startNats } from "../servers/nats.ts";
import type { NatsServer } from "../servers/nats.ts";
import { connectSidecar } from "../servers/sidecar-client.ts";
import type { Sidecar } from "../servers/sidecar-client.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";

const Clients = z.array(z.object({
  types: z.array(z.object({
    typeUrl: z.string(),
    sentVersion: z.string().nullable(),
    acknowledgedVersion: z.string().nullable(),
  })),
}));

const host = (app: string) => `${app}.eureka.svc.cluster.local`;

/** The main job on real input: Eureka → collector → NATS JetStream → aggregator → istiod → a sidecar. */
describe.each(["latest", "1.22"] as const)("Eureka to istiod %s", (version) => {
  const { skip } = requireReal("nats-server", "eureka", `istiod-${version}`);
  const stack = new AsyncDisposableStack();
  let nats: NatsServer;
  let eureka: EurekaServer;
  let collector: Service;
  let aggregator: Service;
  let istiod: Istiod;
  let sidecar: Sidecar;

  const register = (app: string, number: number) =>
    eureka.register({ app, instanceId: `${app}-${number}`, ipAddr: `10.1.0.${number}`, port: 8080 });
  const endpoints = (app: string) => sidecar.endpointsOfHost(host(app), 80)?.join(" ");
  const allHosts = ["orders", "users", "billing"];
  /** True once istiod has acknowledged the ServiceEntries that the aggregator has now. */
  const isAcknowledged = async () => {
    const clients = Clients.parse(JSON.parse(await aggregator.get("/meshregistry/clients?detail=1")));
    const entries = clients.flatMap(({ types }) => types).filter(({ typeUrl }) =>
      typeUrl.endsWith("/ServiceEntry")
    );
    return entries.some(({ sentVersion, acknowledgedVersion }) =>
      sentVersion !== null && sentVersion === acknowledgedVersion
    );
  };

  beforeAll(async () => {
    if (skip) return;
    [nats, eureka] = await Promise.all([startNats(), startEureka()]);
    stack.use(nats);
    stack.use(eureka);
    await Promise.all([
      register("orders", 1),
      register("orders", 2),
      register("users", 3),
      register("billing", 4),
    ]);
    const config = {
      nats: { servers: [nats.url] },
      eurekaSource: { enabled: true, address: [eureka.url], deltaPeriod: "200ms", refreshPeriod: "5s" },
    };
    collector = stack.use(await startService("eureka-collector", config));
    aggregator = stack.use(await startService("aggregator", config));
    await vi.waitFor(async () => expect(await aggregator.isReady()).toBe(true), { timeout: 60_000 });
    istiod = stack.use(await startIstiod({ version, mcpAddresses: [aggregator.xdsAddress] }));
    sidecar = stack.use(connectSidecar({ address: `127.0.0.1:${istiod.grpcPort}` }));
  });

  afterAll(() => stack.disposeAsync());

  test.skipIf(skip)("has every host with its endpoints", async () => {
    expect((await istiod.configz("ServiceEntry")).map(({ namespace, name }) => `${namespace}/${name}`).sort())
      .toEqual(["eureka/billing.eureka", "eureka/orders.eureka", "eureka/users.eureka"]);
    await sidecar.until("all hosts", () => allHosts.every((app) => endpoints(app) !== undefined));
    expect(endpoints("orders")).toBe("10.1.0.1:8080 10.1.0.2:8080");
    expect(endpoints("users")).toBe("10.1.0.3:8080");
    expect(endpoints("billing")).toBe("10.1.0.4:8080");
  });

  test.skipIf(skip)("sends a change as an update of endpoints", async () => {
    await sidecar.quiet();
    sidecar.forget();
    await register("orders", 5);
    await sidecar.until(
      "the new endpoint",
      () => endpoints("orders") === "10.1.0.1:8080 10.1.0.2:8080 10.1.0.5:8080",
    );
    await sidecar.quiet();
    expect(sidecar.counts().EDS).toBeGreaterThan(0);
    // Older istiods push everything for any update of an entry without addresses.
    if (version === "latest") expect(sidecar.counts()).toEqual({ CDS: 0, EDS: 1, LDS: 0, RDS: 0 });
  });

  test.skipIf(skip)("leaves no stale endpoint when the last instance goes", async () => {
    await eureka.cancel("billing", "billing-4");
    await sidecar.until("no endpoint", () => endpoints("billing") === "");
    await register("billing", 6);
    await sidecar.until("the endpoint of the new instance", () => endpoints("billing") === "10.1.0.6:8080");
  });

  test.skipIf(skip)("pushes nothing to sidecars when the aggregator restarts unchanged", async () => {
    await sidecar.quiet();
    sidecar.forget();
    await aggregator.restart();
    await expect.poll(isAcknowledged, { timeout: 120_000 }).toBe(true);
    await sidecar.quiet();
    expect(sidecar.counts()).toEqual({ CDS: 0, EDS: 0, LDS: 0, RDS: 0 });
    expect(await istiod.configz("ServiceEntry")).toHaveLength(3);
  });

  test.skipIf(skip)("loses no host when istiod, NATS, Eureka and the collector restart", async () => {
    const steps: readonly (readonly [string, () => Promise<void>])[] = [
      ["istiod", () => istiod.restart()],
      ["NATS", () => nats.restart()],
      ["collector", () => collector.restart()],
    ];
    let number = 10;
    for (const [name, restart] of steps) {
      await restart();
      expect(allHosts.filter((app) => endpoints(app) === undefined), `lost while ${name} restarted`).toEqual(
        [],
      );
      const next = ++number;
      await register("users", next);
      await sidecar.until(
        `the change after ${name} restarted`,
        () => endpoints("users")?.includes(`10.1.0.${next}:8080`) === true,
        120_000,
      );
      expect(allHosts.filter((app) => endpoints(app) === undefined), `lost after ${name} restarted`).toEqual(
        [],
      );
      expect(endpoints("orders")).toBe("10.1.0.1:8080 10.1.0.2:8080 10.1.0.5:8080");
    }
  });

  test.skipIf(skip)("holds what a Eureka that restarted empty no longer lists", async () => {
    await eureka.restart();
    await expect.poll(() => collector.get("/meshregistry/collectors/eureka/held"), { timeout: 60_000 })
      .toContain("orders");
    expect(endpoints("orders")).toBe("10.1.0.1:8080 10.1.0.2:8080 10.1.0.5:8080");
    expect(await istiod.configz("ServiceEntry")).toHaveLength(3);
    for (const number of [1, 2, 5]) await register("orders", number);
    await register("billing", 6);
    for (const number of [3, 11, 12, 13]) await register("users", number);
    const held = async (): Promise<unknown> =>
      JSON.parse(await collector.get("/meshregistry/collectors/eureka/held"));
    await expect.poll(held, { timeout: 60_000 }).toEqual({ held: [] });
    expect(endpoints("orders")).toBe("10.1.0.1:8080 10.1.0.2:8080 10.1.0.5:8080");
  });
});
