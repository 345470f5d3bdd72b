import { Hono } from "hono";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { serveHttp, splitAddress } from "./http-server.ts";
import { Quota } from "./quota.ts";

test("connections beyond the limit are cut, and there is room again when others end", async () => {
  const refused: string[] = [];
  const app = new Hono().get("/", (c) => c.text("here"));
  const server = await serveHttp(app, "127.0.0.1:0", "a key", {
    connections: new Quota(10, 3),
    onRefusal: (address) => refused.push(address),
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const { port } = new URL(server.url);
  const open = async (): Promise<Socket> => {
    const socket = connect(Number(port), "127.0.0.1");
    socket.on("error", () => {});
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    // A head that never ends.
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n");
    return socket;
  };
  const slow = [await open(), await open(), await open()];
  const further = await open();
  await once(further, "close");
  expect(refused).toEqual(["127.0.0.1"]);
  slow[0]?.destroy();
  const isAnswered = async () => {
    const response = await fetch(server.url, { headers: { Connection: "close" } }).catch(() => undefined);
    return await response?.text();
  };
  await expect.poll(isAnswered).toBe("here");
});

test("what can't be listened on is quoted without a password", () => {
  expect(() => splitAddress("user:pa#ss@host")).toThrow(
    /^Cannot listen on "\*\*\*@host": it must be host:port/,
  );
});
