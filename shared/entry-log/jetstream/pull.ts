import type { Msg, MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import type { NatsLink } from "./connection.ts";
import { ReplyQueue } from "./queue.ts";

/** A message as a consumer delivers it. */
export interface Delivery {
  readonly subject: string;
  /** Its place in the stream. */
  readonly sequence: number;
  /** Its place in what this consumer delivered, without gaps from 1 on. */
  readonly deliverySequence: number;
  /** When it was stored, in nanoseconds since 1970, as exact as a number can be (a quarter of a microsecond). */
  readonly timeNanos: number;
  /** How many messages the consumer had left at that moment. */
  readonly pending: number;
  readonly headers: MsgHdrs | undefined;
  readonly data: Uint8Array;
}

/** `idle`: there was nothing to deliver at that moment, everything before has been. */
export type PullItem =
  | { readonly type: "message"; readonly delivery: Delivery; readonly atMs: number }
  | { readonly type: "idle"; readonly atMs: number };

/** One consumer, pulled over one connection. */
export interface PullSource {
  readonly link: NatsLink;
  readonly connection: NatsConnection;
  /** The subject that asks for the next messages. */
  readonly nextSubject: string;
}

/**
 * A pull lasts 2 s and the server says every 0.5 s that it is alive: the client's defaults (30 s) mean 44 s of silence
 * after a server restart (measured).
 */
const expiresMs = 2000;
const heartbeatMs = 500;

/** Longer than any heartbeat takes on a busy machine; to start over by mistake costs one request. */
const silenceMs = 3 * heartbeatMs;

/** At most this many messages and bytes are under way: the memory that a slow reader costs. */
const batchMessages = 5000;
const batchBytes = 8 * 1024 * 1024;

/**
 * Pulls until the consumer, the connection or the server is lost, or the signal aborts; then it just ends. Asks for
 * more only when the last messages were taken. Items come in arrays, because a step of an asynchronous iteration costs
 * as much as handling a message. By bytes too: 17 large messages asked for by count exceed what a
 * server keeps for a client, and it cuts the connection (measured).
 */
export async function* pull(source: PullSource, signal: AbortSignal): AsyncGenerator<readonly PullItem[]> {
  const { link, connection, nextSubject } = source;
  using queue = new ReplyQueue(link, connection, signal);
  const usualBytes = Math.max(batchBytes, 2 * (connection.info?.max_payload ?? 0));
  let maxBytes = usualBytes;
  for (;;) {
    if (queue.closed) return;
    const request = {
      batch: batchMessages,
      max_bytes: maxBytes,
      expires: expiresMs * 1e6,
      idle_heartbeat: heartbeatMs * 1e6,
    };
    connection.publish(nextSubject, JSON.stringify(request), { reply: queue.subject });
    let left = batchMessages;
    while (left > 0) {
      if (!(await queue.more(silenceMs))) return;
      const items: PullItem[] = [];
      const atMs = queue.arrivedAtMs;
      let lost = false;
      for (const message of queue.take()) {
        const delivery = parseDelivery(message);
        const status = delivery === undefined ? statusOf(message) : undefined;
        if (delivery !== undefined) items.push({ type: "message", delivery, atMs });
        else if (status === "idle") items.push({ type: "idle", atMs });
        if (delivery !== undefined) {
          left--;
          maxBytes = usualBytes;
        } else if (status === "too-large") {
          // Larger than all that may come at once: it was stored while the server took larger messages.
          if (left === batchMessages) maxBytes *= 2;
          left = 0;
        } else if (status === "over") left = 0;
        lost ||= status === "lost";
      }
      if (items.length > 0) yield items;
      if (lost) return;
    }
  }
}

/** What a message without a delivery address says about the pull. */
function statusOf({ headers }: Msg): "idle" | "over" | "too-large" | "lost" {
  const code = headers?.code ?? 0;
  if (code === 100) return "idle";
  // 404 and 408: nothing came in time. 409 has many meanings; these two belong to a pull that did its work.
  if (code === 404 || code === 408) return "over";
  const description = headers?.description ?? "";
  if (code === 409 && /message size exceeds/i.test(description)) return "too-large";
  if (code === 409 && /batch completed/i.test(description)) return "over";
  return "lost";
}

/**
 * The delivery address is the reply subject (NATS ADR-15):
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<delivery sequence>.<time>.<pending>`, with
 * `<domain>.<account>` before the stream in newer servers.
 */
function parseDelivery(message: Msg): Delivery | undefined {
  const { subject, reply, data } = message;
  if (reply === undefined || !reply.startsWith("$JS.ACK.")) return undefined;
  const tokens = reply.split(".");
  const first = tokens.length === 9 ? 5 : 7;
  const pending = Number(tokens[first + 3]);
  if (Number.isNaN(pending)) return undefined;
  return {
    subject,
    sequence: Number(tokens[first]),
    deliverySequence: Number(tokens[first + 1]),
    timeNanos: Number(tokens[first + 2]),
    pending,
    // Parsing them costs as much as all else here, and not every reader looks at them.
    get headers() {
      return message.headers;
    },
    data,
  };
}
