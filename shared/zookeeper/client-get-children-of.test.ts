import { expect, test } from "vitest";
import { errorText, isMeshError } from "../runtime/errors.ts";
import { ZooKeeperClient } from "./client.ts";
import { answerWell, ScriptedServer } from "./scripted-server-rig.ts";
import type { Script } from "./scripted-server-rig.ts";
import { errorCodes } from "./wire/codes.ts";
import { writeError, writeEvent, writeReply } from "./wire/replies.ts";

/** Has tree watches, and answers everything as it should but reads of several nodes. */
const answering = (multiRead: NonNullable<Script["answer"]>): Script => ({
  answer(connection, received) {
    if (received.request?.op === "multiRead") multiRead(connection, received);
    else answerWell(connection, received);
  },
});

async function failure(request: Promise<unknown>): Promise<string> {
  try {
    await request;
    return "no failure";
  } catch (error) {
    return `${isMeshError(error, "protocol-violation") ? "protocol-violation" : "other"}: ${
      errorText(error)
    }`;
  }
}

/** A client with a tree watch. */
async function following(server: ScriptedServer) {
  const zooKeeper = new ZooKeeperClient({
    servers: [server.address],
    sessionTimeoutMs: 30_000,
    maxFrameBytes: 1_000,
  });
  await zooKeeper.connected(AbortSignal.timeout(10_000));
  await zooKeeper.watchTree("/");
  return zooKeeper;
}

test("answers come before the event that follows them", async () => {
  await using server = await ScriptedServer.start(
    answering((connection, { xid }) =>
      connection.send((writer) => {
        writeReply(writer, xid, 1n, "multiRead", { results: [["a"], ["b"]] });
        writeEvent(writer, 2n, { type: "created", path: "/a/c" });
      })
    ),
  );
  await using zooKeeper = await following(server);
  const order: string[] = [];
  zooKeeper.onWatch(({ path }) => order.push(path));
  await Promise.all(
    zooKeeper.getChildrenOf(["/a", "/b"]).map(async (list) => order.push(...(await list ?? []))),
  );
  await expect.poll(() => order).toEqual(["a", "b", "/a/c"]);
});

test("reads nodes one by one where reading several is refused", async () => {
  await using server = await ScriptedServer.start(
    answering((connection, { xid }) =>
      connection.send((writer) => writeError(writer, { xid, zxid: 1n, error: errorCodes.marshalling }))
    ),
  );
  await using zooKeeper = await following(server);
  for (const _ of [1, 2]) {
    expect(await Promise.all(zooKeeper.getChildrenOf(["/a", "/b"]))).toEqual([["a"], ["a"]]);
  }
  expect(Object.fromEntries(zooKeeper.requests)).toEqual({ watchTree: 1, getChildrenOf: 1, getChildren: 4 });
});

test("connects again to a server that doesn't know how to read several nodes, and reads them one by one", async () => {
  await using server = await ScriptedServer.start(
    answering((connection, { xid }) => {
      connection.send((writer) => writeError(writer, { xid, zxid: 1n, error: errorCodes.unimplemented }));
      connection.hangUp();
    }),
  );
  await using zooKeeper = new ZooKeeperClient({
    servers: [server.address],
    sessionTimeoutMs: 30_000,
    maxFrameBytes: 1_000,
  });
  await zooKeeper.connected(AbortSignal.timeout(10_000));
  const [a, b] = zooKeeper.getChildrenOf(["/a", "/b"]).map(failure);
  expect(await a).toBe(
    `other: ZooKeeper at ${server.address} knows no reads of several nodes (3.6 does) and hangs up: connecting again`,
  );
  expect(await b).toBe(await a);
  await zooKeeper.connected(AbortSignal.timeout(10_000));
  expect(await Promise.all(zooKeeper.getChildrenOf(["/a", "/b"]))).toEqual([["a"], ["a"]]);
});

test("reads nodes one by one after an answer for several was too large", async () => {
  await using server = await ScriptedServer.start(
    answering((connection) => connection.send((writer) => writer.int(1_001))),
  );
  await using zooKeeper = await following(server);
  const [a, b] = zooKeeper.getChildrenOf(["/a", "/b"]).map(failure);
  expect([await a, await b].map((text) => text?.slice(0, 18))).toEqual(Array(2).fill("protocol-violation"));
  await zooKeeper.connected(AbortSignal.timeout(10_000));
  await zooKeeper.watchTree("/");
  expect(await Promise.all(zooKeeper.getChildrenOf(["/a", "/b"]))).toEqual([["a"], ["a"]]);
});

test("an answer for fewer nodes than were asked for fails them all, once", async () => {
  await using server = await ScriptedServer.start(
    answering((connection, { xid }) =>
      connection.send((writer) => writeReply(writer, xid, 1n, "multiRead", { results: [["a"]] }))
    ),
  );
  await using zooKeeper = await following(server);
  const failures = await Promise.all(zooKeeper.getChildrenOf(["/a", "/b"]).map(failure));
  const text = `protocol-violation: ZooKeeper at ${server.address} answered for 1 of 2 nodes`;
  expect(failures).toEqual([text, text]);
  expect(await Promise.all(zooKeeper.getChildrenOf(["/a", "/b"]))).toEqual([["a"], ["a"]]);
});
