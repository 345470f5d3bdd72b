import { expect, test } from "vitest";
import { serviceInfo } from "../../simulators/nacos/registry.ts";
import type { SimulatedNacos } from "../../simulators/nacos/server.ts";
import { clientOf, eventually, lastErrorOf, namingOf, service, startServer, told } from "../nacos-rig.ts";
import { encodeMessage } from "../wire/payload.ts";

const orders = service("orders");
const users = service("users");
const instance = { ip: "10.0.0.1", port: 80 };
const signal = () => AbortSignal.timeout(10_000);

/** A server with two services, and who follows both and has seen them. */
async function following() {
  const server = await startServer();
  server.registry.register(orders, instance);
  server.registry.register(users, instance);
  const suite = namingOf(clientOf([server]));
  suite.naming.subscribe(orders);
  suite.naming.subscribe(users);
  // The answer and the first push.
  await eventually(() => [orders, users].every((one) => suite.snapshots(one).length === 2)).toBe(true);
  return { server, suite };
}

/** Pushes what isn't in the registry, as if it had been. */
function push(server: SimulatedNacos, hosts: readonly unknown[] | null, lastRefTime = Date.now()): void {
  server.push("NotifySubscriberRequest", {
    serviceInfo: { name: "orders", groupName: "g", hosts, lastRefTime },
  });
}

const unacknowledged = (server: SimulatedNacos) => server.connections.map((one) => one.unacknowledged);

test("tells of an empty push, since it may be true: who knows the past decides", async () => {
  const { server, suite } = await following();
  push(server, []);
  await suite.sees(orders);
  expect(suite.snapshots(orders).at(-1)).toMatchObject({ connection: 1, origin: "push" });
});

test("acknowledges each push, and a storm of ten thousand", async () => {
  const { server, suite } = await following();
  for (let round = 1; round <= 10_000; round++) push(server, [{ ip: "10.0.0.2", port: round }]);
  await suite.sees(orders, "10.0.0.2:10000");
  await eventually(() => unacknowledged(server)).toEqual([0]);
  expect(suite.count("lost")).toBe(0);
});

test("doesn't let a late push undo a newer one, and asks what is true", async () => {
  const { server, suite } = await following();
  push(server, [{ ip: "10.0.0.9", port: 80 }], 1_000);
  await eventually(() => server.requests.get("ServiceQueryRequest")).toBe(1);
  await eventually(() => suite.snapshots(orders).length).toBe(3);
  expect(suite.addresses(orders)).toEqual(["10.0.0.1:80"]);
  // A server whose clock was set back is believed once it has confirmed that.
  server.grpcFault = ({ type }) =>
    type === "ServiceQueryRequest"
      ? {
        type: "QueryServiceResponse",
        body: {
          resultCode: 200,
          serviceInfo: {
            name: "orders",
            groupName: "g",
            hosts: [{ ip: "10.0.0.7", port: 80 }],
            lastRefTime: 2_000,
          },
        },
      }
      : undefined;
  push(server, [{ ip: "10.0.0.7", port: 80 }], 1_500);
  await suite.sees(orders, "10.0.0.7:80");
  push(server, [{ ip: "10.0.0.8", port: 80 }], 2_001);
  await suite.sees(orders, "10.0.0.8:80");
});

test("doesn't take a push without a list for an empty one", async () => {
  const { server, suite } = await following();
  push(server, null);
  await eventually(() => server.requests.get("ServiceQueryRequest")).toBe(1);
  await eventually(() => suite.snapshots(orders).length).toBe(3);
  expect(suite.addresses(orders)).toEqual(["10.0.0.1:80"]);
});

test("ignores messages and fields that it doesn't know, and acknowledges them", async () => {
  const { server, suite } = await following();
  server.push("BrandNewRequest", { anything: [1, 2] });
  server.push("ClientDetectionRequest", {});
  server.push("NotifySubscriberRequest", {});
  server.push("NotifySubscriberRequest", { serviceInfo: { name: 7 } });
  server.push("NamingFuzzyWatchSyncRequest", { contexts: "none" });
  server.push("NotifySubscriberRequest", {
    serviceInfo: { name: "strange", groupName: "g", hosts: [] },
  });
  push(server, [{ ip: "10.0.0.3", port: 80, novelty: { deep: true }, metadata: { a: 1, b: null } }]);
  await suite.sees(orders, "10.0.0.3:80");
  expect(suite.snapshots(orders).at(-1)?.instances[0]?.metadata).toEqual({ a: "1" });
  await eventually(() => unacknowledged(server)).toEqual([0]);
  expect(suite.count("lost")).toBe(0);
});

test("names an instance that can't be read, and has its neighbours", async () => {
  const { server, suite } = await following();
  push(server, [{ ip: "10.0.0.3", port: 80 }, { port: 80 }, { ip: "10.0.0.4", port: "x" }, "none"]);
  await suite.sees(orders, "10.0.0.3:80");
  expect(suite.snapshots(orders).at(-1)?.invalid).toEqual([
    "instance 1 of 4: its address is missing",
    'instance 2 of 4: 10.0.0.4: its port is "x"',
    "instance 3 of 4: it is no object",
  ]);
});

