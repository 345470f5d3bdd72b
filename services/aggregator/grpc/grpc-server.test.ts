import * as http2 from "node:http2";
import { connect as connectTcp } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { GrpcStatus } from "./grpc-call.ts";
import { connect, echo, next, open, path, serve, statusOf, testTransport } from "./grpc-rig.ts";
import { GrpcServer } from "./grpc-server.ts";

describe("GrpcServer", () => {
  test("carries messages both ways, small, empty and large, in order", async () => {
    const call = open(connect(await serve(echo)));
    for (const size of [0, 1, 16 * 1024, 16 * 1024 + 1, 3 * 1024 * 1024]) {
      const message = Buffer.alloc(size, size % 251);
      call.write(message);
      expect((await next(call)).equals(message)).toBe(true);
    }
    call.end();
    expect(await statusOf(call)).toMatchObject({ code: GrpcStatus.ok });
  });

  test("sends shared pieces as one message", async () => {
    const pieces = [Buffer.from("a"), Buffer.alloc(100_000, "b"), Buffer.alloc(0), Buffer.alloc(50_000, "c")];
    const server = await serve((call) => () => call.send(pieces));
    const calls = [open(connect(server)), open(connect(server))];
    for (const call of calls) call.write(Buffer.alloc(0));
    for (const message of await Promise.all(calls.map(next))) {
      expect(message.equals(Buffer.concat(pieces))).toBe(true);
    }
    for (const call of calls) call.cancel();
  });

  test("sends a client that doesn't read no more than it takes, and the rest later", async () => {
    const message = Buffer.alloc(32 * 1024 * 1024, "x");
    const slice = 64 * 1024;
    const pieces = Array.from(
      { length: message.length / slice },
      (_, i) => message.subarray(i * slice, (i + 1) * slice),
    );
    const server = await serve((call) => () => call.send(pieces));
    const session = http2.connect(`http://${server.address}`);
    onTestFinished(() => session.destroy());
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.write(Buffer.from([0, 0, 0, 0, 0]));
    await new Promise((resolve) => stream.once("response", resolve));
    let received = 0;
    await new Promise<void>((resolve) => {
      stream.on("data", (chunk: Buffer) => {
        received += chunk.length;
        if (received === message.length + 5) resolve();
      });
    });
    expect(received).toBe(message.length + 5);
  });

  test("drops a client, in the middle of a message or not", async () => {
    const message = Buffer.alloc(16 * 1024 * 1024);
    const server = await serve((call) => (asked) => {
      call.send([asked.length === 0 ? asked : message]);
      call.drop(GrpcStatus.unavailable, "no ACK for 5m");
    });
    const idle = open(connect(server));
    idle.write(Buffer.alloc(0));
    expect(await statusOf(idle)).toMatchObject({ code: GrpcStatus.unavailable, details: "no ACK for 5m" });
    const stalled = open(connect(server));
    stalled.write(Buffer.from("x"));
    expect((await statusOf(stalled)).code).toBe(GrpcStatus.unavailable);
  });

  test("answers a method that isn't there as unimplemented", async () => {
    const status = await statusOf(open(connect(await serve(echo)), "/test.Echo/Other"));
    expect(status).toMatchObject({ code: GrpcStatus.unimplemented, details: "no method /test.Echo/Other" });
  });

  test("ends a call whose message can't be used, and only that", async () => {
    const server = await serve((call) => (message) => {
      if (message.length > 0) throw new TypeError("unusable");
      call.send([message]);
    });
    const [bad, good] = [open(connect(server)), open(connect(server))];
    bad.write(Buffer.from("x"));
    expect(await statusOf(bad)).toMatchObject({ code: GrpcStatus.invalidArgument, details: "unusable" });
    good.write(Buffer.alloc(0));
    expect((await next(good)).length).toBe(0);
    good.cancel();
  });

  test("ends a call whose message is too long", async () => {
    const call = open(connect(await serve(echo)));
    call.write(Buffer.alloc(5 * 1024 * 1024));
    expect(await statusOf(call)).toMatchObject({
      code: GrpcStatus.resourceExhausted,
      details: "gRPC message has 5242880 bytes, at most 4194304 are taken (xds.maxRequestBytes)",
    });
  });

  test("tells once that a client left", async () => {
    const closed: string[] = [];
    const call = open(connect(await serve(echo, { closed })));
    call.write(Buffer.from("x"));
    await next(call);
    call.on("error", () => {});
    call.cancel();
    await expect.poll(() => closed.length).toBe(1);
  });

  test("answers what isn't gRPC with 415", async () => {
    const server = await serve(echo);
    const session = http2.connect(`http://${server.address}`);
    onTestFinished(() => session.destroy());
    const stream = session.request({ ":method": "GET", ":path": path });
    const status = await new Promise((resolve) =>
      stream.once("response", (headers) => resolve(headers[":status"]))
    );
    expect(status).toBe(415);
  });

  test("ends its calls as unavailable when it stops", async () => {
    const closed: string[] = [];
    const server = await serve(echo, { closed });
    const call = open(connect(server));
    call.write(Buffer.from("x"));
    await next(call);
    const status = statusOf(call);
    await server[Symbol.asyncDispose]();
    expect(await status).toMatchObject({ code: GrpcStatus.unavailable });
    expect(closed).toEqual(["server is stopping"]);
  });

  test("says what to do about a port that is taken", async () => {
    const { address } = await serve(echo);
    await expect(GrpcServer.listen({ address, methods: new Map(), transport: await testTransport() })).rejects
      .toThrow(
        /EADDRINUSE.*--xds or mcp\.serverUrl/,
      );
  });

  test("refuses streams over the limit, on all listeners together, until others have ended", async () => {
    const transport = await testTransport({ maxStreams: 2, maxStreamsPerAddress: 2 });
    const [a, b] = [await serve(echo, { transport }), await serve(echo, { transport })];
    const first = open(connect(a));
    const second = open(connect(b));
    for (const call of [first, second]) {
      call.write(Buffer.from("x"));
      await next(call);
    }
    const refused = await statusOf(open(connect(a)));
    expect(refused).toMatchObject({
      code: GrpcStatus.resourceExhausted,
      details: expect.stringContaining("xds.maxStreams"),
    });
    first.end();
    expect(await statusOf(first)).toMatchObject({ code: GrpcStatus.ok });
    await expect.poll(async () => {
      const call = open(connect(b));
      call.write(Buffer.from("x"));
      call.end();
      return (await statusOf(call)).code;
    }).toBe(GrpcStatus.ok);
    second.cancel();
  });

  test("ends the connection of a client that sends no HTTP/2, and serves the others", async () => {
    const server = await serve(echo);
    const [, port] = server.address.split(":");
    const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for (
      const bytes of [Buffer.from("GET / HTTP/1.1\r\n\r\n"), Buffer.from(`${preface}${"x".repeat(100)}`)]
    ) {
      const socket = connectTcp(Number(port), "127.0.0.1");
      socket.on("error", () => {});
      socket.resume().write(bytes);
      await new Promise((resolve) => socket.once("close", resolve));
    }
    const call = open(connect(server));
    call.write(Buffer.from("x"));
    expect((await next(call)).toString()).toBe("x");
    call.cancel();
  });
});
