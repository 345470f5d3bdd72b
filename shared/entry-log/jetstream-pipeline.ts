import { createInbox, PermissionViolationError } from "@nats-io/transport-node";
import type { Msg, MsgHdrs, NatsConnection, Subscription } from "@nats-io/transport-node";
import { errorText, MeshError } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import type { NatsLink } from "./jetstream-connection.ts";

/** One message to store. */
export interface Outgoing {
  readonly subject: string;
  readonly headers: MsgHdrs;
  readonly data: Uint8Array;
  /** Sent only when everything before it is stored: what it says depends on that. */
  readonly barrier: boolean;
}

/** What the server answered to a message. `error` is a JetStream error code with its text. */
export type Acknowledgement =
  | { readonly type: "stored"; readonly sequence: number }
  /** `retried`: an earlier attempt may have been stored. */
  | { readonly type: "error"; readonly code: number; readonly text: string; readonly retried: boolean }
  | { readonly type: "unsendable"; readonly reason: string };

/** A message on its way, and who waits for it. */
interface Item extends Outgoing {
  /** Its place in the order of publishing; the last token of its reply subject. */
  readonly order: number;
  readonly done: (acknowledgement: Acknowledgement) => void;
  readonly failed: (error: Error) => void;
  readonly signal: AbortSignal;
  attempts: number;
  sentAtMs: number;
}

/** Limits of what is under way: enough to keep a server busy over 20 ms of distance. */
const windowMessages = 1024;
const windowBytes = 16 * 1024 * 1024;

/**
 * An acknowledgement that took longer than this (milliseconds) is not waited for; twice, three times, … that in later
 * attempts. Short, because what is sent during a leader election is lost; a duplicate has no effect.
 */
const ackTimeoutMs = 2000;
const longestAckTimeoutMs = 10_000;

/** A connection on which no message was acknowledged for so long is made anew. */
const deadAfterMs = 15_000;

/** How long nothing is sent after the server had no stream for us. */
const holdMs = 250;

/**
 * For how long «no stream takes this subject» is believed to pass: leader elections take up to 11 s (measured). After
 * that it is a permission or a configuration, and the publisher is told.
 */
const noStreamMs = 30_000;

/**
 * Sends messages in order, many at a time, and again until each is acknowledged: its own acknowledgement tracking
 * costs a fifth of the client's one promise and timer per message.
 *
 * At most one message of a subject is under way. Otherwise a retry could store an older message after a newer one that
 * the server then takes for a duplicate.
 */
export class Pipeline implements Disposable {
  readonly #link: NatsLink;
  readonly #log: Logger;
  readonly #onMissing: () => void;
  readonly #inFlight = new Map<number, Item>();
  readonly #subjects = new Set<string>();
  readonly #stops: (() => void)[];
  readonly #timer: ReturnType<typeof setInterval>;
  #waiting: Item[] = [];
  #head = 0;
  #bytes = 0;
  #order = 0;
  #inbox = "";
  #subscription: { readonly connection: NatsConnection; readonly subscription: Subscription } | undefined;
  #holdUntilMs = 0;
  #missingSinceMs: number | undefined;
  #answeredAtMs = 0;
  #connectedAtMs = 0;
  #closed = false;

  /** `onMissing` is called when there seems to be no stream. */
  constructor(link: NatsLink, log: Logger, onMissing: () => void) {
    this.#link = link;
    this.#log = log;
    this.#onMissing = onMissing;
    this.#stops = [
      link.onChange((connected) => this.#onChange(connected)),
      link.onServerError((error) => this.#onServerError(error)),
    ];
    this.#timer = setInterval(() => this.#onTime(), 500);
  }

  /**
   * Stores the message. Order is that of the calls. When the signal aborts, the message isn't sent (again) and the
   * promise stays open: a listener per message would cost more than sending it.
   * @throws MeshError `entry-log-unavailable` if permissions forbid it or the log is closed.
   */
  send(outgoing: Outgoing, signal: AbortSignal): Promise<Acknowledgement> {
    const { promise, resolve, reject } = Promise.withResolvers<Acknowledgement>();
    const item: Item = {
      ...outgoing,
      order: this.#order++,
      signal,
      done: resolve,
      failed: reject,
      attempts: 0,
      sentAtMs: 0,
    };
    if (this.#closed) {
      reject(closedError());
      return promise;
    }
    this.#waiting.push(item);
    this.#pump();
    return promise;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const stop of this.#stops) stop();
    this.#subscription?.subscription.unsubscribe();
    this.#closed = true;
    for (const item of [...this.#inFlight.values(), ...this.#waiting.slice(this.#head)]) {
      item.failed(closedError());
    }
    this.#inFlight.clear();
    this.#waiting = [];
    this.#head = 0;
  }

  #onChange(connected: boolean): void {
    this.#connectedAtMs = performance.now();
    if (connected) this.#pump();
    else this.#retry([...this.#inFlight.values()]);
  }

  #reconnect(): void {
    this.#connectedAtMs = performance.now();
    this.#link.current?.reconnect().catch(() => {});
  }

