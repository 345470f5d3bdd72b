import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { ZooKeeperClient } from "../../zookeeper/client.ts";
import { errorCodes } from "../../zookeeper/wire/codes.ts";
import { FrameSplitter } from "../../zookeeper/wire/frame-splitter.ts";
import { JuteReader, JuteWriter } from "../../zookeeper/wire/jute.ts";
import { connectRequest, connectResponse, replyHeader } from "../../zookeeper/wire/records.ts";
import type { ConnectRequest } from "../../zookeeper/wire/records.ts";
import { writeRequest } from "../../zookeeper/wire/requests.ts";
import type { Request } from "../../zookeeper/wire/requests.ts";
import type { SessionEvent } from "../../zookeeper/zookeeper.ts";
import { SimulatedZooKeeper } from "./server.ts";

async function start(tickTimeMs = 2_000) {
  const server = new SimulatedZooKeeper({ tickTimeMs });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return { server, address: await server.listen("127.0.0.1:0") };
}

const soon = () => AbortSignal.timeout(5_000);

/** A client of ours, connected, and what it tells of its session. */
async function openClient(address: string, sessionTimeoutMs = 10_000) {
  const client = new ZooKeeperClient({ servers: [address], sessionTimeoutMs, maxFrameBytes: 2 ** 24 });
  onTestFinished(() => client[Symbol.asyncDispose]());
  const session: SessionEvent[] = [];
  client.onSession((event) => session.push(event));
  await client.connected(soon());
  return { client, session };
}

/** A connection whose frames the test writes and reads itself. */
async function openRaw(address: string) {
  const [host, port] = address.split(":");
  const socket: Socket = connect({ host, port: Number(port) });
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  // What follows an error is the end, which is awaited.
  socket.on("error", () => {});
  const frames: JuteReader[] = [];
  const splitter = new FrameSplitter(2 ** 24);
  socket.on("data", (chunk: Buffer) => splitter.push(chunk, (frame) => frames.push(new JuteReader(frame))));
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const next = async () => {
    await expect.poll(() => frames.length, { interval: 1 }).toBeGreaterThan(0);
    return frames.shift() ?? new JuteReader(Buffer.of());
  };
  return {
    socket,
    ended,
    hello: (fields: Partial<ConnectRequest> = {}) => {
      const password = new Uint8Array(16);
      const request = { lastZxidSeen: 0n, timeoutMs: 10_000, sessionId: 0n, password, readOnly: false };
      const writer = new JuteWriter().frame((w) => connectRequest.write(w, { ...request, ...fields }));
      socket.write(writer.take());
    },
    welcome: async () => connectResponse.read(await next()),
    send: (xid: number, request: Request) => {
      const writer = new JuteWriter();
      writeRequest(writer, xid, request);
      socket.write(writer.take());
    },
    header: async () => replyHeader.read(await next()),
  };
}

describe("The simulated ZooKeeper's sessions", () => {
  test("get a timeout of two to twenty ticks", async () => {
    const { address } = await start(50);
    for (const [asked, granted] of [[1, 100], [300, 300], [99_999, 1_000]] as const) {
      const raw = await openRaw(address);
      raw.hello({ timeoutMs: asked });
      expect((await raw.welcome()).timeoutMs).toBe(granted);
    }
  });

  test("are resumed by id and password, which ends the connection before", async () => {
    const { server, address } = await start();
    const first = await openRaw(address);
    first.hello();
    const { sessionId, password, timeoutMs } = await first.welcome();
    const second = await openRaw(address);
    second.hello({ sessionId, password });
    expect(await second.welcome()).toEqual({ sessionId, password, timeoutMs, readOnly: false });
    await first.ended;
    const wrong = await openRaw(address);
    wrong.hello({ sessionId, password: new Uint8Array(16) });
    expect(await wrong.welcome()).toMatchObject({ sessionId: 0n, timeoutMs: 0 });
    await wrong.ended;
    await expect.poll(() => server.connectionCount).toBe(1);
  });

  test("expire after silence, with their nodes", async () => {
    const { server, address } = await start(50);
    const raw = await openRaw(address);
    raw.hello({ timeoutMs: 100 });
    await raw.welcome();
    const acl = [{ permissions: 31, scheme: "world", id: "anyone" }];
    raw.send(1, { op: "create", path: "/e", data: undefined, acl, flags: 1 });
    expect(await raw.header()).toMatchObject({ xid: 1, error: 0 });
    expect(server.tree.get("/e")).toBeDefined();
    await raw.ended;
    expect(server.tree.get("/e")).toBeUndefined();
  });

  test("are not begun for clients that know what this server doesn't", async () => {
    const { server, address } = await start();
    const raw = await openRaw(address);
    raw.hello({ lastZxidSeen: server.tree.zxid + 1n });
    await raw.ended;
    expect(server.connectionCount).toBe(0);
  });

  test("end with a request that no server understands", async () => {
    const { address } = await start();
    const malformed = await openRaw(address);
    malformed.hello();
    await malformed.welcome();
    malformed.socket.write(Buffer.from([0, 0, 0, 3, 1, 2, 3]));
    await malformed.ended;
    const unknown = await openRaw(address);
    unknown.hello();
    await unknown.welcome();
    unknown.socket.write(Buffer.from([0, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 14]));
    expect(await unknown.header()).toMatchObject({ xid: 5, error: errorCodes.unimplemented });
    await unknown.ended;
    const oversized = await openRaw(address);
    oversized.socket.write(Buffer.from([0, 0x10, 0, 0]));
    await oversized.ended;
  });
});

