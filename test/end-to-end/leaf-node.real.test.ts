import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { TcpProxy } from "../../shared/entry-log/jetstream/tcp-proxy-rig.ts";
import { EurekaRegistry } from "../../shared/simulators/eureka/registry.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { requireReal } from "../servers/find.ts";
import { freePort } from "../servers/free-port.ts";
import { startNats } from "../servers/nats.ts";
import { startService } from "./services.ts";
import { XdsObserver } from "./xds-observer.ts";

const soon = { timeout: 120_000, interval: 50 };
const services = 30;

/** A number of Prometheus' text form; undefined if it isn't there. */
const metric = (text: string, name: string) => new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1];

/**
 * A site at the edge, and the hub: two real nats-servers, of which the edge's has no JetStream and is a leaf of the hub's.
 * At the edge one process reads the registry and serves; at the hub an aggregator serves the same stream.
 */
async function startSites() {
  const stack = new AsyncDisposableStack();
  onTestFinished(async () => await stack.disposeAsync());
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-leaf-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const leafPort = await freePort();
  const hub = stack.use(
    await startNats({
      domain: "hub",
      config: `server_name: hub\nleafnodes { listen: "127.0.0.1:${leafPort}", no_advertise: true }`,
    }),
  );
  const link = stack.use(await TcpProxy.start(leafPort));
  const remote = `nats-leaf://127.0.0.1:${new URL(link.url).port}`;
  const leaf = stack.use(
    await startNats({
      jetStream: false,
      // A leaf lets neither of these subjects pass under its own name.
      config: `server_name: edge
        mappings: { "$JS.API.>": "$JS.hub.API.>", "$KV.>": "$JS.hub.API.$KV.>" }
        leafnodes { reconnect: 1s, remotes: [{ urls: ["${remote}"] }] }`,
    }),
  );
  const registry = new EurekaRegistry();
  const register = (service: number, instance = 1) =>
    registry.register(`SERVICE-${service}`, {
      instanceId: `10.0.${instance}.${service}:8080`,
      hostName: `10.0.${instance}.${service}`,
      ipAddr: `10.0.${instance}.${service}`,
      port: { $: 8080, "@enabled": "true" },
      status: "UP",
    });
  for (let service = 0; service < services; service++) register(service);
  const server = stack.use(new EurekaServer(registry));
  const eurekaSource = {
    enabled: true,
    address: [await server.listen("127.0.0.1:0")],
    deltaPeriod: "200ms",
    refreshPeriod: "1s",
  };
  const edge = stack.use(
    await startService("all-in-one", {
      nats: { servers: [leaf.url] },
      eurekaSource,
      state: { folder, interval: "1s" },
    }),
  );
  const central = stack.use(
    await startService("aggregator", { nats: { servers: [hub.url] }, eurekaSource }),
  );
  const observers = [edge, central].map((service) => stack.use(new XdsObserver(service.xdsAddress)));
  const manager = await jetstreamManager(
    stack.adopt(await connect({ servers: hub.url }), (it) => it.close()),
  );
  return {
    register,
    registry,
    edge,
    observers,
    cut: (isCut: boolean) => {
      link.closed = isCut;
      if (isCut) link.cut();
    },
    /** How many messages the stream has ever stored. */
    stored: async () => (await manager.streams.info("MESH_ENTRIES")).state.last_seq,
  };
}

describe.skipIf(requireReal("nats-server").skip)("a site behind a leaf node", () => {
  test("a cut of the link loses nothing, and costs what has changed meanwhile", async () => {
    const { register, registry, edge, observers, cut, stored } = await startSites();
    const endpointsOf = (host: number) =>
      observers.map(({ view }) => [...view].find(([name]) => name.startsWith(`service-${host}.`))?.[1]);
    await expect.poll(() => observers.map(({ view }) => view.size), soon).toEqual([services, services]);
    const before = await stored();

    cut(true);
    await expect.poll(async () => metric(await edge.get("/metrics"), "meshregistry_entry_log_readable"), soon)
      .toBe("0");
    // While it is cut: a service more, an instance more, and an instance in place of another.
    register(services);
    register(1, 2);
    register(2, 2);
    registry.cancel("SERVICE-2", "10.0.1.2:8080");
    // The edge starts anew, too, and serves what it had.
    await edge.restart();
    await expect.poll(() => edge.isReady(), soon).toBe(true);
    await expect.poll(() => observers[0]?.streams, soon).toBeGreaterThan(1);
    await expect.poll(async () => metric(await edge.get("/metrics"), "meshregistry_endpoints"), soon)
      .toBe(String(services));
    expect(await stored()).toBe(before);

    cut(false);
    const change = [
      [services, [`10.0.1.${services}:8080`]],
      [1, ["10.0.1.1:8080", "10.0.2.1:8080"]],
      [2, ["10.0.2.2:8080"]],
    ] as const;
    for (const [host, endpoints] of change) {
      await expect.poll(() => endpointsOf(host), soon).toEqual([endpoints, endpoints]);
    }
    expect(observers.map(({ view }) => view.size)).toEqual([services + 1, services + 1]);
    // No host was missing for a moment, at either site.
    for (const { lostHosts, emptiedHosts } of observers) expect([...lostHosts, ...emptiedHosts]).toEqual([]);
    // The three changes, the term of the new process, and sync markers: no entry that was the same is sent again.
    expect(await stored() - before).toBeLessThan(services / 2);
  });
});
