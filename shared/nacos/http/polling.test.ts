import { expect, test } from "vitest";
import { SimulatedRegistry } from "../../simulators/nacos/registry.ts";
import { clientOf, eventually, lastErrorOf, namingOf, service, startServer, told } from "../nacos-rig.ts";

const orders = service("orders");
const users = service("users");
const instance = { ip: "10.0.0.1", port: 80 };
const signal = () => AbortSignal.timeout(10_000);

/** A server of a version with two services, and who polls both and has seen them. */
async function polling(version = "2.3.2", options: Parameters<typeof clientOf>[1] = {}) {
  const server = await startServer({ version });
  server.registry.register(orders, instance);
  server.registry.register(users, instance);
  const client = clientOf([server], { mode: "polling", refreshPeriodMs: 20, ...options });
  const suite = namingOf(client);
  suite.naming.subscribe(orders);
  suite.naming.subscribe(users);
  suite.naming.watchServices();
  await suite.sees(orders, "10.0.0.1:80");
  await suite.sees(users, "10.0.0.1:80");
  await eventually(() => suite.services()).toEqual(["g@@orders", "g@@users"]);
  return { server, client, suite };
}

test("tells a service once while it doesn't change, and each change of it", async () => {
  const { suite, server } = await polling();
  const rounds = suite.count("caught-up");
  await eventually(() => suite.count("caught-up")).toBeGreaterThan(rounds + 5);
  expect(suite.snapshots(orders)).toHaveLength(1);
  server.registry.register(orders, { ...instance, metadata: { a: "1" } });
  await eventually(() => suite.snapshots(orders)).toHaveLength(2);
  expect(suite.snapshots(orders).map(({ origin }) => origin)).toEqual(["initial", "poll"]);
  expect(suite.snapshots(users)).toHaveLength(1);
});

test("follows a redirect in the middle, and takes no login page for an answer", async () => {
  const other = await startServer({ version: "2.3.2" });
  other.registry.register(orders, { ip: "10.0.0.2", port: 80 });
  const { suite, server } = await polling();
  server.httpFault = ({ path, params }) =>
    path === "/v1/ns/instance/list"
      ? {
        status: 301,
        body: "",
        headers: { Location: `http://${other.address}/nacos${path}?${params.toString()}` },
      }
      : undefined;
  await suite.sees(orders, "10.0.0.2:80");
  await suite.sees(users);
  server.httpFault = ({ path }) =>
    path === "/login.html"
      ? { status: 200, body: "<html>Please log in</html>" }
      : { status: 302, body: "", headers: { Location: "/login.html" } };
  await eventually(() => told(suite)).toContain("refused orders: protocol-violation");
  await eventually(() => lastErrorOf(suite)).toContain("is no JSON");
  expect(suite.addresses(orders)).toEqual(["10.0.0.2:80"]);
});

test("sends the configured headers with each request, but to no other host", async () => {
  const other = await startServer({ version: "2.3.2" });
  other.registry.register(orders, { ip: "10.0.0.2", port: 80 });
  const { server, suite } = await polling("2.3.2", { headers: { "X-Team": "mesh" } });
  const seen = new Map<string, unknown>();
  const elsewhere = new Set<unknown>();
  other.httpFault = ({ headers }) => {
    elsewhere.add(headers["x-team"]);
    return undefined;
  };
  server.httpFault = ({ path, params, headers }) => {
    seen.set(path, headers["x-team"]);
    if (path !== "/v1/ns/instance/list") return undefined;
    const base = `http://${other.address.replace("127.0.0.1", "localhost")}/nacos`;
    return { status: 307, body: "", headers: { Location: `${base}${path}?${params.toString()}` } };
  };
  await suite.sees(orders, "10.0.0.2:80");
  await eventually(() => [...seen.keys()]).toContain("/v1/ns/catalog/services");
  expect(new Set(seen.values())).toEqual(new Set(["mesh"]));
  expect(elsewhere).toEqual(new Set([undefined]));
});

test("gives up redirects that go in circles", async () => {
  const { suite, server } = await polling();
  server.httpFault = ({ path }) => ({ status: 301, body: "", headers: { Location: path } });
  await eventually(() => lastErrorOf(suite)).toContain("more than 3 redirects");
  expect(suite.addresses(orders)).toEqual(["10.0.0.1:80"]);
});

