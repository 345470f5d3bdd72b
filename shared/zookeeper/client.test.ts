import { expect, test } from "vitest";
import { errorText, isMeshError } from "../runtime/errors.ts";
import { ZooKeeperClient } from "./client.ts";
import { answerWell, ScriptedServer } from "./scripted-server-rig.ts";
import type { Script } from "./scripted-server-rig.ts";
import { writeError, writeReply } from "./wire/replies.ts";
import type { SessionEvent } from "./zookeeper.ts";

/** Answers everything as it should be. */
const fine: Script = { answer: answerWell };

/** Answers requests with an error. */
const refusing = (error: number): Script => ({
  answer: (connection, { xid }) => connection.send((writer) => writeError(writer, { xid, zxid: 1n, error })),
});

function clientOf(server: ScriptedServer, sessionTimeoutMs = 30_000) {
  const zooKeeper = new ZooKeeperClient({
    servers: [server.address],
    sessionTimeoutMs,
    maxFrameBytes: 1_000,
  });
  const events: SessionEvent[] = [];
  zooKeeper.onSession((event) => events.push(event));
  return { zooKeeper, events, connected: () => zooKeeper.connected(AbortSignal.timeout(10_000)) };
}

/** What a request failed with: `code: text`. */
async function failure(request: Promise<unknown>): Promise<string> {
  try {
    await request;
    return "no failure";
  } catch (error) {
    const codes = ["registry-unavailable", "protocol-violation", "invalid-record"] as const;
    return `${codes.find((code) => isMeshError(error, code)) ?? "untyped"}: ${errorText(error)}`;
  }
}

const wrongAnswers: readonly (readonly [string, Script, string])[] = [
  [
    "a frame that is too large",
    { answer: (connection) => connection.send((writer) => writer.int(1_001)) },
    "protocol-violation: ZooKeeper at HOST: a ZooKeeper frame of 1001 bytes; this side takes 0 to 1000",
  ],
  [
    "a frame of negative length",
    { answer: (connection) => connection.send((writer) => writer.int(-1)) },
    "protocol-violation: ZooKeeper at HOST: a ZooKeeper frame of -1 bytes",
  ],
  [
    "an answer that ends too soon",
    {
      answer: (connection, { xid }) =>
        connection.send((writer) => writeReply(writer, xid, 1n, "sync", { path: "/" })),
    },
    "protocol-violation: ZooKeeper at HOST: malformed ZooKeeper frame",
  ],
  [
    "an empty frame",
    { answer: (connection) => connection.send((writer) => writer.int(0)) },
    "protocol-violation: ZooKeeper at HOST: malformed ZooKeeper frame",
  ],
  [
    "an answer to nothing",
    {
      answer: (connection, { xid }) =>
        connection.send((writer) => writeError(writer, { xid: xid + 100, zxid: 1n, error: 0 })),
    },
    "protocol-violation: ZooKeeper at HOST: an answer to request 101, which waits for none",
  ],
  [
    "an end without an answer",
    { answer: (connection) => connection.hangUp() },
    "registry-unavailable: ZooKeeper at HOST: it closed the connection without a word",
  ],
  [
    "a session that expired",
    refusing(-112),
    "registry-unavailable: ZooKeeper at HOST: the session has expired",
  ],
  [
    "a session that moved",
    refusing(-118),
    "registry-unavailable: ZooKeeper at HOST: the session is at another",
  ],
];

test.each(wrongAnswers)("%s ends in a typed error and a reconnect", async (_name, script, message) => {
  await using server = await ScriptedServer.start(script, fine);
  const { zooKeeper, events, connected } = clientOf(server);
  await using _zooKeeper = zooKeeper;
  await connected();
  const both = await Promise.all([failure(zooKeeper.getChildren("/")), failure(zooKeeper.exists("/"))]);
  for (const one of both) expect(one).toContain(message.replace("HOST", server.address));
  expect(zooKeeper.lastError).toContain("ZooKeeper at");
  await connected();
  expect(await zooKeeper.getChildren("/")).toMatchObject({ names: ["a"] });
  expect(events).toEqual(["connected", "disconnected", "connected"]);
  expect(server.greetings[1]?.sessionId).toBe(5n);
});

const wrongGreetings: readonly (readonly [string, Script, string])[] = [
  [
    "the header of an error",
    {
      greet: (connection) =>
        connection.send((writer) => writeError(writer, { xid: 0, zxid: 0n, error: -119 })),
    },
    "it greets with error -119",
  ],
  [
    "a server that is cut off",
    { greet: (connection) => connection.greet({ readOnly: true }) },
    "it takes only readers",
  ],
  ["no session", { greet: (connection) => connection.greet({ timeoutMs: 0 }) }, "it takes only readers"],
  ["too little", { greet: (connection) => connection.send((writer) => writer.int(0)) }, "malformed"],
  [
    "something else than ZooKeeper",
    { greet: (connection) => connection.send((writer) => writer.text("HTTP/1.1 400")) },
    "malformed",
  ],
  ["a hang-up", { greet: (connection) => connection.hangUp() }, "it closed the connection without a word"],
];

