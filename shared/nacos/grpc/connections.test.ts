import { expect, test } from "vitest";
import { TcpProxy } from "../../entry-log/jetstream/tcp-proxy-rig.ts";
import { SimulatedRegistry } from "../../simulators/nacos/registry.ts";
import { clientOf, eventually, lastErrorOf, namingOf, service, startServer, told } from "../nacos-rig.ts";

const orders = service("orders");
const instance = { ip: "10.0.0.1", port: 80 };

test("a server that is restarted answers with nothing, on a connection that says so", async () => {
  const server = await startServer();
  server.registry.register(orders, instance);
  const suite = namingOf(clientOf([server]));
  suite.naming.subscribe(orders);
  await suite.sees(orders, "10.0.0.1:80");
  await server.stop();
  server.registry.loseMemory();
  await eventually(() => suite.count("lost")).toBe(1);
  await server.start();
  await eventually(() => told(suite)).toContain("orders: 0 by 2");
  expect(suite.naming.connection).toMatchObject({ number: 2, sameServer: true });
  // The provider comes back, and changes arrive again.
  server.registry.register(orders, instance);
  await suite.sees(orders, "10.0.0.1:80");
  server.registry.register(orders, { ip: "10.0.0.2", port: 80 });
  await suite.sees(orders, "10.0.0.1:80", "10.0.0.2:80");
});

test("waits for a server that isn't there yet, and says why", async () => {
  const server = await startServer();
  server.registry.register(orders, instance);
  await server.stop();
  const suite = namingOf(clientOf([server]));
  suite.naming.subscribe(orders);
  suite.naming.watchServices();
  await eventually(() => suite.count("failed")).toBeGreaterThan(1);
  expect(suite.naming.lastError).toMatch(/127\.0\.0\.1.*ECONNREFUSED/);
  await server.start();
  await suite.sees(orders, "10.0.0.1:80");
  await eventually(() => suite.services()).toEqual(["g@@orders"]);
});

test("waits for a server that is still starting", async () => {
  const server = await startServer();
  let isStarting = true;
  server.grpcFault = ({ type }) =>
    isStarting && type === "ServerCheckRequest"
      ? { type: "ErrorResponse", body: { resultCode: 500, errorCode: 300, message: "Server is starting" } }
      : undefined;
  const suite = namingOf(clientOf([server]));
  await eventually(() => lastErrorOf(suite)).toContain('error 300 "Server is starting"');
  isStarting = false;
  await suite.naming.connected(AbortSignal.timeout(10_000));
});

test("goes to another server when one never acknowledges the setup of a connection", async () => {
  const registry = new SimulatedRegistry();
  registry.register(orders, instance);
  const servers = [await startServer({ registry }), await startServer({ registry })];
  let silent: string | undefined;
  for (const server of servers) {
    server.grpcFault = ({ type }) => {
      // The one that is asked first.
      if (type === "ConnectionSetupRequest") silent ??= server.address;
      return type === "ConnectionSetupRequest" && silent === server.address ? "silence" : undefined;
    };
  }
  const suite = namingOf(clientOf(servers, { requestTimeoutMs: 1_000 }));
  suite.naming.subscribe(orders);
  await suite.sees(orders, "10.0.0.1:80");
  expect(suite.naming.connection?.server).not.toBe(silent);
  const failed = suite.events.find((event) => event.type === "failed");
  expect(failed?.error.message).toMatch(
    /^Nacos at 127\.0\.0\.1:\d+: it answers, and didn't acknowledge the setup of a connection within 1000 ms/,
  );
  // Nothing is left open at the server that was given up.
  const silentServer = servers.find(({ address }) => address === silent);
  await eventually(() => silentServer?.connections).toEqual([]);
});

test("an acknowledgement that comes too late is for nothing, and the next connection has its own", async () => {
  const server = await startServer();
  server.registry.register(orders, instance);
  const late = Promise.withResolvers<undefined>();
  let setups = 0;
  server.grpcFault = ({ type }) =>
    type === "ConnectionSetupRequest" && ++setups === 1 ? late.promise : undefined;
  const suite = namingOf(clientOf([server], { requestTimeoutMs: 1_000 }));
  suite.naming.subscribe(orders);
  await eventually(() => suite.count("failed")).toBeGreaterThan(0);
  late.resolve(undefined);
  await suite.sees(orders, "10.0.0.1:80");
  expect(server.connections).toHaveLength(1);
  expect(suite.naming.lastError).toBeUndefined();
});

