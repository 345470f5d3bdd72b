import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, connectivityState, credentials } from "@grpc/grpc-js";
import type { StatusObject } from "@grpc/grpc-js";
import { setTimeout as delay } from "node:timers/promises";
import type {
  DiscoveryRequest,
  DiscoveryResponse,
} from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { errorText } from "../../shared/runtime/errors.ts";
import { clockNonce, istiodNode } from "./node-identity.ts";

/** What to ask for, and where. */
export interface XdsClientOptions {
  /** `host:port`. */
  readonly address: string;
  readonly typeUrls: readonly string[];
  readonly revision: string | undefined;
  /** Called with each response before it is acknowledged. */
  readonly onResponse: (response: DiscoveryResponse) => void;
  /** Called with sentences for the user: what is waited for, what failed, what comes next. */
  readonly onNote: (text: string) => void;
}

/** A server that says nothing for so long is waiting for something itself, in milliseconds. */
const patienceMs = 5_000;

/** Pauses between attempts to connect, in milliseconds: doubled each time, spread by a fifth. */
const firstPauseMs = 500;
const longestPauseMs = 10_000;

const path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

const channelOptions = {
  "grpc.max_receive_message_length": -1,
  // As istiod: a server that is gone without a word is noticed.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  // The library's own pauses between attempts are shared and grow to two minutes; ours take their place.
  "grpc.use_local_subchannel_pool": 1,
};

/**
 * Follows a server as a stock istiod does, state of the world over one stream: one request per type, written without
 * waiting for answers, then an ACK with version and nonce for each response. Connects again, for ever, until the
 * signal aborts.
 */
export async function followXds(options: XdsClientOptions, signal: AbortSignal): Promise<void> {
  const { address, onNote } = options;
  let pauseMs = firstPauseMs;
  let wasConnected = false;
  while (!signal.aborted) {
    const { reason, answered } = await runStream(options, wasConnected, signal);
    if (signal.aborted) return;
    if (answered) pauseMs = firstPauseMs;
    wasConnected ||= answered;
    const waitMs = Math.round(pauseMs * (0.8 + Math.random() * 0.4));
    const what = answered ? "lost the connection to" : "no connection to";
    onNote(`${what} ${address}: ${reason}; trying again in ${(waitMs / 1000).toFixed(1)} s`);
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }
}

/** Runs one stream until it ends; says why it ended and whether the server ever answered. */
async function runStream(
  options: XdsClientOptions,
  isReconnect: boolean,
  signal: AbortSignal,
): Promise<{ readonly reason: string; readonly answered: boolean }> {
  const { address, typeUrls, revision, onResponse, onNote } = options;
  const node = istiodNode(revision);
  const client = new Client(address, credentials.createInsecure(), channelOptions);
  const call = client.makeBidiStreamRequest(path, serialize, deserialize);
  const unanswered = new Set(typeUrls);
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  let answered = false;

  call.on("data", (response: DiscoveryResponse) => {
    if (!answered && isReconnect) onNote(`connected to ${address} again`);
    answered = true;
    const { typeUrl, versionInfo, nonce } = response;
    if (typeUrls.includes(typeUrl)) {
      unanswered.delete(typeUrl);
      onResponse(response);
    } else onNote(`ignoring a response of type ${typeUrl}, which nobody asked for`);
    if (!signal.aborted) {
      call.write(create(DiscoveryRequestSchema, { node, typeUrl, versionInfo, responseNonce: nonce }));
    }
  });
  call.on("error", (error: Error & Partial<StatusObject>) => end(reasonOf(error)));
  call.on("end", () => end("the server ended the stream"));
  const stop = () => end("stopped");
  signal.addEventListener("abort", stop, { once: true });
  const patience = setTimeout(() => {
    const connected = client.getChannel().getConnectivityState(false) === connectivityState.READY;
    if (unanswered.size > 0) onNote(waitingText(address, [...unanswered], connected));
  }, patienceMs);
  try {
    if (signal.aborted) stop();
    for (const typeUrl of typeUrls) {
      const responseNonce = clockNonce(new Date(), performance.now());
      call.write(create(DiscoveryRequestSchema, { node, typeUrl, responseNonce }));
    }
    return { reason: await ended, answered };
  } finally {
    clearTimeout(patience);
    signal.removeEventListener("abort", stop);
    call.cancel();
    client.close();
  }
}

/** What failed, without the words that grpc-js puts around it. */
function reasonOf(error: Error & Partial<StatusObject>): string {
  const details = error.details || errorText(error);
  return /Last error: (?:Error: )?(.+?)\.? Resolution note:/.exec(details)?.[1] ?? details;
}

function waitingText(address: string, typeUrls: readonly string[], connected: boolean): string {
  if (!connected) return `still connecting to ${address}`;
  const host = address.slice(0, address.lastIndexOf(":"));
  return `connected to ${address}, waiting for its answer about ${
    typeUrls.join(", ")
  }: it isn't ready before all its ` +
    `sources are read; http://${host}:8081/meshregistry/ready (the debug API) tells what is missing`;
}

function serialize(request: DiscoveryRequest): Buffer {
  return Buffer.from(toBinary(DiscoveryRequestSchema, request));
}

function deserialize(bytes: Buffer): DiscoveryResponse {
  return fromBinary(DiscoveryResponseSchema, bytes);
}
