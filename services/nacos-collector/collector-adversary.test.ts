import { expect, test } from "vitest";
import { startServer } from "../../shared/nacos/nacos-rig.ts";
import { serviceInfo, SimulatedRegistry } from "../../shared/simulators/nacos/registry.ts";
import type { GrpcFault, SimulatedNacos } from "../../shared/simulators/nacos/server.ts";
import { CollectorRig } from "./collector-rig.ts";

/** Replaces the instances `10.0.0.<n>` of a service. */
function provide(
  { registry }: Pick<SimulatedNacos, "registry">,
  name: string,
  numbers: readonly number[],
  namespace = "public",
): void {
  registry.setInstances(
    { name, namespace },
    numbers.map((number) => ({ ip: `10.0.0.${number}`, port: 8080 })),
  );
}

/** The answer to a query of `orders` as the registry has it now. */
function ordersNow({ registry }: SimulatedNacos): GrpcFault {
  const service = registry.service("public", "DEFAULT_GROUP", "orders");
  if (service === undefined) return undefined;
  return {
    type: "QueryServiceResponse",
    body: { resultCode: 200, errorCode: 0, success: true, serviceInfo: serviceInfo(service) },
  };
}

test("an answer that a push overtook takes nothing away", async () => {
  const server = await startServer({ pushDelayMs: 0 });
  provide(server, "orders", [1, 2]);
  const rig = await CollectorRig.start([server]);
  await rig.publishes({ orders: "1 2" });
  const seen = rig.follow("orders");
  await server.stop();
  server.registry.loseMemory();
  provide(server, "orders", [1]);
  const { promise: pushed, resolve: push } = Promise.withResolvers<void>();
  let queries = 0;
  server.grpcFault = ({ type }) => {
    if (type !== "ServiceQueryRequest" || queries++ > 0) return undefined;
    const before = ordersNow(server);
    provide(server, "orders", [1, 2, 3]);
    return pushed.then(() => before);
  };
  await server.start();
  await rig.publishes({ orders: "1 2 3" });
  push();
  provide(server, "orders", [1, 2, 3, 4]);
  await rig.publishes({ orders: "1 2 3 4" });
  expect(seen).not.toContain("1");
});

test("a node that stays empty is held as a whole, however slowly it says so", async () => {
  const server = await startServer();
  const names = Array.from({ length: 60 }, (_, index) => `s${index}`);
  for (const name of names) provide(server, name, [1, 2]);
  const rig = await CollectorRig.start([server]);
  await rig.until(async () => (await rig.manifests()).size === names.length);
  const all = await rig.endpoints();
  await server.stop();
  server.registry.loseMemory();
  // The queries that are to confirm it are answered one by one, for longer than the guard adds up losses.
  let last = Promise.resolve();
  let queries = 0;
  server.grpcFault = ({ type }) => {
    if (type !== "ServiceQueryRequest") return undefined;
    queries++;
    last = last.then(() => new Promise((resolve) => setTimeout(resolve, 30)));
    return last.then(() => undefined);
  };
  await server.start();
  await rig.until(() => queries >= names.length);
  await rig.until(() => rig.doubts === 0);
  await rig.until(() => rig.collector.publisher.held().size === names.length);
  expect(await rig.endpoints()).toEqual(all);
});

test("a namespace's name that the servers don't know yet is looked up again", async () => {
  const server = await startServer();
  provide(server, "orders", [1], "0a1b");
  const rig = await CollectorRig.start([server], { source: { namespaceGroups: ["dev:DEFAULT_GROUP"] } });
  await rig.until(() => rig.collector.view.status().connections.length === 1);
  server.registry.addNamespace("0a1b", "dev");
  await rig.publishes({ orders: "1" });
  await rig.until(() => rig.collector.view.status().connections.map(({ name }) => name).join() === "0a1b");
});

test("a list of namespaces that is closed for a while, as after a start, isn't taken for good", async () => {
  const server = await startServer();
  server.registry.addNamespace("0a1b", "dev");
  provide(server, "orders", [1], "0a1b");
  server.httpFault = ({ path }) =>
    path.includes("namespace")
      ? { status: 403, body: { code: 403, message: "authorization failed!" } }
      : undefined;
  const rig = await CollectorRig.start([server], { source: { namespaceGroups: ["dev:DEFAULT_GROUP"] } });
  await rig.until(() => rig.collector.view.status().connections.length === 1);
  server.httpFault = undefined;
  await rig.publishes({ orders: "1" });
});

