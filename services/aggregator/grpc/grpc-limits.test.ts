import { once } from "node:events";
import * as http2 from "node:http2";
import { describe, expect, onTestFinished, test } from "vitest";
import { GrpcStatus } from "./grpc-call.ts";
import type { GrpcCall } from "./grpc-call.ts";
import { connect, echo, listen, next, open, path, serve, statusOf, testTransport } from "./grpc-rig.ts";
import type { GrpcServer } from "./grpc-server.ts";
import { callHeaders, emptySettings, preface, rawConnection } from "./raw-http2-rig.ts";

const methods = new Map([[path, (call: GrpcCall) => ({ onMessage: echo(call), onClose() {} })]]);
const requestTimeout = 300;
/** For machines that do other things as well. */
const patience = { timeout: 10_000 };

/** Calls on one connection, in bare HTTP/2: gRPC's own clients would hold back what the server doesn't allow. */
class Attacker {
  readonly #session: http2.ClientHttp2Session;
  readonly statuses: string[] = [];

  constructor(server: GrpcServer) {
    this.#session = http2.connect(`http://${server.address}`);
    this.#session.on("error", () => {});
    onTestFinished(() => this.#session.destroy());
  }

  call(): http2.ClientHttp2Stream {
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
    const stream = this.#session.request(headers, { endStream: false });
    stream.on("error", () => {});
    const note = (headers: http2.IncomingHttpHeaders) => {
      if (headers["grpc-status"] !== undefined) this.statuses.push(String(headers["grpc-status"]));
    };
    stream.on("response", note).on("trailers", note).resume();
    return stream;
  }
}

/** Another client is served. */
async function expectServed(server: GrpcServer): Promise<void> {
  const call = open(connect(server));
  call.write(Buffer.from("x"));
  expect((await next(call)).toString()).toBe("x");
  call.cancel();
}

/** The beginning of a message of that length. */
function begun(length: number, sent: number): Buffer {
  const bytes = Buffer.alloc(5 + sent);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

describe("one client", { timeout: 20_000 }, () => {
  test("with 1,000 silent streams on one connection doesn't lock others out", async () => {
    const server = await listen(methods, await testTransport({ requestTimeout: 0 }));
    const attacker = new Attacker(server);
    for (let streams = 0; streams < 1000; streams++) attacker.call();
    await expectServed(server);
  });

  test("may have half of all streams, on however many connections, unless it is said otherwise", async () => {
    const transport = await testTransport({ maxStreams: 4 });
    const server = await listen(methods, transport);
    for (let calls = 0; calls < 2; calls++) {
      const call = open(connect(server));
      call.write(Buffer.from("x"));
      await next(call);
      onTestFinished(() => call.cancel());
    }
    expect(await statusOf(open(connect(server)))).toMatchObject({
      code: GrpcStatus.resourceExhausted,
      details: expect.stringContaining("xds.maxStreamsPerAddress"),
    });
    expect(transport.streams.take("192.0.2.7")).toBeUndefined();
  });

  test("that asks nothing is sent away, and is counted", async () => {
    const reasons: string[] = [];
    const transport = await testTransport({ requestTimeout }, undefined, (reason) => reasons.push(reason));
    const server = await listen(methods, transport);
    const attacker = new Attacker(server);
    for (let streams = 0; streams < 5; streams++) attacker.call();
    await expect.poll(() => attacker.statuses, patience).toEqual(Array.from({ length: 5 }, () => "4"));
    expect(reasons).toEqual(Array.from({ length: 5 }, () => "slow-request"));
  });

  test.each([
    ["says nothing", Buffer.alloc(0)],
    ["speaks HTTP/2 and makes no call", Buffer.concat([preface, emptySettings])],
  ])("that %s is cut off", async (_, bytes) => {
    const server = await listen(methods, await testTransport({ requestTimeout }));
    const client = rawConnection(server.address);
    client.resume().write(bytes);
    await once(client, "end");
  });

  test("that has asked once may be silent for as long as it likes", async () => {
    const server = await listen(methods, await testTransport({ requestTimeout: 50 }));
    const call = open(connect(server));
    call.write(Buffer.from("x"));
    await next(call);
    const idle = rawConnection(server.address);
    idle.resume();
    // This one is cut after the same time.
    await once(idle, "end");
    call.write(Buffer.from("y"));
    expect((await next(call)).toString()).toBe("y");
    call.cancel();
  });

  test("may not have any number of connections", async () => {
    const transport = await testTransport({ maxStreams: 2, requestTimeout: 0 });
    const server = await listen(methods, transport);
    const clients = Array.from({ length: 150 }, () => rawConnection(server.address).resume());
    let closed = 0;
    for (const client of clients) client.once("end", () => closed++);
    await expect.poll(() => closed, patience).toBe(48);
  });
});

describe("requests that don't end", { timeout: 20_000 }, () => {
  test("hold no more than one of the longest, all together", async () => {
    // The client holds no more than 10 MB of what it wants to send.
    const bytes = 512 * 1024;
    const transport = await testTransport({ maxRequestBytes: bytes, requestTimeout: 0 });
    const server = await listen(methods, transport);
    const attacker = new Attacker(server);
    for (let calls = 0; calls < 8; calls++) attacker.call().write(begun(bytes, bytes - 100));
    await expect.poll(() => transport.arriving.used, patience).toBeGreaterThan(0);
    await expectServed(server);
    expect(transport.arriving.used).toBeLessThanOrEqual(bytes + 5);
  });

  test("give their place to others when their time is over", async () => {
    const transport = await testTransport({ maxRequestBytes: 1024 * 1024, requestTimeout });
    const server = await listen(methods, transport);
    const attacker = new Attacker(server);
    for (let calls = 0; calls < 3; calls++) attacker.call().write(begun(1024 * 1024, 500_000));
    await expect.poll(() => transport.arriving.used, patience).toBeGreaterThan(0);
    const call = open(connect(server));
    const message = Buffer.alloc(900_000, "y");
    call.write(message);
    expect((await next(call)).length).toBe(message.length);
    call.cancel();
    await expect.poll(() => transport.arriving.used, patience).toBe(0);
    expect(attacker.statuses).toEqual(["4", "4", "4"]);
  });

  test("leave no trace when their connection is cut", async () => {
    const transport = await testTransport({ requestTimeout: 0 });
    const server = await serve(echo, { transport });
    const client = rawConnection(server.address);
    client.write(Buffer.concat([preface, emptySettings, callHeaders(1)]));
    await once(client, "data");
    client.destroy();
    await expect.poll(() => transport.streams.take("127.0.0.1"), patience).toBeUndefined();
    transport.streams.release("127.0.0.1");
  });
});
