import { expect, test } from "vitest";
import { clientOf, eventually, lastErrorOf, namingOf, service, startServer, told } from "../nacos-rig.ts";

const orders = service("orders");
const instance = { ip: "10.0.0.1", port: 80 };
const users = { admin: { password: "right" }, reader: { password: "right", namespaces: ["dev"] } };
const signal = () => AbortSignal.timeout(10_000);
const login = (username: string, password: string) => ({
  credentials: { kind: "password", username, password } as const,
});

test.each(["watching", "polling"] as const)("logs in once, for %s and lists alike", async (mode) => {
  const server = await startServer({ users, isAdminOpen: false });
  server.registry.register(orders, instance);
  const client = clientOf([server], { mode, ...login("admin", "right") });
  const suite = namingOf(client);
  suite.naming.subscribe(orders);
  suite.naming.watchServices();
  await suite.sees(orders, "10.0.0.1:80");
  await eventually(() => suite.services()).toEqual(["g@@orders"]);
  expect(await client.namespaces(signal())).toEqual([{ id: "public", name: "public" }]);
  expect(client.requests.get("login")).toBe(1);
});

test.each(["watching", "polling"] as const)("says that the password is wrong, with %s", async (mode) => {
  const server = await startServer({ users });
  const client = clientOf([server], { mode, ...login("admin", "wrong") });
  const suite = namingOf(client);
  suite.naming.subscribe(orders);
  suite.naming.watchServices();
  await eventually(() => told(suite)).toContain("refused orders: unauthorized");
  expect(lastErrorOf(suite)).toContain('Nacos refuses the login of user "admin"');
  expect(lastErrorOf(suite)).toContain("check username and password");
  expect(suite.services()).toBeUndefined();
});

test.each([
  ["2.3.2", "HTTP/1.1 -1 \r\nContent-Length: 0\r\n\r\n"],
  ["3.1.0", 'HTTP/1.1 500 \r\nContent-Length: 15\r\n\r\n{"status": 500}'],
])("takes what %s answers to a wrong password for a refusal", async (version, bytes) => {
  const server = await startServer({ users, version });
  server.httpFault = ({ path }) => path.includes("login") ? { bytes } : undefined;
  const suite = namingOf(clientOf([server], login("admin", "wrong")));
  suite.naming.subscribe(orders);
  await eventually(() => told(suite)).toContain("refused orders: unauthorized");
  expect(lastErrorOf(suite)).toContain('Nacos refuses the login of user "admin"');
});

test.each(["watching", "polling"] as const)("says that a login is wanted, with %s", async (mode) => {
  const server = await startServer({ users });
  const suite = namingOf(clientOf([server], { mode }));
  suite.naming.subscribe(orders);
  await eventually(() => told(suite)).toContain("refused orders: unauthorized");
  expect(lastErrorOf(suite)).toMatch(/wants a login, and none is configured .*user not found/);
});

test("reads a server without logins though the password is wrong there", async () => {
  const server = await startServer();
  server.registry.register(orders, instance);
  server.httpFault = ({ path }) =>
    path.includes("login") ? { status: 403, body: "unknown user!" } : undefined;
  const suite = namingOf(clientOf([server], login("admin", "wrong")));
  suite.naming.subscribe(orders);
  await suite.sees(orders, "10.0.0.1:80");
});

test("a user without rights for one namespace reads the other one", async () => {
  const server = await startServer({ users, version: "2.3.2" });
  server.registry.register(orders, instance);
  server.registry.register({ namespace: "dev", ...orders }, instance);
  const client = clientOf([server], login("reader", "right"));
  const [forbidden, allowed] = [namingOf(client), namingOf(client, "dev")];
  for (const suite of [forbidden, allowed]) {
    suite.naming.subscribe(orders);
    suite.naming.watchServices();
  }
  await allowed.sees(orders, "10.0.0.1:80");
  await eventually(() => allowed.services()).toEqual(["g@@orders"]);
  await eventually(() => told(forbidden)).toContain("refused orders: forbidden");
  await eventually(() => told(forbidden)).toContain("services-failed forbidden");
  expect(lastErrorOf(forbidden)).toContain("authorization failed!");
  expect(forbidden.services()).toBeUndefined();
});

