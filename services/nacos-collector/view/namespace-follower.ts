import { WorkSignal } from "../../../shared/collector/work-signal.ts";
import { isNacosError } from "../../../shared/nacos/nacos-error.ts";
import type { NacosError } from "../../../shared/nacos/nacos-error.ts";
import type { NacosNaming, NamingEvent, ServiceName, ServiceSnapshot } from "../../../shared/nacos/nacos.ts";
import { serviceKey } from "../../../shared/nacos/wire/service-key.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import { pause } from "../../../shared/runtime/waiting.ts";
import { ServiceBelief } from "./belief.ts";
import type { HeardBy } from "./belief.ts";
import type { FollowedService, NamespaceFollowerOptions } from "./followed-service.ts";
import { ServiceQueries } from "./service-queries.ts";
import { Settling } from "./settling.ts";

/** How often it is looked at whether the server has told of every service, in milliseconds. */
const lookMs = 50;

/** A service that is in no list any more and has no instance stays subscribed for this time: it may come back. */
const lingerMs = 10 * 60_000;

/** Follows the services of one namespace and keeps what is believed of each. A failure changes nothing of that. */
export class NamespaceFollower implements AsyncDisposable {
  readonly naming: NacosNaming;
  readonly #options: NamespaceFollowerOptions;
  readonly #services = new Map<string, FollowedService>();
  /** Those that were subscribed to and weren't told of since the connection began. */
  readonly #untold = new Set<string>();
  readonly #doubtful = new Set<string>();
  /** Those that were refused before any snapshot of them. */
  readonly #unreadable = new Set<string>();
  readonly #work = new WorkSignal();
  readonly #stop = new AbortController();
  readonly #confirming: Promise<void>;
  readonly #endWatch: () => void;
  #by: HeardBy | undefined;
  readonly #settling: Settling;
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
    this.#queries = new ServiceQueries({
      naming: options.naming,
      services: this.#services,
      by: () => this.#by,
      believed: (key, followed, isChanged, nowMs) => this.#note(key, followed, isChanged, nowMs),
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
      this.#unreadable.size > 0;
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
    return this.#services.size;
  }

  /** How many services this replica reads. */
  get subscribed(): number {
    let sum = 0;
    for (const { isReleased } of this.#services.values()) if (!isReleased) sum++;
    return sum;
  }

  /** How many instances are kept against what Nacos says, over all services. */
  get doubts(): number {
    let sum = 0;
    for (const key of this.#doubtful) sum += this.#services.get(key)?.belief.doubts ?? 0;
    return sum;
  }

  /**
   * Settles when everything was asked for after this call.
   * @throws MeshError `registry-unavailable` when the signal aborts.
   */
  async refresh(signal: AbortSignal): Promise<void> {
    await this.#queries.readAll(AbortSignal.any([signal, this.#stop.signal]));
  }

  /**
   * Settles when there is a connection on which the server has told of every service that is kept.
   * @throws MeshError `registry-unavailable` when the signal aborts.
   */
  async told(signal: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([signal, this.#stop.signal]);
    while (this.#untold.size > 0 || this.naming.connection === undefined) {
      if (signal.aborted) throw new MeshError("registry-unavailable", "Reading Nacos again: stopped");
      // It isn't followed any more.
      if (this.#stop.signal.aborted) return;
      await pause(lookMs, ended);
    }
  }

  /** Which services are kept may be another: lets go of some, and reads others. */
  reconsider(): void {
    for (const [key, followed] of this.#services) {
      if (!followed.isReleased) this.#releaseIfOthers(key, followed);
      else if (this.#options.keeps(followed.service, [])) this.#takeOver(key, followed);
    }
  }

  /** Gives up services that are gone for long. */
  tidy(nowMs: number): void {
    for (const [key, { service, belief, isListed, changedMs }] of this.#services) {
      if (isListed || belief.instances.length > 0 || belief.doubts > 0 || nowMs - changedMs < lingerMs) {
        continue;
      }
      this.#forget(key, service);
    }
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
        for (const [key, { isReleased }] of this.#services) if (!isReleased) this.#untold.add(key);
        listener.requested(true);
        if (this.#isSynced && !this.#isReading && this.#untold.size > 0) {
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
        this.#add(event.service, nowMs);
        return;
      case "service-gone": {
        const followed = this.#services.get(serviceKey(event.service));
        if (followed !== undefined) followed.isListed = false;
        return;
      }
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

  /** A complete list. What it lacks isn't gone before its subscription says so, too. */
  #listed(services: readonly ServiceName[], nowMs: number): void {
    for (const followed of this.#services.values()) followed.isListed = false;
    for (const service of services) this.#add(service, nowMs);
    this.#isListed = true;
    if (this.isForbidden) this.#options.listener.refused(undefined, undefined);
    this.#listError = undefined;
    this.#endIfRead(nowMs);
    this.#options.listener.progressed();
  }

  #add(service: ServiceName, nowMs: number): void {
    const key = serviceKey(service);
    const known = this.#services.get(key);
    if (known !== undefined) {
      known.isListed = true;
      return;
    }
    if (!this.#options.wants(service)) return;
    const { times, keepsHealth } = this.#options;
    this.#services.set(key, {
      service,
      belief: new ServiceBelief(times, keepsHealth),
      snapshots: 0,
      isListed: true,
      isRefused: false,
      isReleased: false,
      isTakenOver: false,
      changedMs: nowMs,
    });
    this.#untold.add(key);
    this.#options.listener.unread(service, true);
    this.naming.subscribe(service);
  }

  /** What a service has decides with its name whether others read it: so it is read once. */
  #releaseIfOthers(key: string, followed: FollowedService): void {
    const { service, belief } = followed;
    if (!belief.isKnown || this.#options.keeps(service, belief.instances)) return;
    followed.isReleased = true;
    this.#doubtful.delete(key);
    this.#untold.delete(key);
    this.naming.unsubscribe(service);
    this.#options.listener.released(service);
  }

  #takeOver(key: string, followed: FollowedService): void {
    const { times, keepsHealth, listener } = this.#options;
    followed.isReleased = false;
    followed.isTakenOver = true;
    followed.belief = new ServiceBelief(times, keepsHealth);
    this.#untold.add(key);
    listener.unread(followed.service, true);
    this.naming.subscribe(followed.service);
  }

  #forget(key: string, service: ServiceName): void {
    this.naming.unsubscribe(service);
    this.#services.delete(key);
    this.#doubtful.delete(key);
    this.#untold.delete(key);
    this.#unreadable.delete(key);
    this.#options.listener.unread(service, false);
    this.#options.listener.forgotten(service);
  }

  #heard(snapshot: ServiceSnapshot, nowMs: number): void {
    const key = serviceKey(snapshot.service);
    const followed = this.#services.get(key);
    if (followed === undefined || followed.isReleased || this.#by?.number !== snapshot.connection) return;
    if (followed.isRefused) {
      followed.isRefused = false;
      this.#unreadable.delete(key);
      this.#options.listener.refused(followed.service, undefined);
    }
    const { belief } = followed;
    if (!belief.isKnown) {
      this.#settling.firstRead(nowMs);
      this.#work.call();
    }
    const before = belief.instances.length;
    followed.snapshots++;
    this.#note(key, followed, belief.take(snapshot, this.#by, nowMs), nowMs);
    if (belief.instances.length > before) this.#settling.grew(nowMs);
    this.#releaseIfOthers(key, followed);
    this.#told(key, nowMs);
  }

  #refused(service: ServiceName, error: NacosError, nowMs: number): void {
    const { listener } = this.#options;
    listener.requested(false);
    const key = serviceKey(service);
    const followed = this.#services.get(key);
    if (followed === undefined || followed.isReleased) return;
    followed.isRefused = true;
    this.#options.listener.unread(service, false);
    // A name that the server takes for none was never read.
    if (!followed.belief.isKnown && error.kind !== "refused") this.#unreadable.add(key);
    listener.refused(service, error);
    this.#told(key, nowMs);
  }

  #note(key: string, followed: FollowedService, isChanged: boolean, nowMs: number): void {
    const { service, belief } = followed;
    if (belief.doubts > 0) {
      this.#doubtful.add(key);
      this.#work.call();
    } else this.#doubtful.delete(key);
    if (!isChanged) return;
    followed.changedMs = nowMs;
    const { listener } = this.#options;
    listener.unread(service, false);
    listener.believed(service, belief, followed.isTakenOver);
    followed.isTakenOver = false;
  }

  #told(key: string, nowMs: number): void {
    this.#untold.delete(key);
    if (this.#untold.size === 0) this.#endIfRead(nowMs);
  }

  /** Ends the reading once the server has told of every service. */
  #endIfRead(nowMs: number): void {
    if (this.#untold.size > 0 || this.#by === undefined) return;
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
      const due = this.#doubtsDue(performance.now());
      if (due.length > 0) await this.#queries.confirm(due, signal);
      const waitMs = Math.max(1, this.#nextMs() - performance.now());
      await this.#work.wait(Number.isFinite(waitMs) ? waitMs : undefined, signal);
    }
  }

  #doubtsDue(nowMs: number): readonly string[] {
    return [...this.#doubtful].filter((key) => (this.#services.get(key)?.belief.dueMs ?? Infinity) <= nowMs);
  }

  #nextMs(): number {
    let nextMs = this.#settling.dueMs ?? Number.POSITIVE_INFINITY;
    for (const key of this.#doubtful) {
      nextMs = Math.min(nextMs, this.#services.get(key)?.belief.dueMs ?? nextMs);
    }
    return nextMs;
  }
}
