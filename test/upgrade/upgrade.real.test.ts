import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { startService } from "../end-to-end/services.ts";
import type { Service } from "../end-to-end/services.ts";
import { XdsObserver } from "../end-to-end/xds-observer.ts";
import { promises } from "../replicas/history.ts";
import { recordedEureka, recordedZooKeeper } from "../replicas/registries.ts";
import type { RecordedRegistry } from "../replicas/registries.ts";
import { Churn, createRecordingStream, readHistory } from "../replicas/rig.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import { OldCode, oldVersion } from "./old-version.ts";

const soon = { timeout: 120_000, interval: 100 };
const services = 20;
const commit = oldVersion();

/** A rolling update, as the manifests have it: a new replica is ready before an old one stops. */
async function roll(
  stack: AsyncDisposableStack,
  collectors: Service[],
  start: () => Promise<Service>,
): Promise<void> {
  for (const [index, old] of collectors.entries()) {
    const next = stack.use(await start());
    await vi.waitFor(async () => expect(await next.isReady()).toBe(true), soon);
    await old.stop();
    collectors[index] = next;
  }
}

describe.skipIf(requireReal("nats-server").skip || commit === undefined).each([
  ["Eureka", recordedEureka],
  ["ZooKeeper", recordedZooKeeper],
])("an upgrade and a downgrade with %s", (_, startRegistry: () => Promise<RecordedRegistry>) => {
  test("replicas of both versions share the source, and no client loses anything", async () => {
    const stack = new AsyncDisposableStack();
    onTestFinished(async () => await stack.disposeAsync());
    const old = stack.use(new OldCode(commit ?? ""));
    const nats = stack.use(await startNats());
    await createRecordingStream(nats.url, 1);
    const registry = stack.use(await startRegistry());
    for (let service = 0; service < services; service++) registry.add(service);
    const config = { nats: { servers: [nats.url] }, ...registry.configOf(registry.port) };
    const newCollector = () => startService(registry.service, config);
    const oldCollector = () => startService(registry.service, config, 1, old.folder);
    const collectors = [stack.use(await oldCollector()), stack.use(await oldCollector())];
    const aggregators = [
      stack.use(await startService("aggregator", config, 1, old.folder)),
      stack.use(await startService("aggregator", config, 1, old.folder)),
    ];
    const observers = aggregators.map(({ xdsAddress }) => stack.use(new XdsObserver(xdsAddress)));
    await vi.waitFor(
      () => expect(observers.map(({ view }) => view.size)).toEqual([services, services]),
      soon,
    );
    const churn = new Churn(registry, services, 50, 1);

    // Up: collectors first, then aggregators, one after the other. Down: the other way round.
    await roll(stack, collectors, newCollector);
    for (const code of [undefined, old.folder]) {
      for (const aggregator of aggregators) {
        await aggregator.stop();
        await aggregator.run(code);
        await vi.waitFor(async () => expect(await aggregator.isReady()).toBe(true), soon);
      }
    }
    await roll(stack, collectors, oldCollector);

    churn.stop();
    expect(churn.changes).toBeGreaterThan(10);
    // Everybody holds what the registry has at the end.
    const truth = Object.fromEntries([...registry.truth].map(([host, states]) => [host, states.at(-1)]));
    const held = ({ view }: XdsObserver) =>
      Object.fromEntries(
        [...view].map(([host, endpoints]) => [
          host,
          endpoints.map((endpoint) => endpoint.slice(0, endpoint.lastIndexOf(":"))).sort().join(" "),
        ]),
      );
    for (const observer of observers) await expect.poll(() => held(observer), soon).toEqual(truth);
    for (const { lostHosts, emptiedHosts } of observers) expect([...lostHosts, ...emptiedHosts]).toEqual([]);
    const history = await readHistory(nats.url);
    for (const [promise, broken] of Object.entries(promises)) {
      expect.soft(broken(history, registry.truth), promise).toEqual([]);
    }
  });
});

const Rejected = z.record(z.string(), z.object({ violations: z.array(z.object({ message: z.string() })) }));

describe.skipIf(requireReal("nats-server").skip)("a message that only a newer version knows", () => {
  test("stays on the stream, is named, and is in nobody's way", async () => {
    const stack = new AsyncDisposableStack();
    onTestFinished(async () => await stack.disposeAsync());
    const nats = stack.use(await startNats());
    const registry = stack.use(await recordedEureka());
    registry.add(1);
    const config = { nats: { servers: [nats.url] }, ...registry.configOf(registry.port) };
    const collector = stack.use(await startService("eureka-collector", config));
    const aggregator = stack.use(await startService("aggregator", config));
    const observer = stack.use(new XdsObserver(aggregator.xdsAddress));
    await vi.waitFor(() => expect(observer.view.size).toBe(1), soon);
    const connection = stack.adopt(await connect({ servers: nats.url }), (it) => it.close());
    const { direct } = await jetstreamManager(connection);
    const entry = await direct.getMessage("MESH_ENTRIES", {
      last_by_subj: "mesh.entries.ServiceEntry.eureka.>",
    });
    // A kind of the future, and a field of the future in an entry.
    const later = (entry?.subject ?? "").replace("ServiceEntry", "TrafficPlan");
    await connection.request(later, JSON.stringify({ kind: "TrafficPlan" }));
    const Entry = z.looseObject({ spec: z.looseObject({}) });
    const manifest = Entry.parse(entry?.json());
    const more = { ...manifest, spec: { ...manifest.spec, hosts: ["more"], futureField: { a: 1 } } };
    const other = (entry?.subject ?? "").replace(".eureka.", ".nacos.");
    await connection.request(other, JSON.stringify(more));
    await vi.waitFor(() => expect([...observer.view.keys()].sort()).toEqual(["more", "service1"]), soon);
    const rejected = async () => Rejected.parse(JSON.parse(await aggregator.get("/meshregistry/rejected")));
    await expect.poll(async () => (await rejected())[later]?.violations[0]?.message, soon)
      .toMatch(/^TrafficPlan is a kind that this version doesn't know/);
    expect(Object.keys(await rejected())).toEqual([later]);
    // A collector that starts compares all that its source has on the stream with its registry.
    await collector.restart();
    registry.add(2);
    await vi.waitFor(() => expect(observer.view.size).toBe(3), soon);
    await vi.waitFor(async () => expect(await collector.isReady()).toBe(true), soon);
    const kept = await direct.getMessage("MESH_ENTRIES", { last_by_subj: later });
    expect(kept?.json()).toEqual({ kind: "TrafficPlan" });
  });
});
