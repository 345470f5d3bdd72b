import { expect, test } from "vitest";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { startServer } from "../../shared/nacos/nacos-rig.ts";
import { newBucket } from "../../shared/collector/source-rig.ts";
import { CollectorRig } from "./collector-rig.ts";

const services = 30;

test(
  "replicas subscribe to a share each, and together to every service once",
  { timeout: 180_000 },
  async () => {
    const server = await startServer();
    const names = Array.from({ length: services }, (_, index) => `s${index}`);
    const provide = (name: string, numbers: readonly number[]) =>
      server.registry.setInstances(
        { name },
        numbers.map((number) => ({ ip: `10.0.0.${number}`, port: 8080 })),
      );
    for (const name of names) provide(name, [1, 2]);
    const all = (text: string) => Object.fromEntries(names.map((name) => [name, text]));
    const subscriptions = () => server.connections.map(({ subscriptions }) => subscriptions);
    const total = () => subscriptions().reduce((sum, count) => sum + count, 0);
    const shared = { entryLog: new EmbeddedEntryLog(), bucket: newBucket() };

    const first = await CollectorRig.start([server], shared);
    await first.publishes(all("1 2"));
    expect(total()).toBe(services);
    const seen = first.follow("s0");

    const second = await CollectorRig.start([server], shared);
    const third = await CollectorRig.start([server], shared);
    await first.until(() =>
      [first, second, third].every((rig) => rig.collector.share.portion === "1 of 3 shares")
    );
    await first.until(() =>
      server.connections.length === 3 && total() === services && Math.max(...subscriptions()) < services
    );
    for (const name of names) provide(name, [1, 2, 3]);
    await first.publishes(all("1 2 3"));

    await second.stop();
    await third.stop();
    await first.until(() => first.collector.share.portion === "1 of 1 shares");
    await first.until(() => total() === services);
    for (const name of names) provide(name, [1, 2, 4]);
    await first.publishes(all("1 2 4"));
    expect(seen).not.toContain("");
  },
);

test("with Sidecars every replica reads everything", async () => {
  const server = await startServer();
  server.registry.register({ name: "orders" }, { ip: "10.0.0.1", port: 8080 });
  const rig = await CollectorRig.start([server], { source: { dubbo: { enableDubboSidecar: true } } });
  await rig.publishes({ orders: "1" });
  expect(rig.collector.view.shareReader).toBeUndefined();
  expect(rig.collector.view.sidecars).toBeDefined();
});
