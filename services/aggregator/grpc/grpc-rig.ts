import * as grpc from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import { createLogger } from "../../../shared/runtime/log.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { GrpcCall } from "./grpc-call.ts";
import { GrpcServer } from "./grpc-server.ts";
import type { GrpcMethods } from "./grpc-server.ts";
import { defaultTransportSettings, Transport } from "./transport.ts";
import type { TransportSettings } from "./transport.ts";

/** The path of the test servers' method. */
export const path = "/test.Echo/Echo";

/** A logger that says nothing. */
export function silentLog(): Logger {
  const log = createLogger("test");
  log.level = "silent";
  return log;
}

/** The defaults of the configuration but for a smaller limit and no pings, and what a test wants otherwise. */
export function testSettings(settings: Partial<TransportSettings> = {}): TransportSettings {
  return { ...defaultTransportSettings, maxRequestBytes: 4 * 1024 * 1024, keepaliveInterval: 0, ...settings };
}

/** A transport that is closed with the test. */
export async function testTransport(
  settings: Partial<TransportSettings> = {},
  log = silentLog(),
  countRefusal: (reason: string) => void = () => {},
): Promise<Transport> {
  const transport = await Transport.open(testSettings(settings), log, countRefusal);
  onTestFinished(() => transport[Symbol.dispose]());
  return transport;
}

/** A server of these methods on a free port, closed with the test. */
export async function listen(methods: GrpcMethods, transport?: Transport): Promise<GrpcServer> {
  const server = await GrpcServer.listen({
    address: "127.0.0.1:0",
    methods,
    transport: transport ?? await testTransport(),
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** A server whose only method is handed to `onCall`; what that answers gets the messages. */
export async function serve(
  onCall: (call: GrpcCall) => (message: Buffer) => void,
  { closed = [], transport }: { readonly closed?: string[]; readonly transport?: Transport } = {},
): Promise<GrpcServer> {
  const method = (call: GrpcCall) => {
    const onMessage = onCall(call);
    return { onMessage, onClose: (reason: string) => void closed.push(reason) };
  };
  return await listen(new Map([[path, method]]), transport);
}

/** For {@link serve}: answers each message with itself. */
export function echo(call: GrpcCall) {
  return (message: Buffer) => call.send([message]);
}

const same = (bytes: Buffer) => bytes;

/** A client's side of a call in bytes. */
export type RawCall = grpc.ClientDuplexStream<Buffer, Buffer>;

/** A foreign client (never our own code on both ends), on a connection of its own, closed with the test. */
export function connect(
  server: GrpcServer,
  credentials = grpc.credentials.createInsecure(),
  options: grpc.ChannelOptions = {},
): grpc.Client {
  const client = new grpc.Client(server.address, credentials, {
    // An IP address is no server name for TLS: Node 26 refuses what Node 24 warned of.
    "grpc.ssl_target_name_override": "localhost",
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

/** Opens a call of any method in bytes. */
export function open(client: grpc.Client, method = path): RawCall {
  return client.makeBidiStreamRequest(method, same, same);
}

/** How the call ends. */
export function statusOf(call: RawCall): Promise<grpc.StatusObject> {
  call.on("error", () => {});
  call.resume();
  return new Promise((resolve) => call.on("status", resolve));
}

/** The call's next message. */
export function next(call: RawCall): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    call.once("data", resolve);
    call.once("error", reject);
  });
}