test("asks in another generation's way where an API is gone", async () => {
  const { suite, server } = await polling("3.1.0");
  server.httpFault = ({ path }) =>
    path.startsWith("/v1/") ? { status: path.includes("instance") ? 501 : 410, body: "gone" } : undefined;
  server.registry.register(orders, { ...instance, port: 81 });
  await suite.sees(orders, "10.0.0.1:80", "10.0.0.1:81");
  expect(server.requests.get("/v3/client/ns/instance/list")).toBeGreaterThan(0);
});

test("never takes a missing API for a lack of services", async () => {
  const { suite, server } = await polling("3.1.0");
  server.httpFault = ({ path }) =>
    path.includes("list") ? { status: 404, body: { error: "Not Found" } } : undefined;
  await eventually(() => told(suite)).toContain("services-failed api-gone");
  await eventually(() => told(suite)).toContain("refused orders: api-gone");
  expect(suite.services()).toEqual(["g@@orders", "g@@users"]);
  expect(suite.addresses(orders)).toEqual(["10.0.0.1:80"]);
});

test("tells that the lists are closed to it while services are open, and empties nothing", async () => {
  const { suite, server } = await polling("3.1.0");
  server.httpFault = ({ path }) =>
    path.startsWith("/v3/admin") || path.startsWith("/v1/ns/catalog")
      ? { status: 403, body: { code: 403, message: "access denied", data: null } }
      : undefined;
  await eventually(() => told(suite)).toContain("services-failed forbidden");
  expect(lastErrorOf(suite)).toMatch(/\/v3\/admin\/ns\/service\/list: HTTP 403 "access denied"/);
  server.registry.register(orders, { ...instance, port: 81 });
  await suite.sees(orders, "10.0.0.1:80", "10.0.0.1:81");
  expect(suite.services()).toEqual(["g@@orders", "g@@users"]);
});

test("lists by the console where the admin API is closed", async () => {
  const console = await startServer({ version: "2.3.2" });
  const item = { name: "orders", groupName: "g" };
  console.httpFault = ({ path }) =>
    path === "/v3/console/ns/service/list"
      ? { status: 200, body: { code: 0, data: { totalCount: 1, pageItems: [item] } } }
      : undefined;
  const server = await startServer({ version: "3.1.0", users: { a: { password: "b" } }, isAdminOpen: false });
  const client = clientOf([server], { mode: "polling", consoleUrl: `http://${console.address}` });
  const suite = namingOf(client);
  suite.naming.watchServices();
  await eventually(() => suite.services()).toEqual(["g@@orders"]);
});

test.each(
  [
    ["an error", { status: 500, body: "caused: null;" }, 'HTTP 500 "caused: null;"'],
    ["a server that is starting", { status: 503, body: "server is STARTING now" }, "STARTING"],
    ["no JSON", { status: 200, body: '{"name": "g@@orders", "hosts": [' }, "is no JSON"],
    ["no list", { status: 200, body: { name: "g@@orders", hosts: null } }, "without a list of instances"],
    ["no service", { status: 200, body: [] }, "no object"],
    ["a reset", "reset", "127.0.0.1"],
    ["silence", "silence", "no complete answer within 300 ms"],
    [
      "a refusal in the envelope",
      { status: 200, body: { code: 30000, message: "server error" } },
      "without a name",
    ],
  ] as const,
)("keeps what it knows over %s, says so, and goes on afterwards", async (_, fault, text) => {
  const { suite, server } = await polling("2.3.2", { requestTimeoutMs: 300 });
  server.httpFault = ({ path }) => path === "/v1/ns/instance/list" ? fault : undefined;
  await eventually(() => lastErrorOf(suite)).toContain(text);
  expect(suite.addresses(orders)).toEqual(["10.0.0.1:80"]);
  server.registry.register(orders, { ...instance, port: 81 });
  server.httpFault = undefined;
  await suite.sees(orders, "10.0.0.1:80", "10.0.0.1:81");
});

test("refuses an answer that is too long", async () => {
  const { suite, server } = await polling("2.3.2", { maxMessageBytes: 10_000 });
  server.registry.register(orders, { ...instance, metadata: { text: "x".repeat(200_000) } });
  await eventually(() => told(suite)).toContain("refused orders: protocol-violation");
  expect(lastErrorOf(suite)).toContain("longer than 100000 bytes");
  server.registry.register(users, { ...instance, port: 81 });
  await suite.sees(users, "10.0.0.1:80", "10.0.0.1:81");
});

