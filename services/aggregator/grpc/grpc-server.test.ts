import * as grpc from "@grpc/grpc-js";
import { connect } from "node:http2";
import { describe, expect, onTestFinished, test } from "vitest";
import { GrpcStatus } from "./grpc-call.ts";
import type { GrpcCall } from "./grpc-call.ts";
import { GrpcServer } from "./grpc-server.ts";

const path = "/test.Echo/Echo";
const same = (bytes: Buffer) => bytes;

/** A server whose only method is handed to `onCall`; what that answers gets the messages. */
async function serve(
  onCall: (call: GrpcCall) => (message: Buffer) => void,
  closed: string[] = [],
): Promise<GrpcServer> {
  const methods = new Map([[path, (call: GrpcCall) => {
    const onMessage = onCall(call);
    return { onMessage, onClose: (reason: string) => void closed.push(reason) };
  }]]);
  const server = await GrpcServer.listen({ address: "127.0.0.1:0", methods });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

function echo(call: GrpcCall) {
  return (message: Buffer) => call.send([message]);
}

/** A foreign client: never our own code on both ends. */
function open(server: GrpcServer, method = path): grpc.ClientDuplexStream<Buffer, Buffer> {
  const client = new grpc.Client(server.address, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  onTestFinished(() => client.close());
  return client.makeBidiStreamRequest(method, same, same);
}

function statusOf(call: grpc.ClientDuplexStream<Buffer, Buffer>): Promise<grpc.StatusObject> {
  call.on("error", () => {});
  call.resume();
  return new Promise((resolve) => call.on("status", resolve));
}

function next(call: grpc.ClientDuplexStream<Buffer, Buffer>): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    call.once("data", resolve);
    call.once("error", reject);
  });
}

describe("GrpcServer", () => {
  test("carries messages both ways, small, empty and large, in order", async () => {
    const call = open(await serve(echo));
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
    const calls = [open(server), open(server)];
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
    const session = connect(`http://${server.address}`);
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

  test("answers a method that isn't there as unimplemented", async () => {
    const status = await statusOf(open(await serve(echo), "/test.Echo/Other"));
    expect(status).toMatchObject({ code: GrpcStatus.unimplemented, details: "no method /test.Echo/Other" });
  });

  test("ends a call whose message can't be used, and only that", async () => {
    const server = await serve((call) => (message) => {
      if (message.length > 0) throw new TypeError("unusable");
      call.send([message]);
    });
    const [bad, good] = [open(server), open(server)];
    bad.write(Buffer.from("x"));
    expect(await statusOf(bad)).toMatchObject({ code: GrpcStatus.invalidArgument, details: "unusable" });
    good.write(Buffer.alloc(0));
    expect((await next(good)).length).toBe(0);
    good.cancel();
  });

  test("ends a call whose message is too long", async () => {
    const call = open(await serve(echo));
    call.write(Buffer.alloc(5 * 1024 * 1024));
    expect(await statusOf(call)).toMatchObject({ code: GrpcStatus.invalidArgument });
  });

  test("tells once that a client left", async () => {
    const closed: string[] = [];
    const call = open(await serve(echo, closed));
    call.write(Buffer.from("x"));
    await next(call);
    call.on("error", () => {});
    call.cancel();
    await expect.poll(() => closed.length).toBe(1);
  });

  test("answers what isn't gRPC with 415", async () => {
    const server = await serve(echo);
    const session = connect(`http://${server.address}`);
    onTestFinished(() => session.destroy());
    const stream = session.request({ ":method": "GET", ":path": path });
    const status = await new Promise((resolve) =>
      stream.once("response", (headers) => resolve(headers[":status"]))
    );
    expect(status).toBe(415);
  });

  test("ends its calls as unavailable when it stops", async () => {
    const closed: string[] = [];
    const server = await serve(echo, closed);
    const call = open(server);
    call.write(Buffer.from("x"));
    await next(call);
    const status = statusOf(call);
    await server[Symbol.asyncDispose]();
    expect(await status).toMatchObject({ code: GrpcStatus.unavailable });
    expect(closed).toEqual(["server is stopping"]);
  });

  test("says what to do about a port that is taken", async () => {
    const { address } = await serve(echo);
    await expect(GrpcServer.listen({ address, methods: new Map() })).rejects.toThrow(
      /EADDRINUSE.*--xds or mcp\.serverUrl/,
    );
  });
});
