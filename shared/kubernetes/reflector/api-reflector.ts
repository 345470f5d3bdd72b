import { isDeepStrictEqual } from "node:util";
import { errorText, isMeshError, MeshError } from "../../runtime/errors.ts";
import { pause, unlessAborted } from "../../runtime/waiting.ts";
import { KubernetesError } from "../kubernetes-error.ts";
import type {
  ObjectKey,
  ReadReason,
  ReceivedObject,
  Reflector,
  ReflectorOptions,
  ReflectorState,
  RequestKind,
  ResourceSelection,
} from "../kubernetes.ts";
import { decodeItem, decodeListHead, decodeWatchLine, keyOf } from "../wire/decode.ts";
import type { WatchEvent } from "../wire/decode.ts";
import { failureOf, resourceName } from "../wire/failure.ts";
import { LineSplitter } from "../wire/line-splitter.ts";
import { ListSplitter } from "../wire/list-splitter.ts";
import { readStream, Silence } from "./api-stream.ts";
import { ReflectorPlan } from "./plan.ts";
import type { Step } from "./plan.ts";
import { pageParameters, requestPath, watchListParameters, watchParameters } from "./query.ts";
import type { ReflectorContext } from "./reflector-context.ts";
import { ReflectorStore } from "./store.ts";

/** Follows one selection of a cluster: carries out what the plan says, and tells what the store finds. */
export class ApiReflector<T> implements Reflector<T> {
  readonly selection: ResourceSelection;
  readonly #context: ReflectorContext;
  readonly #options: ReflectorOptions<T>;
  readonly #plan: ReflectorPlan;
  readonly #store: ReflectorStore<T>;
  readonly #stop = new AbortController();
  readonly #ended: AbortSignal;
  readonly #synced = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  /** Ends the present request or pause. */
  #interrupt = new AbortController();
  #phase: ReflectorState["phase"] = "reading";
  /** Of the read that has been told and isn't over. */
  #readStartedMs: number | undefined;
  #readAt: number | undefined;
  #heardMs: number | undefined;
  #error: KubernetesError | undefined;
  #reads = 0;
  #events = 0;
  #unchanged = 0;