describe("The simulated ZooKeeper's faults", () => {
  test("expired sessions, dropped connections and a stop", async () => {
    const { server, address } = await start();
    const { client, session } = await openClient(address);
    await client.create("/e", undefined, { ephemeral: true });
    server.dropConnections();
    await expect.poll(() => session).toEqual(["connected", "disconnected", "connected"]);
    expect(server.tree.get("/e")).toBeDefined();
    server.expireSessions();
    await expect.poll(() => session.slice(3)).toEqual(["disconnected", "expired", "connected"]);
    expect(await client.exists("/e")).toBeUndefined();
    await server.stop();
    await expect.poll(() => client.state).toBe("connecting");
    await expect(openRaw(address)).rejects.toThrow("ECONNREFUSED");
    server.tree.create("/meanwhile");
    await server.listen(address);
    await client.connected(soon());
    expect(await client.exists("/meanwhile")).toBeDefined();
    expect(session.slice(6)).toEqual(["disconnected", "connected"]);
  });

  test("refused connections", async () => {
    const { server, address } = await start();
    server.refusesConnections = true;
    await (await openRaw(address)).ended;
    server.refusesConnections = false;
    await openClient(address);
  });

  test("silence, in which sessions expire", async () => {
    const { server, address } = await start(50);
    const { client, session } = await openClient(address, 300);
    await client.create("/e", undefined, { ephemeral: true });
    server.silent = true;
    await expect.poll(() => client.state).toBe("connecting");
    await expect.poll(() => server.tree.get("/e")).toBeUndefined();
    server.silent = false;
    await client.connected(soon());
    expect(session).toContain("expired");
    expect(await client.exists("/zookeeper")).toBeDefined();
  });

  test("single requests: an error, the end, garbage", async () => {
    const { server, address } = await start();
    server.tree.ensure("/a");
    const { client, session } = await openClient(address);
    server.fault = ({ op }) => op === "getData" ? errorCodes.noAuth : undefined;
    await expect(client.getData("/a")).rejects.toThrow("noAuth");
    server.fault = ({ op }) => op === "getData" ? "close" : undefined;
    await expect(client.getData("/a")).rejects.toThrow("without a word");
    await client.connected(soon());
    server.fault = ({ op }) => op === "getData" ? Buffer.from([0xff, 0xff, 0, 0]) : undefined;
    await expect(client.getData("/a")).rejects.toThrow("frame");
    await client.connected(soon());
    server.fault = undefined;
    expect((await client.getData("/a"))?.data).toHaveLength(0);
    expect(session.filter((event) => event === "disconnected")).toHaveLength(2);
    expect(server.requests.get("getData")).toBe(4);
  });

  test("an old server has no tree watches, and hangs up on who asks", async () => {
    const { server, address } = await start();
    server.knowsPersistentWatches = false;
    const { client } = await openClient(address);
    // The client may hide the reconnect behind its answer, or tell of it.
    await client.watchTree("/").catch(() => false);
    await client.connected(soon());
    expect(await client.watchTree("/")).toBe(false);
    expect(server.watches.count).toBe(0);
  });
});

test("A large registry is set up without a session, read whole, and watched with one watch", async () => {
  const { server, address } = await start();
  for (let service = 0; service < 1_000; service++) {
    const folder = `/dubbo/com.example.Service${service}/providers`;
    for (let provider = 0; provider < 10; provider++) {
      server.tree.ensure(`${folder}/dubbo%3A%2F%2F10.0.0.${provider}`);
    }
  }
  const { client } = await openClient(address);
  const events: string[] = [];
  client.onWatch(({ type, path }) => events.push(`${type} ${path}`));
  expect(await client.watchTree("/dubbo")).toBe(true);
  const names = (await client.getChildren("/dubbo"))?.names ?? [];
  const lists = await Promise.all(names.map((name) => client.getChildren(`/dubbo/${name}/providers`)));
  expect(lists.reduce((sum, list) => sum + (list?.names.length ?? 0), 0)).toBe(10_000);
  expect(server.watches.count).toBe(1);
  const path = "/dubbo/com.example.Service7/providers/dubbo%3A%2F%2F10.0.0.7";
  server.tree.delete(path);
  await expect.poll(() => events).toEqual([`deleted ${path}`]);
});
