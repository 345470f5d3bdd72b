import { once } from "node:events";
import * as http2 from "node:http2";
import { connect as connectTcp } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { GrpcStatus } from "./grpc-call.ts";
import type { GrpcCall } from "./grpc-call.ts";
import { connect, echo, next, open, path, serve, statusOf, testTransport } from "./grpc-rig.ts";
import type { RawCall } from "./grpc-rig.ts";
import type { GrpcServer } from "./grpc-server.ts";

/** HTTP/2's preface and an empty SETTINGS frame: a client that never says anything again. */
const silentClient = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

function session(server: GrpcServer): http2.ClientHttp2Session {
  const session = http2.connect(`http://${server.address}`);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return session;
}

async function ping(session: http2.ClientHttp2Session): Promise<void> {
  await new Promise<void>((resolve) => session.ping(() => resolve()));
}

/** A call that has answered once: the server knows of it. */
async function openedCall(server: GrpcServer): Promise<RawCall> {
  const call = open(connect(server));
  call.write(Buffer.from("x"));
  await next(call);
  return call;
}

describe("keepalive", () => {
  test("closes the connection of a client that doesn't answer pings", async () => {
    const transport = await testTransport({ keepaliveInterval: 20, keepaliveTimeout: 100 });
    const server = await serve(echo, { transport });
    const socket = connectTcp(Number(server.address.split(":")[1]), "127.0.0.1");
    socket.on("error", () => {});
    socket.resume().write(silentClient);
    await once(socket, "close");
  });

  test("keeps idle clients that answer", async () => {
    const transport = await testTransport({ keepaliveInterval: 20, keepaliveTimeout: 1000 });
    const server = await serve(echo, { transport });
    const client = session(server);
    let pings = 0;
    await new Promise<void>((resolve) => client.on("ping", () => ++pings === 5 && resolve()));
    await ping(client);
    expect(client.closed).toBe(false);
  });
});

describe("pings of clients", () => {
  test("too many of them end the connection, with the reason that gRPC clients know", async () => {
    const closed: string[] = [];
    const server = await serve(echo, { closed });
    const client = session(server);
    const stream = client.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
    stream.on("error", () => {});
    await once(stream, "response");
    const wentAway = once(client, "goaway");
    for (let pings = 0; pings < 4; pings++) await ping(client);
    const [code, , data] = await wentAway;
    expect([code, String(data)]).toEqual([http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings"]);
    await expect.poll(() => closed).toEqual(["too many pings"]);
  });

  test("are fine while something is sent: clients in Go measure the bandwidth so", async () => {
    let call: GrpcCall | undefined;
    const server = await serve((opened) => {
      call = opened;
      return () => {};
    });
    const client = session(server);
    const stream = client.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
    await once(stream.resume(), "response");
    for (let pings = 0; pings < 20; pings++) {
      call?.send([Buffer.from("x")]);
      await ping(client);
    }
    expect(client.closed).toBe(false);
  });
});

describe("the end of a server", () => {
  test("sends clients away one after the other, within the drain time", async () => {
    const transport = await testTransport({ drainTime: 300 });
    const server = await serve(echo, { transport });
    const calls = await Promise.all(Array.from({ length: 12 }, () => openedCall(server)));
    const startMs = performance.now();
    const ended = Promise.all(calls.map(async (call) => {
      const { code } = await statusOf(call);
      return { code, atMs: performance.now() - startMs };
    }));
    await server[Symbol.asyncDispose]();
    const ends = await ended;
    expect(new Set(ends.map(({ code }) => code))).toEqual(new Set([GrpcStatus.unavailable]));
    const times = ends.map(({ atMs }) => atMs);
    expect(Math.max(...times)).toBeLessThan(1000);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(30);
  });

  test("doesn't wait for a client that takes nothing", async () => {
    const message = Buffer.alloc(8 * 1024 * 1024);
    const server = await serve((call) => () => call.send([message]));
    const client = session(server);
    const stream = client.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
    stream.on("error", () => {});
    stream.write(Buffer.alloc(5));
    await once(stream, "response");
    const startMs = performance.now();
    await server[Symbol.asyncDispose]();
    expect(performance.now() - startMs).toBeLessThan(2000);
  });
});