  constructor(selection: ResourceSelection, options: ReflectorOptions<T>, context: ReflectorContext) {
    this.selection = selection;
    this.#options = options;
    this.#context = context;
    this.#store = new ReflectorStore((a, b) => options.equals?.(a, b) ?? isDeepStrictEqual(a, b));
    this.#plan = new ReflectorPlan({
      refusesWatchList: () => context.refusesWatchList(),
      maxRetryMs: context.maxRetryMs,
    });
    this.#ended = AbortSignal.any([this.#stop.signal, context.signal]);
    this.#running = this.#run();
  }

  get objects(): ReadonlyMap<ObjectKey, T> {
    return this.#store.objects;
  }

  get state(): ReflectorState {
    return {
      phase: this.#ended.aborted ? "closed" : this.#phase,
      isSynced: this.#reads > 0,
      readAt: this.#readAt,
      heardMs: this.#heardMs,
      error: this.#error,
      resourceVersion: this.#plan.resourceVersion,
      reads: this.#reads,
      events: this.#events,
      unchanged: this.#unchanged,
    };
  }

  async synced(signal: AbortSignal): Promise<void> {
    const what = `reading ${resourceName(this.selection)} of cluster ${this.#context.cluster}`;
    try {
      const either = AbortSignal.any([signal, this.#ended]);
      await unlessAborted(this.#synced.promise, either, "registry-unavailable", what);
    } catch (error) {
      const reason = this.#error?.message ?? "stopped before it was done";
      throw new MeshError("registry-unavailable", `${what}: ${reason}`, { cause: error });
    }
  }

  readAgain(): void {
    if (this.#phase === "reading") return;
    this.#plan.readAgain();
    this.#interrupt.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#context.ended();
  }

  async #run(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (!this.#ended.aborted) {
      this.#interrupt = new AbortController();
      const step = this.#plan.next();
      if (step.waitMs > 0) {
        this.#phase = "waiting";
        await pause(step.waitMs, AbortSignal.any([this.#interrupt.signal, this.#ended]));
        if (this.#ended.aborted) return;
        // The plan may have changed meanwhile.
        if (this.#interrupt.signal.aborted) continue;
      }
      this.#plan.opened(performance.now());
      this.#phase = step.do === "watch" ? "waiting" : "reading";
      await this.#attempt(step);
    }
  }

  async #attempt(step: Step): Promise<void> {
    try {
      switch (step.do) {
        case "list":
          if (step.continueToken === undefined) this.#beginRead(step.why);
          return await this.#list(step.continueToken, step.isPaged ? this.#context.pageSize : undefined);
        case "watchList":
          this.#beginRead(step.why);
          await this.#watch(step.do, watchListParameters(this.#watchSeconds()));
          break;
        case "watch":
          await this.#watch(step.do, watchParameters(step.resourceVersion, this.#watchSeconds()));
          break;
      }
      this.#plan.ended(performance.now(), Math.random());
    } catch (error) {
      // Ours: disposed of, or asked to read again.
      if (this.#ended.aborted || this.#interrupt.signal.aborted && !(error instanceof Silence)) return;
      this.#onFailure(error, step);
    }
  }

  #beginRead(why: ReadReason): void {
    this.#store.readStarted();
    // Not again after a WatchList that was refused: pages follow it in the same read.
    if (this.#readStartedMs !== undefined) return;
    this.#readStartedMs = performance.now();
    this.#options.onEvent({ type: "read-started", why });
  }

  #onFailure(error: unknown, step: Step): void {
    if (error instanceof Silence) {
      this.#readStartedMs = undefined;
      this.#plan.silent();
      this.#options.onEvent({ type: "silent", silentMs: this.#context.silenceMs });
      return;
    }
    const failure = kubernetesError(error, this.#context.cluster);
    if (failure.reason === "unauthorized") this.#context.unauthorized();
    if (!this.#plan.failed(step, failure, performance.now(), Math.random())) {
      if (failure.reason === "refused") this.#context.watchListRefused();
      return;
    }
    this.#error = failure;
    this.#readStartedMs = undefined;
    this.#options.onEvent({ type: "failed", error: failure, retryMs: Math.round(this.#plan.next().waitMs) });
  }

  async #list(continueToken: string | undefined, limit: number | undefined): Promise<void> {
    const splitter = new ListSplitter(this.#context.maxObjectBytes);
    const path = requestPath(this.selection, pageParameters(continueToken, limit));
    await this.#stream("list", path, (chunk) => {
      splitter.push(chunk, (json) => this.#gather(decodeItem(json)));
    });
    if (this.#plan.listed(decodeListHead(splitter.end()))) this.#endRead();
  }

  async #watch(
    kind: "watch" | "watchList",
    parameters: Parameters<typeof requestPath>[1],
  ): Promise<void> {
    const splitter = new LineSplitter(this.#context.maxObjectBytes);
    let isReading = kind === "watchList";
    await this.#stream(kind, requestPath(this.selection, parameters), (chunk) => {
      splitter.push(chunk, (line) => {
        const event = decodeWatchLine(line);
        if (event.type === "ERROR") {
          const { cluster } = this.#context;
          const context = { cluster, verb: "watch", selection: this.selection } as const;
          throw failureOf(event.status.code, event.status, undefined, context);
        }
        if (!isReading) return this.#onWatchEvent(event);
        if (event.type === "BOOKMARK") {
          if (!event.endsInitialEvents) return;
          isReading = false;
          this.#plan.told(event.resourceVersion);
          this.#endRead();
          this.#phase = "watching";
        } else if (event.type === "DELETED") this.#store.gather(keyOf(event.object), undefined);
        else this.#gather(event.object);
      });
    });
    if (splitter.isWithin) {
      throw new KubernetesError(
        "unreachable",
        `cluster ${this.#context.cluster} ended a watch in the middle of an object`,
      );
    }
    if (isReading) {
      throw new KubernetesError(
        "protocol",
        `cluster ${this.#context.cluster} ended a WatchList before it had told everything`,
      );
    }
  }

  #onWatchEvent(event: Exclude<WatchEvent, { readonly type: "ERROR" }>): void {
    if (event.type === "BOOKMARK") return this.#plan.told(event.resourceVersion);
    const { object } = event;
    this.#events++;
    const key = keyOf(object);
    const trimmed = event.type === "DELETED" ? { object: undefined } : this.#trim(key, object);
    if (trimmed !== undefined) {
      const change = this.#store.apply(key, trimmed.object);
      if (change.type === "unchanged") this.#unchanged++;
      else this.#options.onEvent({ key, ...change });
    }
    this.#plan.told(object.resourceVersion);
  }

  #gather(object: ReceivedObject): void {
    const key = keyOf(object);
    const trimmed = this.#trim(key, object);
    if (trimmed === undefined) this.#store.keep(key);
    else this.#store.gather(key, trimmed.object);
  }

  /** Undefined: the object is invalid. */
  #trim(key: ObjectKey, object: ReceivedObject): { readonly object: T | undefined } | undefined {
    try {
      return { object: this.#options.trim(object, key) };
    } catch (error) {
      this.#options.onEvent({ type: "invalid", key, reason: errorText(error) });
      return undefined;
    }
  }

  #endRead(): void {
    this.#reads++;
    this.#readAt = Date.now();
    this.#error = undefined;
    const nowMs = performance.now();
    const tookMs = nowMs - (this.#readStartedMs ?? nowMs);
    this.#readStartedMs = undefined;
    this.#options.onEvent({ type: "read-ended", tookMs, ...this.#store.readEnded() });
    this.#synced.resolve();
  }

  /** Sends a request and hands over its body. @throws as {@link readStream} does */
  async #stream(kind: RequestKind, path: string, onChunk: (chunk: Buffer) => void): Promise<void> {
    await readStream({
      cluster: this.#context.cluster,
      kind,
      selection: this.selection,
      silenceMs: this.#context.silenceMs,
      signal: AbortSignal.any([this.#interrupt.signal, this.#ended]),
      get: (signal) => this.#context.get(kind, path, signal),
      onOpen: () => {
        if (kind !== "watch") return;
        this.#phase = "watching";
        this.#error = undefined;
      },
      onChunk: (chunk) => {
        this.#heardMs = performance.now();
        onChunk(chunk);
      },
    });
  }

  #watchSeconds(): number {
    return Math.max(1, Math.round(this.#context.watchMs * (0.75 + Math.random() / 2) / 1000));
  }
}

function kubernetesError(error: unknown, cluster: string): KubernetesError {
  if (error instanceof KubernetesError) return error;
  if (isMeshError(error, "registry-unavailable")) {
    return new KubernetesError("unauthorized", error.message, { cause: error });
  }
  return new KubernetesError("protocol", `reading cluster ${cluster} failed: ${errorText(error)}`, {
    cause: error,
  });
}
