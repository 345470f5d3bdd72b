import { expect, test } from "vitest";
import { startServer } from "../../shared/nacos/nacos-rig.ts";
import type { SimulatedNacos } from "../../shared/simulators/nacos/server.ts";
import { CollectorRig } from "./collector-rig.ts";

/** Registers instances `10.0.0.<n>` of a service, which stay until they are replaced. */
function provide(
  server: SimulatedNacos,
  name: string,
  numbers: readonly number[],
  group?: string,
): void {
  server.registry.setInstances(
    { name, ...(group !== undefined && { group }) },
    numbers.map((number) => ({ ip: `10.0.0.${number}`, port: 8080 })),
  );
}

for (
  const { version, mode } of [
    { version: "3.1.0", mode: "watching" },
    { version: "2.3.2", mode: "watching" },
    { version: "2.3.2", mode: "polling" },
    { version: "1.4.0", mode: "auto" },
  ]
) {
  test(`${mode} at a Nacos ${version}, services come, change, and scale to zero and back`, async () => {
    const server = await startServer({ version });
    provide(server, "orders", [1, 2]);
    const rig = await CollectorRig.start([server], { source: { mode } });
    await rig.publishes({ orders: "1 2" });
    provide(server, "orders", [1, 3]);
    provide(server, "users", [4]);
    await rig.publishes({ orders: "1 3", users: "4" });
    provide(server, "users", []);
    await rig.publishes({ orders: "1 3", users: "" });
    provide(server, "users", [5]);
    await rig.publishes({ orders: "1 3", users: "5" });
  });
}

test("a server that is killed and comes back empty takes nothing away until providers had their time", async () => {
  const server = await startServer();
  for (let number = 1; number <= 9; number++) provide(server, `s${number}`, [1, 2, 3]);
  const rig = await CollectorRig.start([server], { times: { settleMs: 60_000 } });
  await rig.until(async () => (await rig.manifests()).size === 9);
  const all = await rig.endpoints();
  const seen = rig.follow("s1");
  await server.stop();
  server.registry.loseMemory();
  await rig.until(() => rig.collector.view.error !== undefined);
  await server.start();
  await rig.until(() => rig.doubts === 27);
  expect(await rig.endpoints()).toEqual(all);
  // They come back one by one, and one with another instance.
  provide(server, "s1", [1]);
  provide(server, "s1", [1, 2, 3]);
  for (let number = 2; number <= 8; number++) provide(server, `s${number}`, [1, 2, 3]);
  provide(server, "s9", [1, 2, 3, 4]);
  await rig.publishes({ ...all, s9: "1 2 3 4" });
  await rig.until(() => rig.doubts === 0);
  expect(new Set(seen)).toEqual(new Set(["1 2 3"]));
  // And changes arrive again.
  provide(server, "s1", [7]);
  await rig.publishes({ ...all, s1: "7", s9: "1 2 3 4" });
});

test("what didn't come back is given up after its time, when a query doesn't find it either", async () => {
  const server = await startServer();
  provide(server, "orders", [1, 2]);
  provide(server, "users", [3, 4]);
  const rig = await CollectorRig.start([server]);
  await rig.publishes({ orders: "1 2", users: "3 4" });
  await server.stop();
  server.registry.loseMemory();
  provide(server, "orders", [1]);
  provide(server, "users", [3, 4]);
  await server.start();
  await rig.publishes({ orders: "1", users: "3 4" });
});

test("many services that are emptied in a moment on a quiet connection are held", async () => {
  const server = await startServer();
  const names = Array.from({ length: 20 }, (_, number) => `s${number}`);
  for (const name of names) provide(server, name, [1, 2]);
  const rig = await CollectorRig.start([server]);
  await rig.until(async () => (await rig.manifests()).size === names.length);
  const all = await rig.endpoints();
  for (const name of names) provide(server, name, []);
  await rig.until(() => rig.collector.publisher.held().size === names.length);
  expect(await rig.endpoints()).toEqual(all);
  for (const name of names) provide(server, name, [1, 2]);
  await rig.until(() => rig.collector.publisher.held().size === 0);
  expect(await rig.endpoints()).toEqual(all);
});

test("a list that fails, and one that lacks a service, empty nothing", async () => {
  const server = await startServer({ version: "2.3.2" });
  provide(server, "orders", [1]);
  const rig = await CollectorRig.start([server], { source: { mode: "polling" } });
  await rig.publishes({ orders: "1" });
  const lists = () =>
    server.requests.get("/v1/ns/service/list") ?? server.requests.get("/v2/ns/service/list") ?? 0;
  server.httpFault = ({ path }) =>
    path.endsWith("/service/list") ? { status: 500, body: "caused: out of order" } : undefined;
  const before = lists();
  await rig.until(() => lists() > before + 2);
  await rig.until(() => rig.collector.view.error !== undefined);
  expect(await rig.endpoints()).toEqual({ orders: "1" });
  provide(server, "orders", [1, 2]);
  await rig.publishes({ orders: "1 2" });
  server.httpFault = ({ path }) =>
    path.endsWith("/service/list")
      ? { status: 200, body: { count: 0, doms: [], code: 0, data: { count: 0, services: [] } } }
      : undefined;
  await rig.until(() => rig.collector.view.error === undefined);
  const later = lists();
  await rig.until(() => lists() > later + 2);
  expect(await rig.endpoints()).toEqual({ orders: "1 2" });
});

test("several servers are merged, each with its id, and one that is down takes nothing away", async () => {
  const [a, b] = [await startServer(), await startServer()];
  provide(a, "orders", [1]);
  provide(b, "orders", [2]);
  const servers = [
    { registryId: "a", address: [`http://${a.address}`] },
    { registryId: "b", address: [`http://${b.address}`] },
  ];
  const rig = await CollectorRig.start([], { source: { servers } });
  await rig.publishes({ orders: "1 2" });
  await b.stop();
  await rig.until(() => rig.collector.view.error?.startsWith("b: ") === true);
  provide(a, "orders", [1, 3]);
  await rig.publishes({ orders: "1 2 3" });
});