  #pump(): void {
    const connection = this.#link.current;
    if (connection === undefined || performance.now() < this.#holdUntilMs) return;
    while (this.#head < this.#waiting.length) {
      const item = this.#waiting[this.#head];
      if (item === undefined) break;
      if (!item.signal.aborted) {
        if (this.#inFlight.size >= windowMessages || this.#bytes >= windowBytes) return;
        if (this.#subjects.has(item.subject) || (item.barrier && this.#inFlight.size > 0)) return;
      }
      this.#head++;
      if (!item.signal.aborted) this.#transmit(connection, item);
    }
    this.#waiting = [];
    this.#head = 0;
  }

  #transmit(connection: NatsConnection, item: Item): void {
    this.#listen(connection);
    item.attempts++;
    item.sentAtMs = performance.now();
    try {
      const { headers } = item;
      connection.publish(item.subject, item.data, { headers, reply: `${this.#inbox}.${item.order}` });
    } catch (error) {
      // Not a subject, or larger than the server takes. A closing connection is seen by the link as well.
      if (this.#link.current === connection && !connection.isClosed() && !connection.isDraining()) {
        item.done({ type: "unsendable", reason: errorText(error) });
        return;
      }
    }
    this.#inFlight.set(item.order, item);
    this.#subjects.add(item.subject);
    this.#bytes += item.data.length;
  }

  #listen(connection: NatsConnection): void {
    if (this.#subscription?.connection === connection) return;
    this.#inbox = createInbox(this.#link.inboxPrefix);
    const subscription = connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#onAnswer(message);
      },
    });
    this.#subscription = { connection, subscription };
  }

  #onAnswer(message: Msg): void {
    this.#answeredAtMs = performance.now();
    const item = this.#inFlight.get(Number(message.subject.slice(this.#inbox.length + 1)));
    if (item === undefined) return;
    if (message.data.length === 0 && message.headers?.code === 503) return this.#onNoStream(item);
    const answer = parseAnswer(message.data);
    if (answer === undefined) return this.#retry([item]);
    this.#missingSinceMs = undefined;
    this.#land(item);
    if (answer.error === undefined) item.done({ type: "stored", sequence: answer.sequence });
    else item.done({ type: "error", ...answer.error, retried: item.attempts > 1 });
    this.#pump();
  }

  #onNoStream(item: Item): void {
    const now = performance.now();
    this.#missingSinceMs ??= now;
    if (now - this.#missingSinceMs > noStreamMs) {
      this.#land(item);
      item.failed(
        new MeshError(
          "entry-log-unavailable",
          `No stream takes ${item.subject}: missing stream or permission`,
        ),
      );
      return;
    }
    if (now >= this.#holdUntilMs) this.#onMissing();
    this.#holdUntilMs = now + holdMs;
    this.#retry([item]);
  }

  #onServerError(error: Error): void {
    if (!(error instanceof PermissionViolationError) || error.operation !== "publish") return;
    for (const item of this.#inFlight.values()) {
      if (item.subject !== error.subject) continue;
      this.#land(item);
      item.failed(
        new MeshError("entry-log-unavailable", `Not allowed to publish ${item.subject}`, { cause: error }),
      );
    }
    this.#pump();
  }

  #onTime(): void {
    const now = performance.now();
    const overdue = [...this.#inFlight.values()].filter(({ sentAtMs, attempts }) =>
      now - sentAtMs > Math.min(longestAckTimeoutMs, ackTimeoutMs * attempts)
    );
    if (overdue.length > 0) {
      this.#log.warn({ messages: overdue.length }, "NATS does not acknowledge, sending again");
      this.#retry(overdue);
      // A connection that lives and never answers: its subscriptions may be lost.
      if (now - Math.max(this.#answeredAtMs, this.#connectedAtMs) > deadAfterMs) this.#reconnect();
    }
    this.#pump();
  }

  /** Puts messages back in front of the queue, in their order. They may have been stored: the server will say. */
  #retry(items: Item[]): void {
    for (const item of items) this.#land(item);
    const again = items.filter(({ signal }) => !signal.aborted);
    this.#waiting = [...again, ...this.#waiting.slice(this.#head)].sort((a, b) => a.order - b.order);
    this.#head = 0;
  }

  #land(item: Item): void {
    if (!this.#inFlight.delete(item.order)) return;
    this.#subjects.delete(item.subject);
    this.#bytes -= item.data.length;
  }
}

function closedError(): MeshError {
  return new MeshError("entry-log-unavailable", "Entry log is closed");
}

function parseAnswer(data: Uint8Array) {
  let answer: unknown;
  try {
    answer = JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
  if (typeof answer !== "object" || answer === null) return undefined;
  if ("error" in answer && typeof answer.error === "object" && answer.error !== null) {
    const { error } = answer;
    const code = "err_code" in error && typeof error.err_code === "number" ? error.err_code : 0;
    const text = "description" in error && typeof error.description === "string" ? error.description : "";
    return { sequence: 0, error: { code, text } };
  }
  if ("seq" in answer && typeof answer.seq === "number") return { sequence: answer.seq, error: undefined };
  return undefined;
}
