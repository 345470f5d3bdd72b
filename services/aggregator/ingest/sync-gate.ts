/**
 * Decides when the aggregator may answer for its resources. In state-of-the-world xDS a resource that is left out is
 * a resource deleted, so nothing is served before every configured source has been read completely once, or has used
 * up its `WaitTime`. Once open, the gate stays open.
 */

/** One source that has to be synced. `waitTimeMs` 0 waits without limit. */
export interface ExpectedSource {
  readonly registry: string;
  readonly source: string;
  readonly waitTimeMs: number;
}

export type SourceState = "waiting" | "synced" | "timed-out";

export class SyncGate {
  readonly #states = new Map<string, SourceState>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #opened = Promise.withResolvers<void>();
  readonly #ready: (what: string) => void;
  #caughtUp = false;
  #openedAtMs: number | undefined;

  /** `ready` is called for each source when it isn't waited for any more, and with `sources` when the gate opens. */
  constructor(sources: readonly ExpectedSource[], ready: (what: string) => void = () => {}) {
    this.#ready = ready;
    for (const { registry, source, waitTimeMs } of sources) {
      const key = sourceKey(registry, source);
      this.#states.set(key, "waiting");
      if (waitTimeMs > 0) {
        this.#timers.push(setTimeout(() => this.#set(key, "timed-out"), waitTimeMs).unref());
      }
    }
  }

  /** True when the stream has been read to its end once and every source has synced or timed out. */
  get open(): boolean {
    return this.#openedAtMs !== undefined;
  }

  /** When it opened, in milliseconds since 1970; undefined: it hasn't. */
  get openedAtMs(): number | undefined {
    return this.#openedAtMs;
  }

  /** Resolves when the gate opens. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** The sources and their states; keys are `<registry>` or `<registry>/<source>`. */
  get states(): ReadonlyMap<string, SourceState> {
    return this.#states;
  }

  /** True when the entry log's content has been read completely. */
  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  /** Tells the gate that all that the entry log had at the start has been read. */
  markCaughtUp(): void {
    this.#caughtUp = true;
    this.#check();
  }

  /** Tells the gate that a source's sync marker was seen. */
  markSynced(registry: string, source: string): void {
    const key = sourceKey(registry, source);
    if (this.#states.has(key)) this.#set(key, "synced");
  }

  /** Opens the gate at once, for a state of earlier times: that had passed it. */
  openForState(): void {
    this.#openNow();
  }

  /** Stops waiting for anything. */
  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #set(key: string, state: SourceState): void {
    const before = this.#states.get(key);
    if (state === "timed-out" && before === "synced") return;
    this.#states.set(key, state);
    if (before === "waiting") this.#ready(key);
    this.#check();
  }

  #check(): void {
    if (this.open || !this.#caughtUp) return;
    for (const state of this.#states.values()) if (state === "waiting") return;
    this.#openNow();
  }

  #openNow(): void {
    if (this.open) return;
    this.#openedAtMs = Date.now();
    this.#ready("sources");
    this.#opened.resolve();
  }
}

/** How a source is called in readiness details: by its registry alone unless it has a name of its own. */
export function sourceKey(registry: string, source: string): string {
  return source === "default" ? registry : `${registry}/${source}`;
}