test("moves to the server that it is told to take, and has a connection all the time", async () => {
  const registry = new SimulatedRegistry();
  registry.register(orders, instance);
  const [a, b] = [await startServer({ registry }), await startServer({ registry })];
  const suite = namingOf(clientOf([a, b]));
  suite.naming.subscribe(orders);
  await suite.sees(orders, "10.0.0.1:80");
  const [used, other] = suite.naming.connection?.server === a.address ? [a, b] : [b, a];
  const [host = "", port] = other.address.split(":");
  used.resetConnections(host, Number(port));
  await eventually(() => told(suite)).toContain("orders: 1 by 2");
  expect(suite.count("lost")).toBe(0);
  expect(suite.naming.connection).toEqual({ number: 2, server: other.address, sameServer: false });
  await eventually(() => used.connections.length).toBe(0);
  expect(other.connections).toHaveLength(1);
  registry.register(orders, { ip: "10.0.0.2", port: 80 });
  await suite.sees(orders, "10.0.0.1:80", "10.0.0.2:80");
  // What is asked for by now goes to the new one.
  expect((await suite.naming.query(orders, AbortSignal.timeout(5_000))).server).toBe(other.address);
});

test("keeps its connection while the server that it is to move to can't be reached", async () => {
  const registry = new SimulatedRegistry();
  const [a, b] = [await startServer({ registry }), await startServer({ registry })];
  const suite = namingOf(clientOf([a, b]));
  suite.naming.subscribe(orders);
  await suite.naming.connected(AbortSignal.timeout(5_000));
  const [used, other] = suite.naming.connection?.server === a.address ? [a, b] : [b, a];
  await other.stop();
  used.resetConnections("127.0.0.1", Number(other.address.split(":")[1]));
  await eventually(() => suite.count("failed")).toBeGreaterThan(0);
  registry.register(orders, instance);
  await suite.sees(orders, "10.0.0.1:80");
  expect(suite.count("lost")).toBe(0);
  // The same server again will do, too.
  await eventually(() => suite.naming.connection?.number ?? 0).toBeGreaterThan(1);
});

test("goes to another server when half of the cluster is down", async () => {
  const registry = new SimulatedRegistry();
  registry.register(orders, instance);
  const servers = [
    await startServer({ registry }),
    await startServer({ registry }),
    await startServer({ registry }),
  ];
  const suite = namingOf(clientOf(servers));
  suite.naming.subscribe(orders);
  await suite.sees(orders, "10.0.0.1:80");
  const used = servers.find(({ address }) => address === suite.naming.connection?.server);
  const spare = servers.find((server) => server !== used);
  for (const server of servers) if (server !== spare) await server.stop();
  await eventually(() => suite.naming.connection?.server).toBe(spare?.address);
  expect(suite.naming.connection?.sameServer).toBe(false);
  await eventually(() => told(suite)).toContain("orders: 1 by 2");
});

test("notices a server that is silent, and asks none of its questions in vain for long", async () => {
  const server = await startServer();
  server.registry.register(orders, instance);
  const proxy = await TcpProxy.start(Number(server.address.split(":")[1]) + 1_000);
  await using _proxy = proxy;
  const grpcPort = Number(new URL(proxy.url).port);
  const times = { idleMs: 50, answerMs: 50, attempts: 3 };
  const suite = namingOf(clientOf([server], { grpcPort }, times));
  suite.naming.subscribe(orders);
  await suite.sees(orders, "10.0.0.1:80");
  proxy.swallowAnswers = true;
  proxy.swallowRequests = true;
  await eventually(() => suite.count("lost")).toBe(1);
  expect(lastErrorOf(suite)).toContain("doesn't answer any more");
  proxy.cut();
  proxy.swallowAnswers = false;
  proxy.swallowRequests = false;
  await eventually(() => told(suite)).toContain("orders: 1 by 2");
});