test("takes another server when one is gone, and says that it is another one", async () => {
  const registry = new SimulatedRegistry();
  registry.register(orders, instance);
  const servers = [
    await startServer({ version: "1.4.6", registry }),
    await startServer({ version: "1.4.6", registry }),
  ];
  const suite = namingOf(clientOf(servers, { mode: "polling", refreshPeriodMs: 20 }));
  suite.naming.subscribe(orders);
  await suite.sees(orders, "10.0.0.1:80");
  const used = servers.find(({ address }) => address === suite.naming.connection?.server);
  await used?.stop();
  await eventually(() => told(suite)).toContain("orders: 1 by 2");
  expect(suite.naming.connection?.sameServer).toBe(false);
  expect(suite.count("lost")).toBe(0);
});

test("tells of each server when none can be reached", async () => {
  const suite = namingOf(clientOf(["127.0.0.1:1", "127.0.0.1:2"], { mode: "polling" }));
  await eventually(() => suite.count("failed")).toBeGreaterThan(0);
  expect(lastErrorOf(suite)).toMatch(/no server of Nacos: .*127\.0\.0\.1:[12].*; .*127\.0\.0\.1:[12]/);
});

test("keeps its connections, and asks for so many services at a time", async () => {
  const server = await startServer({ version: "2.3.2" });
  const client = clientOf([server], { mode: "polling", concurrency: 4, refreshPeriodMs: 60_000 });
  const suite = namingOf(client);
  let now = 0;
  let most = 0;
  server.httpFault = ({ path }) => {
    if (path === "/v1/ns/instance/list") most = Math.max(most, ++now);
    setTimeout(() => now--, 1);
    return undefined;
  };
  await suite.naming.connected(signal());
  for (let index = 0; index < 200; index++) suite.naming.subscribe(service(`s${index}`));
  await eventually(() => suite.count("snapshot")).toBe(200);
  expect(most).toBeLessThanOrEqual(8);
  expect(client.requests.get("query")).toBe(200);
});

test.each(["1.4.6", "2.3.2", "3.1.0", "3.2.0"])(
  "asks for many services of %s only when the catalogue shows a change, however it is paged",
  async (version) => {
    const server = await startServer({ version });
    const names = Array.from({ length: 450 }, (_, index) => `s${index}`);
    for (const name of names) server.registry.register(service(name), instance);
    const client = clientOf([server], { mode: "polling", refreshPeriodMs: 20 });
    const suite = namingOf(client);
    for (const name of names) suite.naming.subscribe(service(name));
    await eventually(() => suite.count("snapshot")).toBe(450);
    const rounds = suite.count("caught-up");
    await eventually(() => suite.count("caught-up")).toBeGreaterThan(rounds + 3);
    expect(client.requests.get("query")).toBeLessThanOrEqual(450 + 60);
    const queries = client.requests.get("query") ?? 0;
    const requests = client.requests.get("catalogue") ?? 0;
    // Health, weight and metadata alone, and a new one.
    server.registry.register(service("s7"), { ...instance, healthy: false });
    await eventually(() => suite.snapshots(service("s7")).at(-1)?.instances).toMatchObject([{
      healthy: false,
    }]);
    server.registry.register(service("s7"), { ...instance, weight: 5 });
    await eventually(() => suite.snapshots(service("s7")).at(-1)?.instances).toMatchObject([{ weight: 5 }]);
    server.registry.register(service("s7"), { ...instance, metadata: { a: "b" } });
    await eventually(() => suite.snapshots(service("s7")).at(-1)?.instances[0]?.metadata).toEqual({ a: "b" });
    server.registry.setInstances(service("s8"), []);
    await suite.sees(service("s8"));
    expect((client.requests.get("query") ?? 0) - queries).toBeLessThanOrEqual(3 * 4);
    expect((client.requests.get("catalogue") ?? 0) - requests).toBeGreaterThanOrEqual(3 * 3);
    expect(suite.count("snapshot")).toBeLessThanOrEqual(450 + 4);
    // One that the catalogue doesn't show is asked for.
    server.registry.sweep();
    server.registry.register(service("s8"), instance);
    await suite.sees(service("s8"), "10.0.0.1:80");
  },
);