test.each(wrongGreetings)("greeted by %s it tries again", async (_name, script, message) => {
  await using server = await ScriptedServer.start(script, fine);
  const { zooKeeper, events, connected } = clientOf(server);
  await using _zooKeeper = zooKeeper;
  const errors = new Set<string | undefined>();
  const watching = expect.poll(() => {
    errors.add(zooKeeper.lastError);
    return [...errors].join();
  }, { interval: 1 }).toContain(message);
  await watching;
  await connected();
  expect(events).toEqual(["connected"]);
});

test("tells how each request ended", async () => {
  const requests: boolean[] = [];
  const requested = (success: boolean) => requests.push(success);
  for (const script of [fine, refusing(-101), refusing(-5)]) {
    await using server = await ScriptedServer.start(script);
    const options = { servers: [server.address], sessionTimeoutMs: 30_000, maxFrameBytes: 1_000 };
    const zooKeeper = new ZooKeeperClient({ ...options, requested });
    await zooKeeper.connected(AbortSignal.timeout(10_000));
    await zooKeeper.getChildren("/a").catch(() => {});
    await zooKeeper[Symbol.asyncDispose]();
  }
  // That there is no such node (-101) is an answer.
  expect(requests).toEqual([true, true, false]);
});

test("a server that says nothing is left after a while", async () => {
  await using server = await ScriptedServer.start({ greet: () => {} }, fine);
  const { zooKeeper, connected } = clientOf(server, 1_000);
  await using _zooKeeper = zooKeeper;
  expect(await failure(zooKeeper.connected(AbortSignal.timeout(1)))).toContain("registry-unavailable");
  await connected();
  expect(server.greetings).toHaveLength(2);
});

test("begins anew where its session is unknown, at once and at the same server", async () => {
  const expired: Script = { greet: (connection) => connection.greet({ timeoutMs: 0, sessionId: 0n }) };
  const dropping: Script = { answer: (connection) => connection.hangUp() };
  await using server = await ScriptedServer.start(dropping, expired, fine);
  const { zooKeeper, events, connected } = clientOf(server);
  await using _zooKeeper = zooKeeper;
  await connected();
  await failure(zooKeeper.getChildren("/"));
  await connected();
  expect(events).toEqual(["connected", "disconnected", "expired", "connected"]);
  expect(server.greetings.map(({ sessionId }) => sessionId)).toEqual([0n, 5n, 0n]);
});

test("gives a session up that servers only hang up on", async () => {
  const short: Script = {
    greet: (connection) => connection.greet({ timeoutMs: 300 }),
    answer: (connection) => connection.hangUp(),
  };
  const lostItsData: Script = {
    greet(connection, { sessionId }) {
      if (sessionId === 0n) connection.greet();
      else connection.hangUp();
    },
  };
  await using server = await ScriptedServer.start(short, lostItsData);
  const { zooKeeper, events, connected } = clientOf(server);
  await using _zooKeeper = zooKeeper;
  await connected();
  await failure(zooKeeper.getChildren("/"));
  await connected();
  expect(events).toEqual(["connected", "disconnected", "expired", "connected"]);
});

test("asks a server for tree watches once, and costs one connection if that doesn't know them", async () => {
  const old: Script = {
    answer(connection, { xid }) {
      connection.send((writer) => writeError(writer, { xid, zxid: 0n, error: -6 }));
      connection.hangUp();
    },
  };
  await using server = await ScriptedServer.start(old, fine);
  const { zooKeeper, events, connected } = clientOf(server);
  await using _zooKeeper = zooKeeper;
  await connected();
  expect(await failure(zooKeeper.watchTree("/"))).toContain("knows no tree watches (3.6 does) and hangs up");
  await connected();
  expect(await zooKeeper.watchTree("/")).toBe(false);
  expect(await zooKeeper.getChildren("/", true)).toMatchObject({ names: ["a"] });
  expect(events).toEqual(["connected", "disconnected", "connected"]);
});

test("a server may have tree watches switched off", async () => {
  await using server = await ScriptedServer.start(refusing(-5));
  const { zooKeeper, connected } = clientOf(server);
  await using _zooKeeper = zooKeeper;
  await connected();
  expect([await zooKeeper.watchTree("/"), await zooKeeper.watchTree("/")]).toEqual([false, false]);
  expect(zooKeeper.requests.get("watchTree")).toBe(1);
});

test("a busy server's refusal says nothing about the node", async () => {
  await using server = await ScriptedServer.start(refusing(-127));
  const { zooKeeper, connected } = clientOf(server);
  await using _zooKeeper = zooKeeper;
  await connected();
  expect(await failure(zooKeeper.getChildren("/a"))).toBe(
    'registry-unavailable: ZooKeeper refused getChildren of "/a": other (-127)',
  );
});

test("refuses servers that are none", () => {
  const options = { servers: ["a:b"], sessionTimeoutMs: 1, maxFrameBytes: 1 };
  expect(() => new ZooKeeperClient(options)).toThrow('"a:b" is no ZooKeeper server');
});
