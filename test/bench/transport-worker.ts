import { connect, createServer } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import { z } from "zod";
import { ArrivalBudget } from "../../services/aggregator/grpc/arrival-budget.ts";
import { GrpcCall } from "../../services/aggregator/grpc/grpc-call.ts";
import { ownUsage } from "./process-usage.ts";
import { serveCommands } from "./worker.ts";

/** Either side of the measurement `transport`: a server that sends one message to all, or clients that count bytes. */

const ListenInput = z.object({ how: z.enum(["bare", "grpc"]), messageBytes: z.number() });
const ConnectInput = z.object({ port: z.number(), clients: z.number(), messageBytes: z.number() });
const ReceivedInput = z.object({ messages: z.number() });

const prefixBytes = 5;

/** As many as the cache has segments. */
const pieceCount = 64;

const senders: (() => void)[] = [];
const receivers: { bytes: number }[] = [];
let expectedBytes = 0;
let onBytes = () => {};

function bareSender(stream: ServerHttp2Stream, message: Buffer): () => void {
  stream.respond({ ":status": 200 });
  return () => {
    stream.write(Buffer.alloc(prefixBytes));
    stream.write(message);
  };
}

const limits = { maxRequestBytes: 1024, requestTimeout: 0, arriving: new ArrivalBudget(1024) };

function grpcSender(stream: ServerHttp2Stream, pieces: readonly Buffer[]): () => void {
  const call = new GrpcCall(stream, "");
  call.start({ onMessage: () => {}, onHalfClose: () => {}, onClose: () => {} }, limits, () => {});
  return () => call.send(pieces);
}

serveCommands({
  /** Answers the port. */
  listen: async (input) => {
    const { how, messageBytes } = ListenInput.parse(input);
    const message = Buffer.alloc(messageBytes, 1);
    const pieces = Array.from({ length: pieceCount }, () => Buffer.alloc(messageBytes / pieceCount, 1));
    const server = createServer();
    server.on("stream", (stream) => {
      stream.on("error", () => {});
      senders.push(how === "bare" ? bareSender(stream, message) : grpcSender(stream, pieces));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const address = server.address();
    return typeof address === "object" ? address?.port ?? 0 : 0;
  },
  connect: async (input) => {
    const { port, clients, messageBytes } = ConnectInput.parse(input);
    expectedBytes = messageBytes + prefixBytes;
    const windows = { settings: { initialWindowSize: 4 * 2 ** 20 } };
    await Promise.all(Array.from({ length: clients }, async () => {
      const session = connect(`http://127.0.0.1:${port}`, windows);
      session.on("connect", () => session.setLocalWindowSize(16 * 2 ** 20));
      const headers = { ":method": "POST", ":path": "/", "content-type": "application/grpc", te: "trailers" };
      const stream = session.request(headers);
      const receiver = { bytes: 0 };
      receivers.push(receiver);
      stream.on("data", (chunk: Buffer) => {
        receiver.bytes += chunk.length;
        onBytes();
      });
      await new Promise((resolve) => stream.once("response", resolve));
    }));
    return null;
  },
  push: () => {
    for (const send of senders) send();
    return null;
  },
  /** Answers when every client has had so many messages. */
  received: async (input) => {
    const { messages } = ReceivedInput.parse(input);
    await new Promise<void>((resolve) => {
      onBytes = () => {
        if (receivers.every(({ bytes }) => bytes >= messages * expectedBytes)) resolve();
      };
      onBytes();
    });
    return null;
  },
  usage: () => ownUsage(),
});
