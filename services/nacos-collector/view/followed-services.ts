import type { WorkSignal } from "../../../shared/collector/work-signal.ts";
import type { NacosError } from "../../../shared/nacos/nacos-error.ts";
import type { ServiceName, ServiceSnapshot } from "../../../shared/nacos/nacos.ts";
import { serviceKey } from "../../../shared/nacos/wire/service-key.ts";
import { ServiceBelief } from "./belief.ts";
import type { HeardBy } from "./belief.ts";
import type { FollowedService, NamespaceFollowerOptions } from "./followed-service.ts";
import type { Settling } from "./settling.ts";

/**
 * A service that is in no list any more and has no instance (or is another replica's) stays known for this time: it may
 * come back.
 */
const lingerMs = 10 * 60_000;

/** The services of one namespace: which of them are subscribed to, and what is believed of each. */
export class FollowedServices {
  readonly #options: NamespaceFollowerOptions;
  readonly #settling: Settling;
  /** Is called when there may be a doubt, or something to settle. */
  readonly #work: WorkSignal;
  readonly #byKey = new Map<string, FollowedService>();
  /** Those that were subscribed to and weren't told of since the connection began. */
  readonly #untold = new Set<string>();
  readonly #doubtful = new Set<string>();
  /** Those that were refused before any snapshot of them. */
  readonly #unreadable = new Set<string>();

  constructor(options: NamespaceFollowerOptions, settling: Settling, work: WorkSignal) {
    this.#options = options;
    this.#settling = settling;
    this.#work = work;
  }

  /** By `serviceKey`. */
  get byKey(): ReadonlyMap<string, FollowedService> {
    return this.#byKey;
  }

  /** True if the server has told of every service since the connection began. */
  get areAllTold(): boolean {
    return this.#untold.size === 0;
  }

  /** True while nothing is known of a service because it is refused. */
  get hasUnreadable(): boolean {
    return this.#unreadable.size > 0;
  }

