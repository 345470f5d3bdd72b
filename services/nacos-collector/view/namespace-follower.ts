import { WorkSignal } from "../../../shared/collector/work-signal.ts";
import { isNacosError } from "../../../shared/nacos/nacos-error.ts";
import type { NacosError } from "../../../shared/nacos/nacos-error.ts";
import type { NacosNaming, NamingEvent, ServiceName, ServiceSnapshot } from "../../../shared/nacos/nacos.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import { pause } from "../../../shared/runtime/waiting.ts";
import type { HeardBy } from "./belief.ts";
import type { NamespaceFollowerOptions } from "./followed-service.ts";
import { FollowedServices } from "./followed-services.ts";
import { ServiceQueries } from "./service-queries.ts";
import { Settling } from "./settling.ts";

/** How often it is looked at whether the server has told of every service, in milliseconds. */
const lookMs = 50;

/** Follows the services of one namespace and keeps what is believed of each. A failure changes nothing of that. */
export class NamespaceFollower implements AsyncDisposable {
  readonly naming: NacosNaming;
  readonly #options: NamespaceFollowerOptions;
  readonly #work = new WorkSignal();
  readonly #stop = new AbortController();
  readonly #confirming: Promise<void>;
  readonly #endWatch: () => void;
  #by: HeardBy | undefined;
  readonly #settling: Settling;
  readonly #services: FollowedServices;
  readonly #queries: ServiceQueries;
  #isListed = false;
  #isSynced = false;
  #isReading = false;
  #listError: NacosError | undefined;
  #lastReadMs: number | undefined;