test.each([
  ["no message", new Uint8Array([0xff, 0xff, 0xff])],
  ["no JSON", encodeText("NotifySubscriberRequest", "{nothing")],
  ["no object", encodeText("NotifySubscriberRequest", "[]")],
])("connects again after bytes that are %s, and says what they were", async (_, bytes) => {
  const { server, suite } = await following();
  server.pushBytes(bytes);
  await eventually(() => told(suite)).toContain("orders: 1 by 2");
  expect(lastErrorOf(suite)).toMatch(/parsing error: .*(?:can't be decoded|is no JSON|is no object)/);
  expect(suite.events).toContainEqual(
    expect.objectContaining({ type: "lost", error: expect.objectContaining({ kind: "protocol-violation" }) }),
  );
});

test("leaves out a service that is too large, with a reason, and goes on with the others", async () => {
  const server = await startServer();
  const metadata = { text: "x".repeat(200_000) };
  server.registry.register(orders, { ...instance, metadata });
  server.registry.register(users, instance);
  const suite = namingOf(clientOf([server], { maxMessageBytes: 100_000 }));
  suite.naming.subscribe(orders);
  suite.naming.subscribe(users);
  await eventually(() => told(suite)).toContain("refused orders: protocol-violation");
  expect(lastErrorOf(suite)).toMatch(/larger than max .*raise the largest message size/);
  await suite.sees(users, "10.0.0.1:80");
  // It was unsubscribed, so no push of it breaks the connection from now on; one that was on its way may have.
  await eventually(() => server.connections.map(({ subscriptions }) => subscriptions)).toEqual([1]);
  const connections = suite.count("lost");
  server.registry.register(orders, { ...instance, port: 81, metadata });
  server.registry.register(users, { ...instance, port: 81 });
  await suite.sees(users, "10.0.0.1:80", "10.0.0.1:81");
  expect(suite.count("lost")).toBe(connections);
  expect(suite.count("caught-up")).toBe(1);
});

test("takes metadata of a megabyte", async () => {
  const server = await startServer();
  server.registry.register(orders, { ...instance, metadata: { text: "ü".repeat(500_000) } });
  const suite = namingOf(clientOf([server]));
  suite.naming.subscribe(orders);
  await suite.sees(orders, "10.0.0.1:80");
  expect(suite.snapshots(orders)[0]?.instances[0]?.metadata["text"]).toHaveLength(500_000);
});

test("has a service whose name the server refuses told, and the others", async () => {
  const { suite } = await following();
  suite.naming.subscribe(service("中文"));
  await eventually(() => told(suite)).toContain("refused 中文: refused");
  expect(lastErrorOf(suite)).toContain('error 400 "Param check invalid');
  expect((await suite.naming.query(orders, signal())).instances).toHaveLength(1);
});

test("asks again after an answer that failed", async () => {
  const server = await startServer();
  server.registry.register(orders, instance);
  let failures = 1;
  server.grpcFault = ({ type }) =>
    type === "SubscribeServiceRequest" && failures-- > 0
      ? { type: "ErrorResponse", body: { resultCode: 500, errorCode: 503, message: "over threshold" } }
      : undefined;
  const suite = namingOf(clientOf([server]));
  suite.naming.subscribe(orders);
  await suite.sees(orders, "10.0.0.1:80");
  expect(told(suite)).toContain("refused orders: unreachable");
});

test("tells when the protection threshold makes all look healthy", async () => {
  const { server, suite } = await following();
  server.registry.setProtectThreshold(orders, 0);
  server.registry.register(orders, { ...instance, healthy: false });
  await eventually(() => suite.snapshots(orders).at(-1)).toMatchObject({
    protected: true,
    instances: [{ healthy: true }],
  });
});

test("reads persistent instances, also of a service that changes its kind", async () => {
  const { server, suite } = await following();
  server.registry.setInstances(orders, [{ ip: "10.0.0.5", port: 3306, ephemeral: false }]);
  await suite.sees(orders, "10.0.0.5:3306");
  expect(suite.snapshots(orders).at(-1)?.instances).toMatchObject([{ ephemeral: false }]);
});

test("leaves out what somebody disables, and has it again", async () => {
  const { server, suite } = await following();
  server.registry.register(orders, { ...instance, enabled: false });
  await suite.sees(orders);
  server.dropConnections();
  await eventually(() => told(suite)).toContain("orders: 0 by 2");
  server.registry.register(orders, { ...instance, enabled: true });
  await suite.sees(orders, "10.0.0.1:80");
});

test("hears nothing of another namespace from servers that say which one it is", async () => {
  const { server, suite } = await following();
  const info = serviceInfo({ group: "g", name: "orders", instances: new Map(), protectThreshold: undefined });
  server.push("NotifySubscriberRequest", { namespace: "dev", serviceInfo: info });
  server.push("NotifySubscriberRequest", {
    namespace: "public",
    serviceInfo: { ...info, hosts: [{ ip: "10.0.0.6", port: 80 }], lastRefTime: Date.now() },
  });
  await suite.sees(orders, "10.0.0.6:80");
  expect(suite.snapshots(orders).some(({ instances }) => instances.length === 0)).toBe(false);
});

function encodeText(type: string, text: string): Uint8Array {
  const bytes = encodeMessage({ type, body: { marker: "x".repeat(text.length) } });
  // Replaces the body by one of the same length.
  const whole = new TextEncoder().encode(`{"marker":"${"x".repeat(text.length)}"}`);
  const at = Buffer.from(bytes).indexOf(Buffer.from(whole));
  const replaced = Buffer.from(bytes);
  replaced.write(text.padEnd(whole.length), at);
  return replaced;
}
