import { setTimeout as sleep } from "node:timers/promises";
import type { EntryLog, FollowOptions, LogEvent } from "../entry-log.ts";

/** How long a test waits for something to happen, in milliseconds; far more than it takes on a calm machine. */
export const testDeadlineMs = 60_000;

/** Asks again and again until the condition holds. @throws Error with `what` when the deadline is over. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number = testDeadlineMs,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await sleep(10);
  }
}

/**
 * A reader for tests: follows a log in the background, keeps its view of the content, and checks with every event what
 * the interface promises. A broken promise is a line in {@link problems}.
 */
export class Follower implements AsyncDisposable {
  /** The subjects that exist, with their content, as this reader knows them since the last `reset`. */
  readonly view = new Map<string, Uint8Array>();
  /** The subjects whose last message can't be unpacked, with that event. */
  readonly unusable = new Map<string, LogEvent & { readonly type: "unusable" }>();
  /** The reasons of all resets; the first is the start's. */
  readonly resets: string[] = [];
  readonly problems: string[] = [];
  streamId = "";
  caughtUp = false;
  puts = 0;
  deletes = 0;
  lastSequence = 0;
  ended = false;
  /** Called with every event, in order; the reader waits for it. */
  onEvent: ((event: LogEvent) => void | Promise<void>) | undefined;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(
    log: EntryLog,
    filter: string,
    onEvent?: (event: LogEvent) => void | Promise<void>,
    options?: FollowOptions,
  ) {
    this.onEvent = onEvent;
    this.#running = this.#run(log, filter, options);
  }

  /** The view as text by subject, in the order of the log. */
  texts(): Record<string, string> {
    const decoder = new TextDecoder();
    return Object.fromEntries(
      [...this.view].map(([subject, data]) => [subject, decoder.decode(data)]),
    );
  }

  /** Ends the iteration by its signal and waits for it. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(log: EntryLog, filter: string, options?: FollowOptions): Promise<void> {
    try {
      for await (const event of log.follow(filter, this.#stop.signal, options)) {
        this.#take(event);
        await this.onEvent?.(event);
      }
    } catch (error) {
      this.problems.push(`the iteration failed: ${String(error)}`);
    }
    this.ended = true;
  }

  #take(event: LogEvent): void {
    if (this.resets.length === 0 && event.type !== "reset") this.problems.push("did not begin with reset");
    if (event.type === "reset") {
      this.resets.push(event.reason);
      this.streamId = event.streamId;
      this.view.clear();
      this.unusable.clear();
      this.caughtUp = false;
      this.lastSequence = 0;
      return;
    }
    if (event.type === "caught-up") {
      if (this.caughtUp) this.problems.push("caught up twice");
      this.caughtUp = true;
      return;
    }
    if (event.sequence <= this.lastSequence) {
      this.problems.push(`sequence ${event.sequence} after ${this.lastSequence}`);
    }
    this.lastSequence = event.sequence;
    this.unusable.delete(event.subject);
    if (event.type === "put") {
      this.puts++;
      this.view.set(event.subject, event.data);
      return;
    }
    this.view.delete(event.subject);
    if (event.type === "delete") this.deletes++;
    else this.unusable.set(event.subject, event);
  }
}
