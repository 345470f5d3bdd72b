import { expect, test } from "vitest";
import { newBucket } from "../../shared/collector/source-rig.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { allSubjects, syncMarkerSubject } from "../../shared/model/subject.ts";
import { startServer } from "../../shared/nacos/nacos-rig.ts";
import type { SimulatedNacos } from "../../shared/simulators/nacos/server.ts";
import { CollectorRig } from "./collector-rig.ts";

/** Replaces the instances `10.0.0.<n>` of a service. */
function provide({ registry }: SimulatedNacos, name: string, numbers: readonly number[]): void {
  registry.setInstances({ name }, numbers.map((number) => ({ ip: `10.0.0.${number}`, port: 8080 })));
}

/** Two clusters that have a service in common, and one each, and what their collectors share. */
async function startClusters() {
  const [a, b] = [await startServer(), await startServer()];
  provide(a, "orders", [1]);
  provide(b, "orders", [2]);
  provide(a, "stock", [4]);
  provide(b, "users", [3]);
  const servers = [
    { registryId: "a", address: [`http://${a.address}`] },
    { registryId: "b", address: [`http://${b.address}`] },
  ];
  const shared = { entryLog: new EmbeddedEntryLog(), bucket: newBucket() };
  return {
    a,
    b,
    shared,
    start: () => CollectorRig.start([], { ...shared, source: { servers } }),
    hasMarker: async () => {
      const subject = syncMarkerSubject("nacos", "default");
      for await (const message of shared.entryLog.readBack(allSubjects)) {
        if (message.subject === subject) return true;
      }
      return false;
    },
  };
}

test("a cluster that is down at the start holds up no other, and what was published of it stays", async () => {
  const { a, b, start } = await startClusters();
  const first = await start();
  await first.publishes({ orders: "1 2", stock: "4", users: "3" });
  await first.stop();
  await b.stop();
  provide(a, "orders", [1, 5]);
  const second = await start();
  const seen = second.follow("orders");
  await second.publishes({ orders: "1 5 2", stock: "4", users: "3" });
  provide(a, "stock", [6]);
  provide(a, "orders", [1, 5, 7]);
  await second.publishes({ orders: "1 5 7 2", stock: "6", users: "3" });
  expect(second.collector.view.error).toMatch(/^b: /);
  expect(second.collector.isSettled).toBe(false);
  await b.start();
  provide(b, "users", [3, 8]);
  provide(a, "orders", [7]);
  await second.publishes({ orders: "2 7", stock: "6", users: "3 8" });
  await second.settled();
  expect(seen.filter((state) => !state.includes("2"))).toEqual([]);
});

test("a source of which a part was never read has no sync marker, which would say that this is all there is", async () => {
  const { b, start, hasMarker } = await startClusters();
  await b.stop();
  const rig = await start();
  await rig.publishes({ orders: "1", stock: "4" });
  expect(await hasMarker()).toBe(false);
  expect(rig.collector.notReady).toContain("no share of the source published yet");
  await b.start();
  await rig.publishes({ orders: "1 2", stock: "4", users: "3" });
  await rig.settled();
  expect(await hasMarker()).toBe(true);
});

test(
  "a replica that ends while a cluster is down holds up no other cluster",
  { timeout: 180_000 },
  async () => {
    const { a, b, start } = await startClusters();
    const names = Array.from({ length: 12 }, (_, index) => `s${index}`);
    for (const name of names) provide(a, name, [1]);
    const first = await start();
    const second = await start();
    await first.until(() =>
      [first, second].every(({ collector }) =>
        collector.share.portion === "1 of 2 shares" && collector.isSettled
      )
    );
    const all = { orders: "1 2", stock: "4", users: "3" };
    await first.publishes({ ...all, ...Object.fromEntries(names.map((name) => [name, "1"])) });
    await b.stop();
    await second.stop();
    await first.until(() => first.collector.share.portion === "1 of 1 shares");
    for (const name of names) provide(a, name, [1, 2]);
    await first.publishes({ ...all, ...Object.fromEntries(names.map((name) => [name, "1 2"])) });
    await b.start();
    provide(b, "users", [9]);
    await first.publishes({
      ...all,
      users: "9",
      ...Object.fromEntries(names.map((name) => [name, "1 2"])),
    });
  },
);

test("a namespace whose services can't be listed holds up no other", async () => {
  const server = await startServer({ version: "2.3.2" });
  server.registry.addNamespace("dev");
  provide(server, "orders", [1]);
  server.registry.setInstances({ name: "users", namespace: "dev" }, [{ ip: "10.0.0.2", port: 8080 }]);
  const body = { resultCode: 500, errorCode: 500, message: "caused: null" };
  server.grpcFault = ({ type, body: { namespace } }) =>
    type === "ServiceListRequest" && namespace === "dev" ? { type: "ErrorResponse", body } : undefined;
  const rig = await CollectorRig.start([server], {
    source: { namespaceGroups: ["public:DEFAULT_GROUP", "dev:DEFAULT_GROUP"] },
  });
  await rig.publishes({ orders: "1" });
  expect(rig.collector.view.error).toMatch(/^namespace dev: .*caused: null/);
  expect(rig.collector.isSettled).toBe(false);
  server.grpcFault = undefined;
  await rig.publishes({ orders: "1", users: "2" });
  await rig.settled();
});