test("keeps an idle connection, by asking", async () => {
  const server = await startServer();
  const suite = namingOf(clientOf([server], {}, { idleMs: 10, answerMs: 5_000, attempts: 3 }));
  await suite.naming.connected(AbortSignal.timeout(5_000));
  await eventually(() => server.requests.get("HealthCheckRequest") ?? 0).toBeGreaterThan(5);
  expect(suite.count("lost")).toBe(0);
});

test("connects again when the server has forgotten it", async () => {
  const server = await startServer();
  let isForgotten = false;
  server.grpcFault = ({ type }) =>
    isForgotten && type === "HealthCheckRequest"
      ? (isForgotten = false, {
        type: "ErrorResponse",
        body: { resultCode: 500, errorCode: 301, message: "Connection is unregistered." },
      })
      : undefined;
  const suite = namingOf(clientOf([server], {}, { idleMs: 10, answerMs: 5_000, attempts: 3 }));
  await suite.naming.connected(AbortSignal.timeout(5_000));
  isForgotten = true;
  await eventually(() => suite.naming.connection?.number).toBe(2);
  expect(lastErrorOf(suite)).toContain("error 301");
});

test("is one connection for each namespace, and none is shared with another client", async () => {
  const server = await startServer();
  server.registry.addNamespace("dev");
  const client = clientOf([server]);
  const namings = [namingOf(client), namingOf(client, "dev"), namingOf(clientOf([server]))];
  for (const { naming } of namings) await naming.connected(AbortSignal.timeout(5_000));
  expect(new Set(server.connections.map(({ id }) => id)).size).toBe(3);
  await namings[0]?.naming[Symbol.asyncDispose]();
  await eventually(() => server.connections.length).toBe(2);
});

test("chooses push where there is some, and polling where there is none", async () => {
  const modes: (string | undefined)[] = [];
  for (const version of ["3.1.0", "2.0.4", "1.4.6"]) {
    const server = await startServer({ version });
    server.registry.register(orders, instance);
    const suite = namingOf(clientOf([server], { mode: "auto" }));
    suite.naming.subscribe(orders);
    suite.naming.watchServices();
    await suite.sees(orders, "10.0.0.1:80");
    await eventually(() => suite.services()).toEqual(["g@@orders"]);
    modes.push(suite.naming.mode);
  }
  expect(modes).toEqual(["watching", "watching", "polling"]);
});

test("polls a server whose gRPC port is closed, and waits for one that can't be reached at all", async () => {
  const server = await startServer();
  server.registry.register(orders, instance);
  const closed = namingOf(clientOf([server], { mode: "auto", grpcPort: 1 }));
  closed.naming.subscribe(orders);
  await closed.sees(orders, "10.0.0.1:80");
  expect(closed.naming.mode).toBe("polling");

  await server.stop();
  const suite = namingOf(clientOf([server], { mode: "auto" }));
  suite.naming.subscribe(orders);
  await eventually(() => suite.count("failed")).toBeGreaterThan(0);
  expect(suite.naming.mode).toBeUndefined();
  await server.start();
  await suite.sees(orders, "10.0.0.1:80");
  expect(suite.naming.mode).toBe("watching");
});

test("doesn't poll for good because gRPC took its time at the start, but does where packets are dropped", async () => {
  const server = await startServer();
  server.registry.register(orders, instance);
  let silent = 1;
  server.grpcFault = ({ type }) => type === "ServerCheckRequest" && silent-- > 0 ? "silence" : undefined;
  // On a busy machine a shorter limit is over three times before the server comes to answer.
  const suite = namingOf(clientOf([server], { mode: "auto", requestTimeoutMs: 3_000 }));
  suite.naming.subscribe(orders);
  await suite.sees(orders, "10.0.0.1:80");
  expect(suite.naming.mode).toBe("watching");

  server.grpcFault = ({ type }) => type === "ServerCheckRequest" ? "silence" : undefined;
  const behindFirewall = namingOf(clientOf([server], { mode: "auto", requestTimeoutMs: 300 }));
  behindFirewall.naming.subscribe(orders);
  await behindFirewall.sees(orders, "10.0.0.1:80");
  expect(behindFirewall.naming.mode).toBe("polling");
});