test("a list of no namespaces is no list: every Nacos has the public one", async () => {
  const server = await startServer();
  provide(server, "orders", [1]);
  server.httpFault = ({ path }) =>
    path.includes("namespace") ? { status: 200, body: { code: 0, message: null, data: [] } } : undefined;
  const rig = await CollectorRig.start([server], { source: { allNamespaces: true } });
  await rig.until(() => /public/.test(rig.collector.view.error ?? ""));
  expect(rig.collector.view.isComplete).toBe(false);
  server.httpFault = undefined;
  await rig.publishes({ orders: "1" });
});

test(
  "a node that takes connections and refuses all requests is left for another one",
  { timeout: 120_000 },
  async () => {
    const registry = new SimulatedRegistry();
    const [a, b] = [await startServer({ registry }), await startServer({ registry })];
    provide(a, "orders", [1]);
    const rig = await CollectorRig.start([a, b]);
    await rig.publishes({ orders: "1" });
    const [used, other] = a.connections.length > 0 ? [a, b] : [b, a];
    const down: GrpcFault = {
      type: "ErrorResponse",
      body: { resultCode: 500, errorCode: 503, message: "server is DOWN now, please try again later!" },
    };
    const stuck = rig.collector.view;
    await other.stop();
    used.grpcFault = ({ type }) => type === "SubscribeServiceRequest" ? down : undefined;
    used.dropConnections();
    await rig.until(() => used.connections.length > 0);
    await rig.until(() => Object.values(rig.problems).join().includes("server is DOWN now"));
    await other.start();
    expect(stuck.isComplete).toBe(true);
    provide(a, "orders", [1, 2]);
    await rig.publishes({ orders: "1 2" });
  },
);

for (const path of ["/instance/list", "/catalog/services"]) {
  test(`while polling, a ${path} that always fails for one keeps no other service from being read`, async () => {
    const server = await startServer({ version: "2.3.2" });
    const names = Array.from({ length: 60 }, (_, index) => `s${index}`);
    for (const name of names) provide(server, name, [1]);
    server.httpFault = (call) =>
      call.path.endsWith(path) &&
        (path.startsWith("/catalog") || call.params.get("serviceName")?.endsWith("@@s0"))
        ? { status: 500, body: "caused: null;" }
        : undefined;
    const rig = await CollectorRig.start([server], { source: { mode: "polling" } });
    const read = path.startsWith("/catalog") ? names : names.slice(1);
    await rig.publishes(Object.fromEntries(read.map((name) => [name, "1"])));
    for (const name of names) provide(server, name, [1, 2]);
    await rig.publishes(Object.fromEntries(read.map((name) => [name, "1 2"])));
    if (read !== names) expect(Object.values(rig.problems).join()).toContain("caused: null");
  });
}

test("while polling, a service at which all servers fail makes no other one's losses doubtful for ever", async () => {
  const registry = new SimulatedRegistry();
  const servers = [
    await startServer({ version: "2.3.2", registry }),
    await startServer({ version: "2.3.2", registry }),
  ];
  for (const server of servers) {
    provide(server, "orders", [1, 2]);
    provide(server, "poison", [3]);
    server.httpFault = ({ path, params }) =>
      path.endsWith("/instance/list") && params.get("serviceName")?.endsWith("@@poison") === true
        ? { status: 500, body: "caused: null;" }
        : undefined;
  }
  const rig = await CollectorRig.start(servers, { source: { mode: "polling" }, times: { settleMs: 2_000 } });
  await rig.publishes({ orders: "1 2" });
  const polls = () =>
    servers.reduce((sum, { requests }) => sum + (requests.get("/v1/ns/instance/list") ?? 0), 0);
  const used = () =>
    rig.collector.view.status().connections.map((one) => "server" in one ? String(one.server) : "");
  const [before, usedBefore] = [polls(), used()];
  await rig.until(() => polls() > before + 40);
  expect(used()).toEqual(usedBefore);
  provide({ registry }, "orders", [1]);
  await rig.publishes({ orders: "1" });
});

test("while polling, a server that was started anew between two rounds takes nothing away", async () => {
  const server = await startServer({ version: "1.4.6" });
  provide(server, "orders", [1, 2]);
  provide(server, "users", [3]);
  const rig = await CollectorRig.start([server], {
    source: { mode: "polling", refreshPeriod: "100ms" },
    times: { spreadMs: 60_000 },
  });
  await rig.publishes({ orders: "1 2", users: "3" });
  // No request fails: the collector asks nothing in this moment.
  server.registry.loseMemory();
  await rig.until(() => rig.doubts === 3);
  expect(await rig.endpoints()).toEqual({ orders: "1 2", users: "3" });
  provide(server, "users", [3]);
  provide(server, "orders", [1, 2, 4]);
  await rig.publishes({ orders: "1 2 4", users: "3" });
  expect(rig.doubts).toBe(0);
});