test("asks for what differs from the catalogue for good only while that is news", async () => {
  const server = await startServer({ version: "2.3.2" });
  for (let index = 0; index < 60; index++) server.registry.register(service(`s${index}`), instance);
  // Shown as healthy, and listed as what they are.
  server.registry.setProtectThreshold(service("s1"), 0);
  server.registry.register(service("s1"), { ...instance, healthy: false });
  server.registry.register(service("s2"), { ...instance, ip: "10.0.0.9", enabled: false });
  const client = clientOf([server], { mode: "polling", refreshPeriodMs: 20 });
  const suite = namingOf(client);
  for (let index = 0; index < 60; index++) suite.naming.subscribe(service(`s${index}`));
  await eventually(() => suite.count("snapshot")).toBe(60);
  const rounds = suite.count("caught-up");
  await eventually(() => suite.count("caught-up")).toBeGreaterThan(rounds + 8);
  const queries = client.requests.get("query") ?? 0;
  expect(queries).toBeLessThanOrEqual(60 + 3);
  server.registry.register(service("s1"), { ...instance, ip: "10.0.0.2", healthy: false });
  await suite.sees(service("s1"), "10.0.0.1:80", "10.0.0.2:80");
});

test("asks again for what the catalogue showed sooner than the service's own list", async () => {
  const server = await startServer({ version: "2.3.2" });
  for (let index = 0; index < 60; index++) server.registry.register(service(`s${index}`), instance);
  const suite = namingOf(clientOf([server], { mode: "polling", refreshPeriodMs: 20 }));
  for (let index = 0; index < 60; index++) suite.naming.subscribe(service(`s${index}`));
  await eventually(() => suite.count("snapshot")).toBe(60);
  const rounds = suite.count("caught-up");
  await eventually(() => suite.count("caught-up")).toBeGreaterThan(rounds + 4);
  let stale = 1;
  server.httpFault = ({ path, params }) =>
    path === "/v1/ns/instance/list" && params.get("serviceName") === "g@@s7" && stale-- > 0
      ? { status: 200, body: { name: "g@@s7", hosts: [instance] } }
      : undefined;
  server.registry.register(service("s7"), { ip: "10.0.0.2", port: 80 });
  await suite.sees(service("s7"), "10.0.0.1:80", "10.0.0.2:80");
  expect(stale).toBeLessThan(0);
});

test("asks for each service where the catalogue is closed", async () => {
  const server = await startServer({ version: "2.3.2" });
  const names = Array.from({ length: 60 }, (_, index) => `s${index}`);
  for (const name of names) server.registry.register(service(name), instance);
  server.httpFault = ({ path }) =>
    path === "/v1/ns/catalog/services" ? { status: 403, body: "no" } : undefined;
  const client = clientOf([server], { mode: "polling", refreshPeriodMs: 20 });
  const suite = namingOf(client);
  for (const name of names) suite.naming.subscribe(service(name));
  await eventually(() => suite.count("snapshot")).toBe(60);
  server.registry.register(service("s7"), { ...instance, weight: 5 });
  await eventually(() => suite.snapshots(service("s7")).at(-1)?.instances).toMatchObject([{ weight: 5 }]);
  expect(client.requests.get("catalogue")).toBe(1);
  expect(suite.count("lost")).toBe(0);
});

test("reads what 1.x says, which has no group beside the name", async () => {
  const { suite, server } = await polling("1.4.6");
  server.httpFault = ({ path }) =>
    path === "/v1/ns/instance/list"
      ? {
        status: 200,
        body: {
          dom: "g@@orders",
          name: "g@@orders",
          clusters: "",
          hosts: [{ ip: "host.example", port: "7001", valid: false, marked: false, weight: "2.0" }],
        },
      }
      : undefined;
  await suite.sees(orders, "host.example:7001");
  expect(suite.snapshots(orders).at(-1)?.instances).toMatchObject([{ healthy: false, weight: 2 }]);
});

test("reads the public namespace once, whatever it is called", async () => {
  const server = await startServer({ version: "2.3.2" });
  server.httpFault = ({ path }) =>
    path === "/v1/console/namespaces"
      ? {
        status: 200,
        body: {
          code: 200,
          data: [
            { namespace: "", namespaceShowName: "public" },
            { namespace: "public", namespaceShowName: "public" },
            { namespace: "4f2c", namespaceShowName: "dev" },
            { namespace: "9e1d", namespaceShowName: "dev" },
          ],
        },
      }
      : undefined;
  const client = clientOf([server]);
  expect((await client.namespaces(signal())).map(({ id, name }) => `${id} ${name}`)).toEqual([
    "public public",
    "4f2c dev",
    "9e1d dev",
  ]);
  expect([namingOf(client, "").naming.namespace, namingOf(client, "public").naming.namespace]).toEqual([
    "public",
    "public",
  ]);
});
