import { expect, test } from "vitest";
import { service, startServer } from "../../shared/nacos/nacos-rig.ts";
import { NacosProvider } from "../../shared/nacos/provider-rig.ts";
import { SimulatedRegistry } from "../../shared/simulators/nacos/registry.ts";
import type { NewInstance } from "../../shared/simulators/nacos/registry.ts";
import type { SimulatedNacos } from "../../shared/simulators/nacos/server.ts";
import { CollectorRig } from "./collector-rig.ts";

/** Replaces the instances `10.0.0.<n>` of a service. */
function provide(
  { registry }: Pick<SimulatedNacos, "registry">,
  name: string,
  numbers: readonly number[],
  more: Partial<NewInstance> & { readonly group?: string; readonly namespace?: string } = {},
): void {
  const { group = "DEFAULT_GROUP", namespace = "public", ...instance } = more;
  registry.setInstances(
    { name, group, namespace },
    numbers.map((number) => ({ ip: `10.0.0.${number}`, port: 8080, ...instance })),
  );
}

/** Two servers of one cluster. */
async function startCluster() {
  const registry = new SimulatedRegistry();
  return { registry, servers: [await startServer({ registry }), await startServer({ registry })] as const };
}

test("a collector that starts before its server reads it as soon as it is there", async () => {
  const server = await startServer();
  provide(server, "orders", [1]);
  await server.stop();
  const rig = await CollectorRig.start([server]);
  await rig.until(() => rig.collector.view.error !== undefined);
  expect(rig.collector.notReady).toContain("Nacos not read yet");
  await server.start();
  await rig.publishes({ orders: "1" });
  expect(rig.collector.notReady).toBeUndefined();
});

test("half the cluster down: the other half is asked, and nothing changes back", async () => {
  const { registry, servers: [a, b] } = await startCluster();
  provide({ registry }, "orders", [1, 2]);
  const rig = await CollectorRig.start([a, b]);
  await rig.publishes({ orders: "1 2" });
  const seen = rig.follow("orders");
  for (const number of [3, 4, 5]) {
    const [used, other] = a.connections.length > 0 ? [a, b] : [b, a];
    await used.stop();
    await rig.until(() => other.connections.length > 0);
    provide({ registry }, "orders", [1, 2, number]);
    await rig.publishes({ orders: `1 2 ${number}` });
    await used.start();
  }
  expect(seen.every((state) => state.startsWith("1 2"))).toBe(true);
});

test("a server that asks for another connection, there or elsewhere, costs nothing", async () => {
  const { registry, servers: [a, b] } = await startCluster();
  provide({ registry }, "orders", [1]);
  const rig = await CollectorRig.start([a, b]);
  await rig.publishes({ orders: "1" });
  const seen = rig.follow("orders");
  for (let number = 2; number < 6; number++) {
    const [used, other] = a.connections.length > 0 ? [a, b] : [b, a];
    used.resetConnections("127.0.0.1", Number(other.address.split(":")[1]));
    await rig.until(() => other.connections.length > 0 && used.connections.length === 0);
    provide({ registry }, "orders", [1, number]);
    await rig.publishes({ orders: `1 ${number}` });
  }
  expect(seen).not.toContain("");
  expect(rig.collector.view.error).toBeUndefined();
});