  /** How many services this replica reads. */
  get subscribed(): number {
    let sum = 0;
    for (const { isReleased } of this.#byKey.values()) if (!isReleased) sum++;
    return sum;
  }

  /** True while an instance is kept against what Nacos says. */
  get hasDoubts(): boolean {
    return this.#doubtful.size > 0;
  }

  /** How many instances are kept against what Nacos says, over all services. */
  get doubts(): number {
    let sum = 0;
    for (const key of this.#doubtful) sum += this.#byKey.get(key)?.belief.doubts ?? 0;
    return sum;
  }

  /** When the next doubt is due, in milliseconds of a monotonic clock; infinite without doubts. */
  get nextDueMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const key of this.#doubtful) {
      nextMs = Math.min(nextMs, this.#byKey.get(key)?.belief.dueMs ?? nextMs);
    }
    return nextMs;
  }

  /** Keys of the services whose doubts are due. */
  doubtsDue(nowMs: number): readonly string[] {
    return [...this.#doubtful].filter((key) => (this.#byKey.get(key)?.belief.dueMs ?? Infinity) <= nowMs);
  }

  /** A connection began: its server has told of nothing yet. */
  connected(): void {
    for (const [key, { isReleased }] of this.#byKey) if (!isReleased) this.#untold.add(key);
  }

  /** A complete list. What it lacks isn't gone before its subscription says so, too. */
  listed(services: readonly ServiceName[], nowMs: number): void {
    const keys = new Set(services.map(serviceKey));
    for (const [key, followed] of this.#byKey) if (!keys.has(key)) followed.unlistedMs ??= nowMs;
    for (const service of services) this.add(service, nowMs);
  }

  /** A list has the service. */
  add(service: ServiceName, nowMs: number): void {
    const key = serviceKey(service);
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.unlistedMs = undefined;
      return;
    }
    if (!this.#options.wants(service)) return;
    const { times, keepsHealth, listener, naming } = this.#options;
    this.#byKey.set(key, {
      service,
      belief: new ServiceBelief(times, keepsHealth),
      snapshots: 0,
      unlistedMs: undefined,
      isRefused: false,
      isReleased: false,
      isTakenOver: false,
      changedMs: nowMs,
    });
    this.#untold.add(key);
    listener.unread(service, true);
    naming.subscribe(service);
  }

  /** No list has the service any more. */
  unlisted(service: ServiceName, nowMs: number): void {
    const followed = this.#byKey.get(serviceKey(service));
    if (followed !== undefined) followed.unlistedMs ??= nowMs;
  }

  /** Which services are kept may be another: lets go of some, and reads others. */
  reconsider(): void {
    for (const [key, followed] of this.#byKey) {
      if (!followed.isReleased) this.#releaseIfOthers(key, followed);
      else if (this.#options.keeps(followed.service, [])) this.#takeOver(key, followed);
    }
  }

  /** Gives up services that are gone for long. */
  tidy(nowMs: number): void {
    for (const [key, { service, belief, isReleased, unlistedMs, changedMs }] of this.#byKey) {
      if (unlistedMs === undefined || nowMs - Math.max(unlistedMs, changedMs) < lingerMs) continue;
      // What another replica reads was known here when that began, and may be anything now.
      if (isReleased || (belief.instances.length === 0 && belief.doubts === 0)) this.#forget(key, service);
    }
  }

  /** Takes what the connection `by` told of a service. Returns false if the service isn't read here. */
  heard(snapshot: ServiceSnapshot, by: HeardBy, nowMs: number): boolean {
    const key = serviceKey(snapshot.service);
    const followed = this.#byKey.get(key);
    if (followed === undefined || followed.isReleased) return false;
    const { listener } = this.#options;
    if (followed.isRefused) {
      followed.isRefused = false;
      this.#unreadable.delete(key);
      listener.refused(followed.service, undefined);
    }
    const { belief } = followed;
    if (!belief.isKnown) {
      if (this.#settling.firstRead(nowMs)) listener.progressed();
      this.#work.call();
    }
    const before = belief.instances.length;
    followed.snapshots++;
    this.note(key, followed, belief.take(snapshot, by, nowMs), nowMs);
    if (belief.instances.length > before) this.#settling.grew(nowMs);
    this.#releaseIfOthers(key, followed);
    this.#untold.delete(key);
    return true;
  }

  /** The server refuses a service. Returns false if it isn't read here. */
  refused(service: ServiceName, error: NacosError): boolean {
    const key = serviceKey(service);
    const followed = this.#byKey.get(key);
    if (followed === undefined || followed.isReleased) return false;
    const { listener } = this.#options;
    followed.isRefused = true;
    listener.unread(service, false);
    // A name that the server takes for none was never read.
    if (!followed.belief.isKnown && error.kind !== "refused") this.#unreadable.add(key);
    listener.refused(service, error);
    this.#untold.delete(key);
    return true;
  }

  /** What is believed of a service may be another (`isChanged`), and so may be its doubts. */
  note(key: string, followed: FollowedService, isChanged: boolean, nowMs: number): void {
    const { service, belief } = followed;
    const { listener } = this.#options;
    const { hasDoubts } = this;
    if (belief.doubts > 0) {
      this.#doubtful.add(key);
      this.#work.call();
    } else this.#doubtful.delete(key);
    if (this.hasDoubts !== hasDoubts) listener.progressed();
    if (!isChanged) return;
    followed.changedMs = nowMs;
    listener.unread(service, false);
    listener.believed(service, belief, followed.isTakenOver);
    followed.isTakenOver = false;
  }

  /** What a service has decides with its name whether others read it: so it is read once. */
  #releaseIfOthers(key: string, followed: FollowedService): void {
    const { service, belief } = followed;
    if (!belief.isKnown || this.#options.keeps(service, belief.instances)) return;
    followed.isReleased = true;
    this.#doubtful.delete(key);
    this.#untold.delete(key);
    this.#options.naming.unsubscribe(service);
    this.#options.listener.released(service);
  }

  #takeOver(key: string, followed: FollowedService): void {
    const { times, keepsHealth, listener, naming } = this.#options;
    followed.isReleased = false;
    followed.isTakenOver = true;
    followed.belief = new ServiceBelief(times, keepsHealth);
    this.#untold.add(key);
    listener.unread(followed.service, true);
    naming.subscribe(followed.service);
  }

  #forget(key: string, service: ServiceName): void {
    const { listener, naming } = this.#options;
    naming.unsubscribe(service);
    this.#byKey.delete(key);
    this.#doubtful.delete(key);
    this.#untold.delete(key);
    this.#unreadable.delete(key);
    listener.unread(service, false);
    listener.forgotten(service);
  }
}
