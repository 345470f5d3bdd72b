import { expect, test } from "vitest";
import { clientOf, eventually, lastErrorOf, namingOf, service, startServer, told } from "../nacos-rig.ts";

const instance = { ip: "10.0.0.1", port: 80 };

test("asks for nothing at rest where the server tells which services there are", async () => {
  const server = await startServer();
  for (const name of ["a", "b"]) server.registry.register(service(name), instance);
  const suite = namingOf(clientOf([server], { refreshPeriodMs: 5 }));
  suite.naming.watchServices();
  for (const name of ["a", "b"]) suite.naming.subscribe(service(name));
  await eventually(() => suite.services()).toEqual(["g@@a", "g@@b"]);
  server.registry.register(service("c"), instance);
  server.registry.setInstances(service("a"), []);
  await eventually(() => suite.services()).toEqual(["g@@b", "g@@c"]);
  expect(server.requests.get("NamingFuzzyWatchRequest")).toBe(1);
  expect([...server.requests.keys()].filter((path) => path.includes("list"))).toEqual([]);
  expect(suite.count("services")).toBe(1);
});

test("tells all services again on another connection", async () => {
  const server = await startServer();
  server.registry.register(service("a"), instance);
  const suite = namingOf(clientOf([server]));
  suite.naming.watchServices();
  await eventually(() => suite.services()).toEqual(["g@@a"]);
  await server.stop();
  server.registry.loseMemory();
  server.registry.register(service("b"), instance);
  await server.start();
  await eventually(() => suite.services()).toEqual(["g@@b"]);
  expect(suite.count("services")).toBe(2);
});

test.each([
  ["too many clients watch", { mostPatterns: 0 }, 3],
  ["there are more services than a watch tells of", { mostWatchedServices: 500 }, 510],
])("lists besides, where %s, and misses none", async (_, options, count) => {
  const server = await startServer(options);
  for (let index = 0; index < count; index++) server.registry.register(service(`s${index}`), instance);
  const suite = namingOf(clientOf([server]));
  suite.naming.watchServices();
  await eventually(() => suite.services()?.length).toBe(count);
  server.registry.register(service("new"), instance);
  await eventually(() => suite.services()).toContain("g@@new");
  server.registry.setInstances(service("s0"), []);
  server.registry.sweep();
  await eventually(() => suite.services()).not.toContain("g@@s0");
  expect(suite.services()).toHaveLength(count);
});

test("lists where the server knows no watch, and tells only what has changed", async () => {
  const server = await startServer({ version: "2.3.2" });
  server.registry.register(service("a"), instance);
  const suite = namingOf(clientOf([server], { refreshPeriodMs: 10 }));
  suite.naming.watchServices();
  await eventually(() => server.requests.get("/v1/ns/catalog/services") ?? 0).toBeGreaterThan(3);
  expect(told(suite).filter((text) => text.startsWith("services"))).toEqual(["services 1"]);
  server.registry.register(service("b"), instance);
  await eventually(() => suite.services()).toEqual(["g@@a", "g@@b"]);
});

test("a list that fails says why, and empties nothing", async () => {
  const server = await startServer({ version: "2.3.2" });
  server.registry.register(service("a"), instance);
  const suite = namingOf(clientOf([server]));
  suite.naming.watchServices();
  await eventually(() => suite.services()).toEqual(["g@@a"]);
  server.httpFault = () => ({ status: 503, body: "server is STARTING now, please try again later!" });
  await eventually(() => suite.count("services-failed")).toBeGreaterThan(0);
  expect(lastErrorOf(suite)).toContain("STARTING");
  server.httpFault = () => ({ status: 200, body: {} });
  await eventually(() => lastErrorOf(suite)).toContain('no "serviceList" with "count"');
  server.registry.register(service("b"), instance);
  server.httpFault = undefined;
  await eventually(() => suite.services()).toEqual(["g@@a", "g@@b"]);
});
