import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { termSubject } from "../../shared/model/subject.ts";
import { startService } from "../end-to-end/services.ts";
import { XdsObserver } from "../end-to-end/xds-observer.ts";
import { seedOfRun } from "../seeded-random.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import { recordedEureka, recordedNacos, recordedZooKeeper } from "./registries.ts";
import { Churn, Replica } from "./rig.ts";
import { TermWatch } from "./term-watch.ts";

const services = 40;
const patient = { timeout: 60_000, interval: 50 };
const Sources = z.object({
  sources: z.record(
    z.string(),
    z.looseObject({ state: z.string(), unconfirmed: z.number(), held: z.number() }),
  ),
});

test.skipIf(requireReal("nats-server").skip).each([
  ["ZooKeeper", recordedZooKeeper],
  ["Eureka", recordedEureka],
  ["Nacos", recordedNacos],
])(
  "three replicas with %s go on when the stream, their leases or their term are lost under load",
  { timeout: 300_000 },
  async (_name, startRegistry) => {
    await using stack = new AsyncDisposableStack();
    const registry = stack.use(await startRegistry());
    for (let service = 0; service < services; service++) for (let n = 0; n < 3; n++) registry.add(service);
    const nats = stack.use(await startNats());
    const replicas: Replica[] = [];
    for (let n = 0; n < 3; n++) replicas.push(stack.use(await Replica.start(registry, nats.port)));
    const config = { nats: { servers: [nats.url] }, ...registry.configOf(registry.port) };
    const aggregator = stack.use(await startService("aggregator", config));
    const observer = stack.use(new XdsObserver(aggregator.xdsAddress));
    const term = termSubject(registry.token, "default");
    const terms = stack.use(await TermWatch.start(nats.url, term));
    await terms.until(3);
    await expect.poll(() => observer.view.size, patient).toBe(services);
    const connection = await connect({ servers: nats.url });
    stack.defer(async () => await connection.close());
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const churn = new Churn(registry, services, 20, seedOfRun());
    onTestFinished(() => churn.stop());

    /** True once a service that was changed now is served as it is. */
    const followsChanges = async () => {
      const service = churn.changes % services;
      registry.add(service);
      const [host = "", states = []] =
        [...registry.truth].find(([name]) => name.endsWith(`ervice${service}`)) ?? [];
      const wanted = states.length;
      // What it shows may be a later state already.
      const shows = () => registry.truth.get(host)?.indexOf(shownOf(observer, host)) ?? -1;
      await expect.poll(shows, patient).toBeGreaterThanOrEqual(wanted - 1);
    };
    await followsChanges();

    await manager.streams.delete("KV_MESH_ENTRIES_COLLECTORS");
    await followsChanges();
    await manager.streams.purge("MESH_ENTRIES", { filter: term });
    await followsChanges();
    await manager.streams.delete("MESH_ENTRIES");
    await followsChanges();
    await manager.streams.purge("MESH_ENTRIES");
    await followsChanges();

    churn.stop();
    expect(churn.changes).toBeGreaterThan(50);
    const shown = () =>
      Object.fromEntries([...observer.view.keys()].map((host) => [host, shownOf(observer, host)]));
    const wanted = Object.fromEntries([...registry.truth].map(([host, states]) => [host, states.at(-1)]));
    await expect.poll(shown, patient).toEqual(wanted);
    // A new client is served the same, so the stream is whole and has its marker.
    const source = async () =>
      Sources.parse(JSON.parse(await aggregator.get("/meshregistry/sources"))).sources[registry.token];
    await expect.poll(source, patient).toMatchObject({ state: "synced", unconfirmed: 0, held: 0 });
    const late = stack.use(await startService("aggregator", config));
    const lateObserver = stack.use(new XdsObserver(late.xdsAddress));
    await expect.poll(() => [...lateObserver.view.keys()].sort(), patient).toEqual(
      Object.keys(wanted).sort(),
    );
    for (const host of Object.keys(wanted)) expect(shownOf(lateObserver, host)).toBe(wanted[host]);
    for (const { service } of replicas) await expect.poll(() => service.isReady(), patient).toBe(true);
    expect([...observer.lostHosts.keys(), ...observer.emptiedHosts], "hosts that a client lost").toEqual([]);
  },
);

/** Addresses of a host as the recorded registry writes a state. */
function shownOf(observer: XdsObserver, host: string): string {
  const ends = observer.view.get(host) ?? [];
  return ends.map((endpoint) => endpoint.slice(0, endpoint.lastIndexOf(":"))).sort().join(" ");
}
