import { JetStreamEntryLog } from "../../shared/entry-log/jetstream/jetstream.ts";
import { readTerm } from "../../shared/model/term.ts";
import { createLogger } from "../../shared/runtime/log.ts";

const log = createLogger("test");
log.level = "silent";

/** How long is waited for a term: a replica that was cut off has to find its way back first. */
const patienceMs = 90_000;

/** Follows the terms of a source. */
export class TermWatch implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #entryLog: JetStreamEntryLog;
  readonly #following: Promise<void>;
  #members: readonly string[] = [];
  #changed = Promise.withResolvers<void>();

  private constructor(entryLog: JetStreamEntryLog, subject: string) {
    this.#entryLog = entryLog;
    this.#following = this.#follow(subject);
  }

  static async start(url: string, subject: string): Promise<TermWatch> {
    const { signal } = new AbortController();
    const options = { servers: [url], name: "terms", create: false, log, signal };
    return new TermWatch(await JetStreamEntryLog.connect(options), subject);
  }

  /** Waits for a term of that many replicas. */
  async until(replicas: number): Promise<void> {
    await this.#until(`${replicas} replicas`, () => this.#members.length === replicas);
  }

  /** Waits for a term without that replica, and returns how long it took in milliseconds. */
  async untilWithout(member: string): Promise<number> {
    const startMs = performance.now();
    await this.#until(`no ${member}`, () => this.#members.length > 0 && !this.#members.includes(member));
    return performance.now() - startMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.#entryLog[Symbol.asyncDispose]();
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const deadline = AbortSignal.timeout(patienceMs);
    while (!condition()) {
      const timedOut = new Promise<void>((resolve) =>
        deadline.addEventListener("abort", () => resolve(), { once: true })
      );
      await Promise.race([this.#changed.promise, timedOut]);
      if (deadline.aborted) {
        throw new Error(`no term with ${what}; the last one has ${this.#members.join(", ")}`);
      }
    }
  }

  async #follow(subject: string): Promise<void> {
    for await (const event of this.#entryLog.follow(subject, this.#stop.signal)) {
      if (event.type !== "put") continue;
      this.#members = readTerm(event.data)?.spec.members ?? [];
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}
