import { createInbox, PermissionViolationError } from "@nats-io/transport-node";
import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import { errorText, MeshError } from "../../runtime/errors.ts";
import type { Logger } from "../../runtime/log.ts";
import { busyPauseMs, parseAnswer, reactionTo } from "./answer.ts";
import type { Acknowledgement, Answer } from "./answer.ts";
import type { NatsLink } from "./connection.ts";
import { InFlight } from "./in-flight.ts";
import { noteMissing } from "./missing-stream.ts";
import { RoomNotice } from "./room-notice.ts";
import { SendQueue } from "./send-queue.ts";
import { createUnit, mayLeadBatch, settle, transmit } from "./unit.ts";
import type { FencePolicy, Item, Outgoing, Unit } from "./unit.ts";

/** A connection on which no message was acknowledged for so long is made anew. */
const deadAfterMs = 15_000;

/** Messages that wait for an acknowledgement for longer than this (milliseconds) are a matter for a person. */
const stalledAfterMs = 8_000;

/** How long nothing is sent after the server had no stream for us. */
const holdMs = 250;

/** What a pipeline needs to know of the world. */
export interface PipelineOptions {
  readonly link: NatsLink;
  readonly log: Logger;
  /** How messages with a fence are sent to this stream. */
  readonly fencePolicy: () => FencePolicy;
  /** When the stream was last seen to be usable (`performance.now()`); undefined if it isn't at the moment. */
  readonly usableAtMs: () => number | undefined;
  /** Called when there seems to be no stream. */
  readonly onMissing: () => void;
}

/**
 * Sends messages in order, many at a time, and again until each is acknowledged: its own acknowledgement tracking
 * costs a fifth of the client's one promise and timer per message.
 *
 * At most one message of a subject is under way. Otherwise a retry could store an older message after a newer one that
 * the server then takes for a duplicate.
 */
export class Pipeline implements Disposable {
  readonly #options: PipelineOptions;
  readonly #inFlight = new InFlight();
  readonly #stops: (() => void)[];
  readonly #timer: ReturnType<typeof setInterval>;
  #wakeUp: ReturnType<typeof setTimeout> | undefined;
  readonly #queue = new SendQueue();
  readonly #room: RoomNotice;
  #order = 0;
  #inbox = "";
  #subscription: { readonly connection: NatsConnection; readonly subscription: Subscription } | undefined;
  #holdUntilMs = 0;
  #busyCount = 0;
  /** When the last one was sent of those that were stored. */
  #storedSentAtMs = 0;
  /** Said once for all that comes until something is acknowledged. */
  #isOverdue = false;
  /** When the oldest message was sent that was overdue and since which nothing was answered. */
  #overdueSinceMs: number | undefined;
  #answeredAtMs = 0;
  #connectedAtMs = 0;
  #closed = false;

