import type { KubernetesError } from "../kubernetes-error.ts";
import type { ReadReason } from "../kubernetes.ts";
import type { ListHead } from "../wire/decode.ts";

/** The shortest pause after a failure, in milliseconds; it doubles with each further one. */
const firstRetryMs = 100;

/** A watch that stayed open for this time worked, even if it gave no event. */
const provenMs = 5_000;

/**
 * Number of watches in a row without a single event or bookmark after which everything is read: the version may be at
 * fault. A server that never had our version (its etcd was restored from a backup) opens a watch, waits for
 * that version without a word, and ends it in order.
 */
const muteBeforeRead = 3;

/** What to do next, after a pause. */
export type Step =
  | { readonly do: "watchList"; readonly why: ReadReason; readonly waitMs: number }
  /** `continueToken`: undefined for the first page. `isPaged`: false asks for everything at once. */
  | {
    readonly do: "list";
    readonly why: ReadReason;
    readonly continueToken: string | undefined;
    readonly isPaged: boolean;
    readonly waitMs: number;
  }
  | { readonly do: "watch"; readonly resourceVersion: string; readonly waitMs: number };

type State =
  | {
    readonly is: "reading";
    readonly why: ReadReason;
    readonly continueToken: string | undefined;
    readonly isPaged: boolean;
  }
  | { readonly is: "watching"; readonly resourceVersion: string };

/** What a plan is made with. */
export interface PlanOptions {
  /** Whether the server is known to refuse WatchLists; asked before each read. */
  refusesWatchList(): boolean;
  readonly maxRetryMs: number;
}

/**
 * When to list, when to watch, and how long to wait: the rules of the API ("Efficient detection of changes") as a state
 * machine. Without I/O, clock and chance: times are milliseconds of a monotonic clock, `random` is from 0 to 1.
 *
 * Everything is read at the start, and when the server no longer has our version (410). A watch that ended is resumed
 * from the last version that it told. What fails is done again, later each time.
 */
export class ReflectorPlan {
  readonly #options: PlanOptions;
  #state: State = start("start");
  /** A WatchList ended before it had told everything: this server, or what is in front of it, can't do it. */
  #breaksWatchList = false;
  #waitMs = 0;
  #failures = 0;
  /** Watches in a row that said nothing. */
  #mute = 0;
  #openedMs = 0;
  /** Whether the present stream told anything. */
  #heard = false;

  constructor(options: PlanOptions) {
    this.#options = options;
  }

  /** The version from which a watch would be resumed; undefined while reading. */
  get resourceVersion(): string | undefined {
    return this.#state.is === "watching" ? this.#state.resourceVersion : undefined;
  }

  /** What to do, and after how long a pause. */
  next(): Step {
    const waitMs = this.#waitMs;
    const state = this.#state;
    if (state.is === "watching") return { do: "watch", resourceVersion: state.resourceVersion, waitMs };
    const { why, continueToken, isPaged } = state;
    const asksForList = this.#breaksWatchList || this.#options.refusesWatchList();
    if (asksForList || continueToken !== undefined || !isPaged) {
      return { do: "list", why, continueToken, isPaged, waitMs };
    }
    return { do: "watchList", why, waitMs };
  }

  /** The step begins, after its pause. */
  opened(nowMs: number): void {
    this.#waitMs = 0;
    this.#openedMs = nowMs;
    this.#heard = false;
  }

  /** A page of a list came. True if it was the last one: the read is complete. */
  listed({ resourceVersion, continueToken }: ListHead): boolean {
    if (continueToken === undefined) {
      this.#state = { is: "watching", resourceVersion };
      return true;
    }
    if (this.#state.is === "reading") this.#state = { ...this.#state, continueToken };
    return false;
  }

  /** A watch told an event or a bookmark, or a WatchList has told everything. */
  told(resourceVersion: string): void {
    this.#state = { is: "watching", resourceVersion };
    this.#heard = true;
    this.#failures = 0;
    this.#mute = 0;
  }

  /** The server ended a watch in order, as it does after the time that we ask for. */
  ended(nowMs: number, random: number): void {
    if (this.#heard) return;
    // One that ends each watch at once would be asked without end.
    if (!this.#isProven(nowMs)) this.#retry(random);
    this.#wasMute();
  }

  /** A stream gave nothing for too long. */
  silent(): void {
    if (this.#state.is === "reading") this.#breaksWatchList = true;
    // Not even a bookmark: the server may never have had our version.
    else if (!this.#heard) this.#state = start("silent");
  }

  /** A request failed, or a stream broke. Returns true if that is worth telling: a WatchList that is refused isn't. */
  failed(step: Step, error: KubernetesError, nowMs: number, random: number): boolean {
    const isReading = this.#state.is === "reading";
    if (isReading && step.do === "watchList" && (error.reason === "refused" || error.reason === "protocol")) {
      this.#breaksWatchList = true;
      if (error.reason === "refused") return false;
    }
    if (this.#isProven(nowMs)) this.#failures = 0;
    switch (this.#state.is) {
      case "reading":
        this.#state = this.#readAnew(this.#state, error);
        break;
      case "watching":
        if (error.reason === "gone") return this.#gone(random);
        if (error.isTimeout) this.#wasMute();
        break;
    }
    this.#retry(random, error.retryAfterMs);
    return true;
  }

  /** Everything is to be read. Nothing happens during a read. */
  readAgain(): void {
    this.#waitMs = 0;
    if (this.#state.is === "watching") this.#state = start("asked");
  }

  /** A version that is gone is no failure, unless the one that was just read is gone already. */
  #gone(random: number): boolean {
    this.#state = start("gone");
    const isRepeated = this.#failures > 0;
    if (isRepeated) this.#retry(random);
    else this.#failures++;
    return isRepeated;
  }

  /** A page token has expired (410) if reading takes longer than versions are kept: then all at once. */
  #readAnew(state: State & { readonly is: "reading" }, error: KubernetesError): State {
    const isExpired = error.reason === "gone" && state.continueToken !== undefined;
    return { ...state, continueToken: undefined, isPaged: !isExpired && state.isPaged };
  }

  #wasMute(): void {
    if (++this.#mute < muteBeforeRead) return;
    this.#mute = 0;
    this.#state = start("silent");
  }

  #isProven(nowMs: number): boolean {
    return this.#state.is === "watching" && nowMs - this.#openedMs >= provenMs;
  }

  #retry(random: number, retryAfterMs = 0): void {
    const longest = Math.min(this.#options.maxRetryMs, firstRetryMs * 2 ** Math.min(this.#failures, 20));
    this.#failures++;
    // Scattered, so that many clients of one server don't come back at the same moment.
    this.#waitMs = Math.max(longest * (0.5 + random / 2), retryAfterMs * (1 + random / 10));
  }
}

function start(why: ReadReason): State {
  return { is: "reading", why, continueToken: undefined, isPaged: true };
}
