import type { ServiceName } from "../nacos.ts";
import { serviceKey } from "../wire/service-key.ts";

/** Something to ask the server for. */
export interface SubscriptionTask {
  readonly service: ServiceName;
  readonly subscribe: boolean;
  /** Of which connection; what comes of one before is void. */
  readonly epoch: number;
}

interface Entry {
  readonly service: ServiceName;
  wanted: boolean;
  /** What the server has been told. */
  state: "unknown" | "asking" | "subscribed" | "refused";
  /** Whether anything was told of it since the connection began. */
  isTold: boolean;
  /** The server's clock at the last snapshot. */
  serverTimeMs: number;
  retryMs: number;
  /** How often in a row it was refused. */
  failures: number;
}

/** The pause before a refused service is tried again doubles so many times, and gets no longer than this. */
const mostDoublings = 5;
const longestPauseMs = 300_000;

/**
 * Which services are to be subscribed to, and which are, on the present connection: a server forgets them all with a
 * connection. Without I/O and clock; times are milliseconds of a monotonic clock, but for the server's own.
 */
export class Subscriptions {
  readonly #entries = new Map<string, Entry>();
  /** Keys of what differs from what the server knows, in order. */
  readonly #queue = new Set<string>();
  readonly #refused = new Set<string>();
  #untold = 0;
  #epoch = 0;

  /** How many are wanted. */
  get size(): number {
    let size = 0;
    for (const { wanted } of this.#entries.values()) if (wanted) size++;
    return size;
  }

  /** True if something was told of everything wanted since the connection began. */
  get isCaughtUp(): boolean {
    return this.#untold === 0;
  }

  isWanted(service: ServiceName): boolean {
    return this.#entries.get(serviceKey(service))?.wanted === true;
  }

  /** Returns false if it was wanted already. */
  want(service: ServiceName): boolean {
    const key = serviceKey(service);
    const entry = this.#entries.get(key);
    if (entry?.wanted === true) return false;
    this.#untold++;
    if (entry === undefined) {
      this.#entries.set(key, {
        service,
        wanted: true,
        state: "unknown",
        isTold: false,
        serverTimeMs: 0,
        retryMs: 0,
        failures: 0,
      });
    } else {
      entry.wanted = true;
      entry.isTold = false;
    }
    // Even if the server still has it: the answer tells what there is now.
    if (entry?.state !== "asking") this.#queue.add(key);
    return true;
  }

  /** Returns false if it wasn't wanted. */
  unwant(service: ServiceName): boolean {
    const key = serviceKey(service);
    const entry = this.#entries.get(key);
    if (entry === undefined || !entry.wanted) return false;
    entry.wanted = false;
    if (!entry.isTold) this.#untold--;
    this.#refused.delete(key);
    // A server that refuses may have subscribed it nevertheless.
    if (entry.state === "subscribed" || entry.state === "refused") this.#queue.add(key);
    else if (entry.state !== "asking") this.#forget(key);
    return true;
  }

  /** There is a new connection, whose server knows nothing yet. */
  restart(): void {
    this.#epoch++;
    this.#queue.clear();
    this.#refused.clear();
    this.#untold = 0;
    for (const [key, entry] of this.#entries) {
      if (!entry.wanted) {
        this.#entries.delete(key);
        continue;
      }
      entry.state = "unknown";
      entry.isTold = false;
      entry.serverTimeMs = 0;
      entry.failures = 0;
      this.#queue.add(key);
      this.#untold++;
    }
  }

  /** What to ask for next; undefined if there is nothing (now). `succeeded` or `failed` has to follow. */
  next(nowMs: number): SubscriptionTask | undefined {
    for (const key of this.#refused) {
      if ((this.#entries.get(key)?.retryMs ?? 0) > nowMs) continue;
      this.#refused.delete(key);
      this.#queue.add(key);
    }
    for (const key of this.#queue) {
      this.#queue.delete(key);
      const entry = this.#entries.get(key);
      if (entry === undefined) continue;
      entry.state = "asking";
      return { service: entry.service, subscribe: entry.wanted, epoch: this.#epoch };
    }
    return undefined;
  }

  /** How long until a refused one is to be tried again; undefined if there is none. */
  nextRetryMs(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const key of this.#refused) {
      const waitMs = Math.max(1, (this.#entries.get(key)?.retryMs ?? 0) - nowMs);
      if (next === undefined || waitMs < next) next = waitMs;
    }
    return next;
  }

  /** The server did as it was asked. */
  succeeded(task: SubscriptionTask): void {
    const [key, entry] = this.#entryOf(task);
    if (entry === undefined) return;
    entry.state = task.subscribe ? "subscribed" : "unknown";
    entry.failures = 0;
    if (entry.wanted !== task.subscribe) this.#queue.add(key);
    else if (!entry.wanted) this.#forget(key);
  }

  /** The server refused. It is tried again after `pauseMs`, or longer if that goes on: there may be thousands. */
  failed(task: SubscriptionTask, nowMs: number, pauseMs: number): void {
    const [key, entry] = this.#entryOf(task);
    if (entry === undefined) return;
    if (!task.subscribe && !entry.wanted) {
      // It may go on sending; that is ignored, and ends with the connection.
      this.#forget(key);
      return;
    }
    entry.state = "refused";
    entry.retryMs = nowMs +
      Math.min(pauseMs * 2 ** Math.min(entry.failures++, mostDoublings), longestPauseMs);
    if (!entry.wanted) {
      // The server may have subscribed it nevertheless.
      this.#queue.add(key);
      return;
    }
    this.#refused.add(key);
    this.#tell(entry);
  }

  /**
   * A snapshot came. Returns what to do with it: `take` it; `drop` it, since it is of before another one; or `ask`,
   * since it looks so, though pushes come in order: the server's clock may have been set back.
   */
  arrived(
    service: ServiceName,
    serverTimeMs: number,
    origin: "initial" | "push" | "query",
  ): "take" | "drop" | "ask" {
    const entry = this.#entries.get(serviceKey(service));
    if (entry === undefined || !entry.wanted) return "drop";
    if (origin !== "query" && serverTimeMs < entry.serverTimeMs) {
      if (origin === "push") return "ask";
      this.#tell(entry);
      return "drop";
    }
    entry.serverTimeMs = serverTimeMs;
    this.#tell(entry);
    return "take";
  }

  #tell(entry: Entry): void {
    if (entry.isTold) return;
    entry.isTold = true;
    this.#untold--;
  }

  #entryOf({ service, epoch }: SubscriptionTask): [string, Entry | undefined] {
    const key = serviceKey(service);
    return [key, epoch === this.#epoch ? this.#entries.get(key) : undefined];
  }

  #forget(key: string): void {
    this.#entries.delete(key);
    this.#queue.delete(key);
    this.#refused.delete(key);
  }
}
