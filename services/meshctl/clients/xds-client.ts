import { Client, connectivityState } from "@grpc/grpc-js";
import type { StatusObject } from "@grpc/grpc-js";
import { errorText } from "../../../shared/runtime/errors.ts";
import { grpcCredentials, grpcNameOptions } from "../../../shared/runtime/grpc-credentials.ts";
import { keepConnecting, tellOfWaiting } from "./connecting.ts";
import type { Exchange, FollowOptions, FollowServer, GrpcDialect } from "./dialect-client.ts";
import { failureText } from "./grpc-failure.ts";

const channelOptions = {
  "grpc.max_receive_message_length": -1,
  // As istiod: a server that is gone without a word is noticed.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  // The library's own pauses between attempts are shared and grow to two minutes; ours take their place.
  "grpc.use_local_subchannel_pool": 1,
};

/** A client of a dialect over gRPC: one stream for all types. */
export function xdsClient(dialect: GrpcDialect): FollowServer {
  return async (options, signal) => {
    await keepConnecting(options, (onAnswer) => runStream(dialect, options, onAnswer, signal), signal);
  };
}

/** Runs one stream until it ends; says why it ended. */
async function runStream(
  { path, converse }: GrpcDialect,
  options: FollowOptions,
  onAnswer: () => void,
  signal: AbortSignal,
): Promise<string> {
  const { address, typeUrls, tls, onUpdate, onNote } = options;
  const client = new Client(address, grpcCredentials(tls, address), {
    ...channelOptions,
    ...grpcNameOptions(tls, address),
  });
  const call = client.makeBidiStreamRequest(path, asBuffer, asBuffer);
  const conversation = converse(options);
  const unanswered = new Set(typeUrls);
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();

  call.on("data", (message: Buffer) => {
    let exchange: Exchange;
    try {
      exchange = conversation.take(message);
    } catch (error) {
      return end(`a response can't be decoded: ${errorText(error)}`);
    }
    onAnswer();
    const { update, reply } = exchange;
    if (typeUrls.includes(update.typeUrl)) {
      unanswered.delete(update.typeUrl);
      onUpdate(update);
    } else onNote(`ignoring a response of type ${update.typeUrl}, which nobody asked for`);
    if (reply !== undefined && !signal.aborted) call.write(reply);
  });
  call.on("error", (error: Error & Partial<StatusObject>) => {
    end(failureText({ code: error.code, details: error.details || errorText(error) }, tls !== undefined));
  });
  call.on("end", () => end("the server ended the stream"));
  const stop = () => end("stopped");
  signal.addEventListener("abort", stop, { once: true });
  const isConnected = () => client.getChannel().getConnectivityState(false) === connectivityState.READY;
  using _patience = tellOfWaiting(options, unanswered, isConnected);
  try {
    if (signal.aborted) stop();
    for (const request of conversation.begin()) call.write(request);
    return await ended;
  } finally {
    signal.removeEventListener("abort", stop);
    call.cancel();
    client.close();
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