test.each(["watching", "polling"] as const)(
  "logs in again when a token isn't good any more, with %s",
  async (mode) => {
    const server = await startServer({ users });
    server.registry.register(orders, instance);
    const client = clientOf([server], { mode, ...login("admin", "right") });
    const suite = namingOf(client);
    suite.naming.subscribe(orders);
    await suite.sees(orders, "10.0.0.1:80");
    // As old as one has to be, to be thought the reason.
    const granted = performance.now();
    await expect.poll(() => performance.now() - granted, { timeout: 10_000 }).toBeGreaterThan(600);
    server.access.revokeAll();
    server.registry.register(service("users"), instance);
    suite.naming.subscribe(service("users"));
    await suite.sees(service("users"), "10.0.0.1:80");
    server.registry.register(orders, { ...instance, port: 81 });
    await suite.sees(orders, "10.0.0.1:80", "10.0.0.1:81");
    expect(suite.count("refused")).toBe(0);
    expect(client.requests.get("login")).toBe(2);
  },
);

test("renews a token before it expires", async () => {
  const server = await startServer({ users, tokenSeconds: 1 });
  server.registry.register(orders, instance);
  const client = clientOf([server], { mode: "polling", refreshPeriodMs: 20, ...login("admin", "right") });
  const suite = namingOf(client);
  suite.naming.subscribe(orders);
  await eventually(() => client.requests.get("login") ?? 0).toBeGreaterThan(2);
  expect(suite.count("refused")).toBe(0);
  expect(suite.count("lost")).toBe(0);
});

test("logs in the older way where the newer one isn't there", async () => {
  for (const version of ["1.4.6", "2.3.2", "3.2.0"]) {
    const server = await startServer({ users, version });
    server.registry.register(orders, instance);
    const suite = namingOf(clientOf([server], { mode: "polling", ...login("admin", "right") }));
    suite.naming.subscribe(orders);
    await suite.sees(orders, "10.0.0.1:80");
  }
});

test("tries a login again that a server refuses because it doesn't know its users yet", async () => {
  const server = await startServer({ users });
  server.registry.register(orders, instance);
  let refusals = 1;
  server.httpFault = ({ path }) =>
    path.includes("login") && refusals-- > 0
      ? { status: 500, body: "caused: User admin not found;" }
      : undefined;
  const suite = namingOf(clientOf([server], { mode: "polling", ...login("admin", "right") }));
  suite.naming.subscribe(orders);
  await suite.sees(orders, "10.0.0.1:80");
  expect(told(suite)).toContain("refused orders: unauthorized");
});

test("signs requests with Alibaba Cloud's keys", async () => {
  const server = await startServer();
  server.registry.register(orders, instance);
  const seen: (string | undefined)[] = [];
  server.grpcFault = ({ type, headers }) => {
    if (type === "SubscribeServiceRequest") seen.push(headers?.["ak"], headers?.["data"]);
    return undefined;
  };
  server.httpFault = ({ path, params }) => {
    if (path.includes("state")) return undefined;
    seen.push(params.get("ak") ?? "", params.get("data") ?? "");
    return undefined;
  };
  const credentials = { kind: "aliyun", accessKey: "AK", secretKey: "SK" } as const;
  const client = clientOf([server], { credentials });
  const suite = namingOf(client);
  suite.naming.subscribe(orders);
  await suite.sees(orders, "10.0.0.1:80");
  await client.namespaces(signal());
  expect(seen).toEqual([
    "AK",
    expect.stringMatching(/^\d+@@g@@orders$/),
    "AK",
    expect.stringMatching(/^\d+$/),
  ]);
});
