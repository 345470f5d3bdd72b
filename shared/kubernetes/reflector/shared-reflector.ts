import { isDeepStrictEqual } from "node:util";
import { errorText } from "../../runtime/errors.ts";
import { unlessAborted } from "../../runtime/waiting.ts";
import type {
  KubernetesCluster,
  ObjectKey,
  ReceivedObject,
  Reflector,
  ReflectorEvent,
  ReflectorOptions,
  ReflectorState,
  ResourceSelection,
} from "../kubernetes.ts";
import { resourceName } from "../wire/failure.ts";
import { ReflectorStore } from "./store.ts";

/** What is kept of an object for all parts: that there is one. */
const present = true;

/** One of those who follow a selection together. */
interface Part {
  readonly isSynced: boolean;
  /** An object came, in a read or by a watch. All parts keep the same text of its key. */
  received(object: ReceivedObject, key: ObjectKey, isReading: boolean): void;
  /** Anything else happened; `keys` are those of all objects. */
  happened(event: ReflectorEvent<unknown>, keys: ReadonlyMap<ObjectKey, unknown>): void;
}

/**
 * One selection of a cluster followed once for several parts of a process, each with its own fields, comparison and events:
 * pods are read for Services and for facts. For who joins later everything is read again.
 */
export class SharedReflector implements AsyncDisposable {
  readonly #selection: ResourceSelection;
  readonly #reflector: Reflector<true>;
  readonly #parts = new Set<Part>();
  #isReading = true;

  constructor(cluster: KubernetesCluster, selection: ResourceSelection) {
    this.#selection = selection;
    this.#reflector = cluster.reflect(selection, {
      trim: (object, key) => {
        for (const part of this.#parts) part.received(object, key, this.#isReading);
        return present;
      },
      equals: () => true,
      onEvent: (event) => this.#onEvent(event),
    });
  }

  /** Follows the selection; `left` is called when that is over, and says whether anybody else still does. */
  join<T>(options: ReflectorOptions<T>, left: (isLast: boolean) => Promise<void>): Reflector<T> {
    const part: PartReflector<T> = new PartReflector(this.#selection, this.#reflector, options, async () => {
      this.#parts.delete(part);
      await left(this.#parts.size === 0);
    });
    this.#parts.add(part);
    // During a read that is under way nothing happens: at its end everything is read once more.
    this.#reflector.readAgain();
    return part;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reflector[Symbol.asyncDispose]();
  }

  #onEvent(event: ReflectorEvent<true>): void {
    if (event.type === "read-started") this.#isReading = true;
    if (event.type === "read-ended") this.#isReading = false;
    // What was set or is the same has been told as it came.
    if (event.type === "set") return;
    for (const part of this.#parts) part.happened(event, this.#reflector.objects);
    if (event.type !== "read-ended") return;
    // Not within an event: the watch isn't open yet.
    if ([...this.#parts].some(({ isSynced }) => !isSynced)) setImmediate(() => this.#reflector.readAgain());
  }
}

class PartReflector<T> implements Reflector<T>, Part {
  readonly selection: ResourceSelection;
  readonly #whole: Reflector<true>;
  readonly #options: ReflectorOptions<T>;
  readonly #store: ReflectorStore<T>;
  readonly #leave: () => Promise<void>;
  readonly #synced = Promise.withResolvers<void>();
  /** It has heard of the present read from its start. */
  #isInRead = false;
  #isClosed = false;
  #reads = 0;
  #events = 0;
  #unchanged = 0;

  constructor(
    selection: ResourceSelection,
    whole: Reflector<true>,
    options: ReflectorOptions<T>,
    leave: () => Promise<void>,
  ) {
    this.selection = selection;
    this.#whole = whole;
    this.#options = options;
    this.#leave = leave;
    this.#store = new ReflectorStore((a, b) => options.equals?.(a, b) ?? isDeepStrictEqual(a, b));
  }

  get objects(): ReadonlyMap<ObjectKey, T> {
    return this.#store.objects;
  }

  get isSynced(): boolean {
    return this.#reads > 0;
  }

  get state(): ReflectorState {
    const { state } = this.#whole;
    return {
      ...state,
      phase: this.#isClosed ? "closed" : this.isSynced || state.phase === "closed" ? state.phase : "reading",
      isSynced: this.isSynced,
      reads: this.#reads,
      events: this.#events,
      unchanged: this.#unchanged,
    };
  }

  async synced(signal: AbortSignal): Promise<void> {
    const what = `reading ${resourceName(this.selection)}`;
    await unlessAborted(this.#synced.promise, signal, "registry-unavailable", what);
  }

  readAgain(): void {
    this.#whole.readAgain();
  }

  received(object: ReceivedObject, key: ObjectKey, isReading: boolean): void {
    if (isReading ? !this.#isInRead : !this.isSynced) return;
    if (!isReading) this.#events++;
    let trimmed: T | undefined;
    try {
      trimmed = this.#options.trim(object, key);
    } catch (error) {
      if (isReading) this.#store.keep(key);
      return this.#options.onEvent({ type: "invalid", key, reason: errorText(error) });
    }
    if (isReading) this.#store.gather(key, trimmed);
    else this.#apply(key, trimmed);
  }

  happened(event: ReflectorEvent<unknown>, keys: ReadonlyMap<ObjectKey, unknown>): void {
    const { onEvent } = this.#options;
    switch (event.type) {
      case "read-started":
        this.#isInRead = true;
        this.#store.readStarted();
        return onEvent(event);
      case "read-ended": {
        if (!this.#isInRead) return;
        this.#isInRead = false;
        this.#reads++;
        onEvent({ type: "read-ended", tookMs: event.tookMs, ...this.#store.readEnded(keys) });
        return this.#synced.resolve();
      }
      case "deleted":
        if (!this.isSynced) return;
        this.#events++;
        return this.#apply(event.key, undefined);
      case "failed":
      case "silent":
        return onEvent(event);
      case "set":
      case "invalid":
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#leave();
  }

  #apply(key: ObjectKey, object: T | undefined): void {
    const change = this.#store.apply(key, object);
    if (change.type === "unchanged") this.#unchanged++;
    else this.#options.onEvent({ key, ...change });
  }
}