test("thousands of pushes in a moment end in the last state of each service", async () => {
  const server = await startServer({ pushDelayMs: 0 });
  const names = Array.from({ length: 50 }, (_, index) => `s${index}`);
  for (const name of names) provide(server, name, [1]);
  const rig = await CollectorRig.start([server]);
  await rig.until(async () => (await rig.manifests()).size === names.length);
  for (let round = 0; round < 50; round++) {
    for (const name of names) provide(server, name, [1, 2 + round]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await rig.publishes(Object.fromEntries(names.map((name) => [name, "1 51"])));
});

test("a list that changes between its pages has no gaps in the end", async () => {
  const server = await startServer({ version: "2.3.2" });
  const names = Array.from({ length: 700 }, (_, index) => `s${index}`);
  for (const name of names) provide(server, name, [1]);
  let pages = 0;
  server.grpcFault = ({ type }) => {
    // Between two pages a service at the beginning goes, so that the others move up.
    if (type === "ServiceListRequest" && pages++ < 3) {
      provide(server, `gone${pages}`, [1]);
      server.registry.deregister({ name: names[pages] ?? "" }, { ip: "10.0.0.1", port: 8080 });
      server.registry.sweep();
    }
    return undefined;
  };
  const rig = await CollectorRig.start([server]);
  const provided = () => server.registry.services("public");
  await rig.until(() => pages > 3);
  await rig.until(async () => {
    // Reading all of the log again and again would take longer than what is waited for.
    if (rig.collector.publisher.size < provided().length) return false;
    const manifests = await rig.manifests();
    return provided().every(({ name }) => manifests.has(name));
  });
});

test("a list in which a service is missing for a while takes nothing from it", async () => {
  const server = await startServer({ version: "2.3.2" });
  provide(server, "orders", [1]);
  provide(server, "users", [2]);
  const rig = await CollectorRig.start([server]);
  await rig.publishes({ orders: "1", users: "2" });
  const lists = () => server.requests.get("ServiceListRequest") ?? 0;
  server.grpcFault = ({ type }) =>
    type === "ServiceListRequest"
      ? {
        type: "ServiceListResponse",
        body: { resultCode: 200, success: true, count: 1, serviceNames: ["users"] },
      }
      : undefined;
  const before = lists();
  await rig.until(() => lists() > before + 2);
  provide(server, "orders", [1, 3]);
  await rig.publishes({ orders: "1 3", users: "2" });
});

test("403 in the middle: the collector logs in again, and changes arrive again", async () => {
  const users = { me: { password: "secret" } };
  const server = await startServer({ users, tokenSeconds: 18_000 });
  provide(server, "orders", [1]);
  const rig = await CollectorRig.start([server], { source: { username: "me", password: "secret" } });
  await rig.publishes({ orders: "1" });
  server.access.revokeAll();
  server.dropConnections();
  await rig.until(() => server.connections.length > 0);
  provide(server, "orders", [1, 2]);
  await rig.publishes({ orders: "1 2" });
});

test("a wrong password is an error that names it, and no empty registry", async () => {
  const users = { me: { password: "secret" } };
  const server = await startServer({ users });
  provide(server, "orders", [1]);
  const rig = await CollectorRig.start([server], { source: { username: "me", password: "other" } });
  await rig.until(() => /unknown user|password|403/.test(rig.collector.view.error ?? ""));
  expect(await rig.endpoints()).toEqual({});
  expect(rig.collector.notReady).toContain("Nacos not read yet");
});

test("a password that isn't valid any more takes nothing away, and what changed is seen once it is", async () => {
  const users = { me: { password: "secret" } };
  const server = await startServer({ users, tokenSeconds: 18_000 });
  provide(server, "orders", [1]);
  const rig = await CollectorRig.start([server], { source: { username: "me", password: "secret" } });
  await rig.publishes({ orders: "1" });
  users.me.password = "another";
  server.access.revokeAll();
  server.dropConnections();
  provide(server, "orders", [1, 2]);
  await rig.until(() => /unknown user|password|403/.test(rig.collector.view.error ?? ""));
  expect(await rig.endpoints()).toEqual({ orders: "1" });
  users.me.password = "secret";
  await rig.publishes({ orders: "1 2" });
});

test("a user without rights for one namespace reads the others, and is told of the one", async () => {
  const users = { me: { password: "secret", namespaces: ["public"] } };
  const server = await startServer({ users });
  server.registry.addNamespace("dev");
  provide(server, "orders", [1]);
  provide(server, "secrets", [2], { namespace: "dev" });
  const rig = await CollectorRig.start([server], {
    source: {
      username: "me",
      password: "secret",
      namespaceGroups: ["public:DEFAULT_GROUP", "dev:DEFAULT_GROUP"],
    },
  });
  await rig.publishes({ orders: "1" });
  expect(rig.problems["namespace dev"]).toMatch(/authorization failed/);
  expect(rig.collector.view.error).toBeUndefined();
  expect(rig.collector.view.isUnsure).toBe(true);
});

test("what a dead provider had registered is gone, and what stays registered stays", async () => {
  const server = await startServer();
  provide(server, "batch", [9], { ephemeral: false });
  const rig = await CollectorRig.start([server]);
  const orders = service("orders", "DEFAULT_GROUP");
  await using stay = await NacosProvider.open(server.address);
  await stay.set(orders, [{ ip: "10.0.0.1", port: 8080 }]);
  {
    await using provider = await NacosProvider.open(server.address);
    await provider.set(orders, [{ ip: "10.0.0.2", port: 8080 }]);
    await rig.publishes({ batch: "9", orders: "1 2" });
  }
  await rig.publishes({ batch: "9", orders: "1" });
});
