import { expect, onTestFinished, test, vi } from "vitest";
import { startService } from "../end-to-end/services.ts";
import { XdsObserver } from "../end-to-end/xds-observer.ts";
import { recordedEureka, recordedZooKeeper } from "../replicas/registries.ts";
import type { RecordedRegistry } from "../replicas/registries.ts";
import { Churn } from "../replicas/rig.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import { OldCode, versionBeforeReplicas } from "./old-version.ts";

const soon = { timeout: 120_000, interval: 100 };
const services = 20;
const commit = versionBeforeReplicas();
const registries: readonly (readonly [string, () => Promise<RecordedRegistry>])[] = [
  ["Eureka", recordedEureka],
  ...(process.env["LONG_TESTS"] === "1" ? [["ZooKeeper", recordedZooKeeper] as const] : []),
];

/** docs/upgrading.md: such collectors are stopped before new ones start, on the way there and on the way back. */
test.skipIf(requireReal("nats-server").skip || commit === undefined).each(registries)(
  "from collectors that run alone to replicas, and back, with %s: no client loses anything",
  async (_, startRegistry) => {
    const stack = new AsyncDisposableStack();
    onTestFinished(async () => await stack.disposeAsync());
    const old = stack.use(new OldCode(commit ?? ""));
    const nats = stack.use(await startNats());
    const registry = stack.use(await startRegistry());
    for (let service = 0; service < services; service++) registry.add(service);
    const config = { nats: { servers: [nats.url] }, ...registry.configOf(registry.port) };
    const isReady = async (service: { isReady(): Promise<boolean> }) =>
      await vi.waitFor(async () => expect(await service.isReady()).toBe(true), soon);

    // The stream is the old version's, too.
    const alone = stack.use(await startService(registry.service, config, 1, old.folder));
    await isReady(alone);
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

    // Up.
    await alone.stop();
    const replicas = [
      stack.use(await startService(registry.service, config)),
      stack.use(await startService(registry.service, config)),
    ];
    for (const replica of replicas) await isReady(replica);
    for (const aggregator of aggregators) {
      await aggregator.stop();
      await aggregator.run();
      await isReady(aggregator);
    }
    // Back.
    for (const aggregator of aggregators) {
      await aggregator.stop();
      await aggregator.run(old.folder);
      await isReady(aggregator);
    }
    for (const replica of replicas) await replica.stop();
    await alone.run(old.folder);
    await isReady(alone);

    churn.stop();
    expect(churn.changes).toBeGreaterThan(10);
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
  },
);