  constructor(options: NamespaceFollowerOptions) {
    this.#options = options;
    this.naming = options.naming;
    this.#settling = new Settling(options.times);
    this.#services = new FollowedServices(options, this.#settling, this.#work);
    this.#queries = new ServiceQueries({
      naming: options.naming,
      services: this.#services.byKey,
      by: () => this.#by,
      believed: (key, followed, isChanged, nowMs) => this.#services.note(key, followed, isChanged, nowMs),
      requested: (success) => options.listener.requested(success),
    });
    this.naming.onEvent((event) => this.#take(event, performance.now()));
    this.#endWatch = this.naming.watchServices();
    this.#confirming = this.#confirmDoubts();
  }

  /**
   * `synced`: all services are known, as far as it can be. `refused`: there is no right to see which services there
   * are, and nothing is known. What was known once stays known.
   */
  get state(): "reading" | "synced" | "refused" {
    if (this.#isSynced) return "synced";
    return isNacosError(this.#listError, "forbidden") ? "refused" : "reading";
  }

  /** True while a service that seems missing may exist. */
  get isUnsure(): boolean {
    return !this.#isSynced || !this.#settling.isOver || this.#listError !== undefined ||
      this.#services.hasUnreadable;
  }

  /**
   * False while a young connection lacks instances that were known: its server was just started, so instances of the
   * services that it tells of for the first time may have yet to register, too.
   */
  get isSettled(): boolean {
    return this.#settling.isOver || !this.#services.hasDoubts;
  }

  /** True while its server may have been started just before the connection by which a service was read first. */
  get isYoung(): boolean {
    return !this.#settling.isOver;
  }

  /** True while a new connection tells of everything again. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Why the namespace, or its list of services, can't be read now; undefined if it can. */
  get error(): string | undefined {
    if (this.naming.connection === undefined) return this.naming.lastError ?? "not connected";
    return this.#listError?.message;
  }

  /** True if {@link error} is that we have no right to see which services there are. */
  get isForbidden(): boolean {
    return this.naming.connection !== undefined && isNacosError(this.#listError, "forbidden");
  }

  /** When it was last read well, in milliseconds of `performance.now()`; undefined: never. */
  get lastReadMs(): number | undefined {
    // Pushes tell of every change: as long as the connection is there, what is known is as good as just read.
    const isWatching = this.naming.mode === "watching" && this.error === undefined && this.#isSynced &&
      !this.#isReading;
    return isWatching ? performance.now() : this.#lastReadMs;
  }

  /** How many services there are. */
  get size(): number {
    return this.#services.byKey.size;
  }

  /** How many services this replica reads. */
  get subscribed(): number {
    return this.#services.subscribed;
  }

  /** How many instances are kept against what Nacos says, over all services. */
  get doubts(): number {
    return this.#services.doubts;
  }

  /**
   * Settles when everything was asked for after this call, or when it can't be read and `mayLeave` is true.
   * @throws MeshError `registry-unavailable` when the signal aborts.
   */
  async refresh(signal: AbortSignal, mayLeave: () => boolean): Promise<void> {
    const ended = AbortSignal.any([signal, this.#stop.signal]);
    await this.#queries.readAll(ended, () => this.error !== undefined && mayLeave());
  }

  /**
   * Settles when there is a connection on which the server has told of every service that is kept, or when it can't be
   * read and `mayLeave` is true.
   * @throws MeshError `registry-unavailable` when the signal aborts.
   */
  async told(signal: AbortSignal, mayLeave: () => boolean): Promise<void> {
    const ended = AbortSignal.any([signal, this.#stop.signal]);
    while (!this.#services.areAllTold || this.naming.connection === undefined) {
      if (this.error !== undefined && mayLeave()) return;
      if (signal.aborted) throw new MeshError("registry-unavailable", "Reading Nacos again: stopped");
      // It isn't followed any more.
      if (this.#stop.signal.aborted) return;
      await pause(lookMs, ended);
    }
  }

  /** Which services are kept may be another: lets go of some, and reads others. */
  reconsider(): void {
    this.#services.reconsider();
  }

  /** Gives up services that are gone for long. */
  tidy(nowMs: number): void {
    this.#services.tidy(nowMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#endWatch();
    await this.naming[Symbol.asyncDispose]();
    await this.#confirming;
  }

  #take(event: NamingEvent, nowMs: number): void {
    const { listener } = this.#options;
    switch (event.type) {
      case "connected":
        this.#by = {
          ...event.connection,
          sinceMs: nowMs,
          breaksAtRestart: this.naming.mode !== "polling",
        };
        this.#settling.connected(nowMs);
        this.#services.connected();
        listener.requested(true);
        if (this.#isSynced && !this.#isReading && !this.#services.areAllTold) {
          this.#isReading = true;
          listener.readBegan();
        }
        this.#work.call();
        return;
      case "lost":
      case "failed":
        listener.requested(false);
        listener.readEnded(this.#secondsSinceStart(nowMs), event.error.message);
        return;
      case "snapshot":
        this.#heard(event.snapshot, nowMs);
        return;
      case "refused":
        this.#refused(event.service, event.error, nowMs);
        return;
      case "services":
        listener.requested(true);
        this.#listed(event.services, nowMs);
        return;
      case "service-added":
        this.#services.add(event.service, nowMs);
        return;
      case "service-gone":
        this.#services.unlisted(event.service, nowMs);
        return;
      case "services-failed":
        listener.requested(false);
        this.#listError = event.error;
        if (this.isForbidden) listener.refused(undefined, event.error);
        listener.progressed();
        return;
      case "caught-up":
        this.#lastReadMs = nowMs;
        this.#endIfRead(nowMs);
    }
  }

  #listed(services: readonly ServiceName[], nowMs: number): void {
    this.#services.listed(services, nowMs);
    this.#isListed = true;
    if (this.isForbidden) this.#options.listener.refused(undefined, undefined);
    this.#listError = undefined;
    this.#endIfRead(nowMs);
    this.#options.listener.progressed();
  }

  #heard(snapshot: ServiceSnapshot, nowMs: number): void {
    if (this.#by?.number !== snapshot.connection) return;
    if (this.#services.heard(snapshot, this.#by, nowMs)) this.#endIfRead(nowMs);
  }

  #refused(service: ServiceName, error: NacosError, nowMs: number): void {
    this.#options.listener.requested(false);
    if (this.#services.refused(service, error)) this.#endIfRead(nowMs);
  }

  /** Ends the reading once the server has told of every service. */
  #endIfRead(nowMs: number): void {
    if (!this.#services.areAllTold || this.#by === undefined) return;
    const isFirst = !this.#isSynced && (this.#isListed || this.#listError !== undefined && this.size > 0);
    if (!isFirst && !this.#isReading) return;
    this.#isSynced = true;
    this.#isReading = false;
    this.#lastReadMs = nowMs;
    this.#options.listener.readEnded(this.#secondsSinceStart(nowMs), undefined);
    this.#options.listener.progressed();
  }

  #secondsSinceStart(nowMs: number): number {
    return (nowMs - (this.#by?.sinceMs ?? nowMs)) / 1000;
  }

  /** Asks about the instances that are in doubt when their time has come. */
  async #confirmDoubts(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      if (this.#settling.end(performance.now())) this.#options.listener.progressed();
      const due = this.#services.doubtsDue(performance.now());
      if (due.length > 0) await this.#queries.confirm(due, signal);
      const dueMs = Math.min(this.#settling.dueMs ?? Number.POSITIVE_INFINITY, this.#services.nextDueMs);
      const waitMs = Math.max(1, dueMs - performance.now());
      await this.#work.wait(Number.isFinite(waitMs) ? waitMs : undefined, signal);
    }
  }
}