  constructor(options: PipelineOptions) {
    this.#options = options;
    const { link, log } = options;
    this.#room = new RoomNotice(log);
    this.#stops = [
      link.onChange((connected) => this.#onChange(connected)),
      link.onServerError((error) => this.#onServerError(error)),
    ];
    this.#timer = setInterval(() => this.#onTime(), 500);
  }

  /** Why the last message that the server answered wasn't stored, if that was for want of room. */
  get full(): string | undefined {
    return this.#room.full;
  }

  /** That the server acknowledges nothing any more; undefined as far as is known. */
  get stalled(): string | undefined {
    if (this.#overdueSinceMs === undefined || this.#options.link.current === undefined) return undefined;
    const forMs = performance.now() - this.#overdueSinceMs;
    if (forMs < stalledAfterMs) return undefined;
    return `NATS has acknowledged no message for ${
      Math.round(forMs / 1000)
    } s; its volume may be full: its log says so, and it has to be restarted then`;
  }

  /**
   * Stores the message. Order is that of the calls. When the signal aborts, the message isn't sent (again) and the
   * promise stays open: a listener per message would cost more than sending it.
   * @throws MeshError `entry-log-unavailable` if the log is closed.
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
      alone: false,
      inBatch: false,
      missing: undefined,
    };
    if (this.#closed) {
      reject(closedError());
      return promise;
    }
    this.#queue.push(item);
    this.#pump();
    return promise;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    clearTimeout(this.#wakeUp);
    for (const stop of this.#stops) stop();
    this.#subscription?.subscription.unsubscribe();
    this.#closed = true;
    const { units } = this.#inFlight;
    for (const unit of units) this.#inFlight.delete(unit);
    for (const item of [...units.flatMap(({ items }) => items), ...this.#queue.clear()]) {
      item.failed(closedError());
    }
  }

  #onChange(connected: boolean): void {
    this.#connectedAtMs = performance.now();
    if (connected) this.#pump();
    else this.#retry(this.#inFlight.units);
  }

  #reconnect(): void {
    this.#connectedAtMs = performance.now();
    this.#options.link.renew();
  }

  #pump(): void {
    const connection = this.#options.link.current;
    if (connection === undefined || performance.now() < this.#holdUntilMs) return;
    const policy = this.#options.fencePolicy();
    for (let item = this.#queue.next; item !== undefined; item = this.#queue.next) {
      if (!item.signal.aborted && !this.#inFlight.hasRoomFor(item, policy)) return;
      this.#queue.shift();
      if (item.signal.aborted) continue;
      if (item.fate?.failed !== undefined) {
        settle(item, item.fate.failed);
        continue;
      }
      const rest = policy === "batches" && mayLeadBatch(item)
        ? this.#queue.takeBatchOf(item, (subject) => this.#inFlight.has(subject))
        : [];
      this.#transmit(connection, [item, ...rest], policy);
    }
  }

  #transmit(connection: NatsConnection, items: readonly [Item, ...Item[]], policy: FencePolicy): void {
    this.#listen(connection);
    for (const item of items) item.attempts++;
    const unit = createUnit(items);
    const { last } = unit;
    try {
      transmit(connection, unit, `${this.#inbox}.${last.order}`);
    } catch (error) {
      // Not a subject, or larger than the server takes. A closing connection is seen by the link as well.
      if (this.#options.link.current === connection && !connection.isClosed() && !connection.isDraining()) {
        if (unit.batch === undefined) settle(last, { type: "rejected", reason: errorText(error) });
        else this.#queueAlone(items);
        return;
      }
    }
    this.#inFlight.add(unit, policy);
  }

  #listen(connection: NatsConnection): void {
    if (this.#subscription?.connection === connection) return;
    this.#inbox = createInbox(this.#options.link.inboxPrefix);
    const subscription = connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#onMessage(message);
      },
    });
    this.#subscription = { connection, subscription };
  }

  #onMessage({ subject, data, headers }: Msg): void {
    this.#answeredAtMs = performance.now();
    const unit = this.#inFlight.get(Number(subject.slice(this.#inbox.length + 1)));
    if (unit === undefined) return;
    if (data.length === 0 && headers?.code === 503) return this.#onNoStream(unit);
    const answer = parseAnswer(data);
    if (answer === undefined) return this.#retry([unit]);
    this.#overdueSinceMs = undefined;
    if (answer.type === "stored") this.#onStored(unit, answer);
    else this.#onError(unit, answer);
    this.#pump();
  }

  #onStored(unit: Unit, answer: Answer & { readonly type: "stored" }): void {
    const { items, batch, sentAtMs } = unit;
    if (batch !== undefined && answer.batch !== batch) {
      // Of an earlier attempt in another batch; or the server doesn't know batches, and took each for itself.
      if (answer.batch === undefined) this.#retryAlone(unit);
      return;
    }
    this.#inFlight.delete(unit);
    this.#busyCount = 0;
    this.#isOverdue = false;
    this.#room.see(undefined);
    this.#storedSentAtMs = Math.max(this.#storedSentAtMs, sentAtMs);
    const first = answer.sequence - items.length + 1;
    for (const [index, item] of items.entries()) settle(item, { type: "stored", sequence: first + index });
  }

  #onError(unit: Unit, answer: Answer & { readonly type: "error" }): void {
    const reaction = reactionTo(answer);
    if (reaction === "leaderless") return this.#onNoStream(unit);
    if (reaction === "busy") {
      this.#busyCount++;
      return this.#retryAfter(unit, busyPauseMs(this.#busyCount));
    }
    if (unit.batch !== undefined && reaction !== "outdated") return this.#retryAlone(unit);
    this.#inFlight.delete(unit);
    if (reaction !== "outdated" && reaction.type === "refused" && reaction.full) {
      this.#room.see(reaction.reason);
    }
    for (const item of unit.items) {
      settle(item, reaction === "outdated" ? { type: "outdated", retried: item.attempts > 1 } : reaction);
    }
  }

  #onNoStream(unit: Unit): void {
    if (unit.batch !== undefined) return this.#retryAlone(unit);
    const now = performance.now();
    const [item] = unit.items;
    const { missing, reason } = noteMissing(
      item.missing,
      now,
      this.#storedSentAtMs,
      this.#options.usableAtMs(),
    );
    item.missing = missing;
    if (reason !== undefined) {
      this.#inFlight.delete(unit);
      settle(item, { type: "refused", reason: `no stream takes ${item.subject}: ${reason}`, full: false });
      return this.#pump();
    }
    if (now >= this.#holdUntilMs) this.#options.onMissing();
    this.#retryAfter(unit, holdMs);
  }

  #onServerError(error: Error): void {
    if (!(error instanceof PermissionViolationError) || error.operation !== "publish") return;
    for (const unit of this.#inFlight.units) {
      const denied = unit.items.find(({ subject }) => subject === error.subject);
      if (denied === undefined) continue;
      this.#inFlight.delete(unit);
      this.#queue.putBack(unit.items.filter((item) => item !== denied));
      settle(denied, { type: "refused", reason: `not allowed to publish ${denied.subject}`, full: false });
    }
    this.#pump();
  }

  #onTime(): void {
    const now = performance.now();
    const overdue = this.#inFlight.overdue(now);
    if (overdue.length > 0) {
      this.#overdueSinceMs ??= Math.min(...overdue.map(({ sentAtMs }) => sentAtMs));
      const messages = overdue.reduce((sum, { items }) => sum + items.length, 0);
      this.#options.log[this.#isOverdue ? "debug" : "warn"](
        { messages },
        "NATS does not acknowledge, sending again",
      );
      this.#isOverdue = true;
      this.#retry(overdue);
      // A connection that lives and never answers: its subscriptions may be lost.
      if (now - Math.max(this.#answeredAtMs, this.#connectedAtMs) > deadAfterMs) this.#reconnect();
    }
    this.#pump();
  }

  /** Puts messages back in front of the queue, in their order. They may have been stored: the server will say. */
  #retry(units: readonly Unit[]): void {
    for (const unit of units) this.#inFlight.delete(unit);
    this.#queue.putBack(units.flatMap(({ items }) => items));
  }

  #retryAlone(unit: Unit): void {
    this.#inFlight.delete(unit);
    this.#queueAlone(unit.items);
  }

  #retryAfter(unit: Unit, pauseMs: number): void {
    this.#retry([unit]);
    this.#holdUntilMs = Math.max(this.#holdUntilMs, performance.now() + pauseMs);
    clearTimeout(this.#wakeUp);
    this.#wakeUp = setTimeout(() => this.#pump(), this.#holdUntilMs - performance.now() + 1);
  }

  #queueAlone(items: readonly Item[]): void {
    for (const item of items) item.alone = true;
    this.#queue.putBack(items);
    queueMicrotask(() => this.#pump());
  }
}

function closedError(): MeshError {
  return new MeshError("entry-log-unavailable", "Entry log is closed");
}
