import type { NacosConnection, NacosInstance, ServiceSnapshot } from "../../../shared/nacos/nacos.ts";
import {
  byAddress,
  instanceKey,
  sameInstance,
  sameInstances,
} from "../../../shared/nacos/wire/service-info.ts";

/** How long a doubt lasts at least, in milliseconds. */
export interface BeliefTimes {
  /**
   * After a server's start, providers need this long to register again. Counted from the beginning of the connection:
   * Nacos' clients notice a lost connection within five seconds and register all they have three seconds later; those
   * that beat over HTTP do so every five seconds.
   */
  readonly settleMs: number;
  /** Nodes of a cluster tell each other of a change within this time. */
  readonly spreadMs: number;
}

/** The longest doubt, in multiples of {@link BeliefTimes.settleMs}, however many instances come meanwhile. */
const longestSettles = 10;

/** Times that suit Nacos' own clients and servers. */
export const usualBeliefTimes: BeliefTimes = { settleMs: 30_000, spreadMs: 10_000 };

/** The connection of a snapshot, and when it began. */
export interface HeardBy extends NacosConnection {
  readonly sinceMs: number;
  /** False where a server may be started anew without the connection showing it, as while polling. */
  readonly breaksAtRestart: boolean;
}

/** What Nacos says of an instance and isn't believed yet. */
interface Doubt {
  /** Undefined: that it is gone. */
  readonly said: NacosInstance | undefined;
  /** It is asked about from then on. */
  readonly dueMs: number;
  /** Further instances that come put that off until then at most. */
  readonly latestMs: number;
}

/** An instance as it was before a change; undefined: it wasn't there. */
interface Before {
  readonly instance: NacosInstance | undefined;
  readonly atMs: number;
}

/**
 * What is believed of the instances of one service. A state machine without I/O and clock: times are milliseconds of a
 * monotonic clock. Its rules:
 *
 * - What a snapshot says is believed, with two exceptions, which have to be confirmed by a query ({@link confirm}).
 * - An instance that is missing in what a new connection tells. A server that was just started doesn't know it yet. It
 *   stays until the connection is {@link BeliefTimes.settleMs} old and no further instance has come for
 *   {@link BeliefTimes.spreadMs}. An instance that the same connection told of before is gone at once.
 * - An instance that is, at another server, what it was before a change of the last {@link BeliefTimes.spreadMs}. That
 *   server may not have heard of the change: time doesn't go backwards because the connection moved.
 * - While a list has unreadable instances, a missing one may be among them: it is in doubt, too.
 * - While polling, nothing shows that the server was started anew between two answers. A missing instance is in doubt
 *   for {@link BeliefTimes.spreadMs}: providers that beat over HTTP have registered again by then. So is one that only
 *   the query about another one lacks.
 * - Under the protection threshold a server calls all instances healthy. Then an instance is as healthy as it was.
 */
export class ServiceBelief {
  readonly #times: BeliefTimes;
  readonly #keepsHealth: boolean;
  #instances: readonly NacosInstance[] = [];
  #said: readonly NacosInstance[] = [];
  #connection: number | undefined;
  /** See {@link HeardBy.breaksAtRestart}. */
  #breaksAtRestart = true;
  /** Who told of the service last. */
  #server: string | undefined;
  #invalid: readonly string[] = [];
  #protected = false;
  #doubts = new Map<string, Doubt>();
  readonly #recent = new Map<string, readonly Before[]>();
  #grewAtMs = Number.NEGATIVE_INFINITY;

  /** `keepsHealth`: see the rule of the protection threshold. slime takes what the server says. */
  constructor(times: BeliefTimes, keepsHealth: boolean) {
    this.#times = times;
    this.#keepsHealth = keepsHealth;
  }

  /** False until the first snapshot of the service. */
  get isKnown(): boolean {
    return this.#connection !== undefined;
  }

  /** Sorted as in a snapshot. */
  get instances(): readonly NacosInstance[] {
    return this.#instances;
  }

  /** Instances that couldn't be read: see `ServiceSnapshot.invalid`. */
  get invalid(): readonly string[] {
    return this.#invalid;
  }

  /** The server's protection threshold is reached. */
  get protected(): boolean {
    return this.#protected;
  }

  /** How many instances are kept, or kept as they were, against what Nacos says. */
  get doubts(): number {
    return this.#doubts.size;
  }

  /** When the service has to be queried for its doubts; undefined if there are none. */
  get dueMs(): number | undefined {
    let next: number | undefined;
    for (const { dueMs } of this.#doubts.values()) next = Math.min(next ?? dueMs, dueMs);
    return next;
  }

  /** Takes a snapshot. Returns true if that changes what is believed. */
  take(snapshot: ServiceSnapshot, by: HeardBy, nowMs: number): boolean {
    const isFirst = !this.isKnown;
    const isNewConnection = by.number !== this.#connection;
    const heard = this.#withKnownHealth(snapshot);
    if (!isNewConnection && this.#doubts.size === 0 && sameInstances(this.#said, heard)) {
      return this.#note(snapshot);
    }
    this.#forgetOld(nowMs);
    if (!isNewConnection && hasNew(heard, this.#said)) this.#grewAtMs = nowMs;
    this.#connection = by.number;
    this.#breaksAtRestart = by.breaksAtRestart;
    const isOtherServer = by.server !== this.#server;
    this.#server = by.server;
    const isIncomplete = snapshot.invalid.length > 0;
    const doubts = isFirst
      ? new Map<string, Doubt>()
      : this.#doubtsAbout(heard, { by, isNewConnection, isOtherServer, isIncomplete }, nowMs);
    this.#said = heard;
    const isNoted = this.#note(snapshot);
    return this.#believe(heard, doubts, isFirst ? undefined : nowMs) || isFirst || isNoted;
  }

  /**
   * Takes the answer of a query that was made because of {@link dueMs}: what it says of the doubts that are due is true.
   * What it lacks beside them is in doubt as in a snapshot. One of another connection says nothing. Returns true if that
   * changes what is believed.
   */
  confirm(answer: ServiceSnapshot, nowMs: number): boolean {
    if (answer.connection !== this.#connection) return false;
    const heard = this.#withKnownHealth(answer);
    const doubts = new Map<string, Doubt>();
    for (const [key, doubt] of this.#doubts) if (doubt.dueMs > nowMs) doubts.set(key, doubt);
    if (answer.invalid.length > 0 || !this.#breaksAtRestart) this.#doubtFurther(heard, doubts, nowMs);
    this.#said = heard;
    const isNoted = this.#note(answer);
    return this.#believe(heard, doubts, nowMs) || isNoted;
  }

  /** The query failed: the doubts that are due are asked about later. */
  postpone(untilMs: number): void {
    for (const [key, doubt] of this.#doubts) {
      this.#doubts.set(key, { ...doubt, dueMs: Math.max(doubt.dueMs, untilMs) });
    }
  }

  #doubtsAbout(
    heard: readonly NacosInstance[],
    { by, isNewConnection, isOtherServer, isIncomplete }: {
      readonly by: HeardBy;
      readonly isNewConnection: boolean;
      readonly isOtherServer: boolean;
      readonly isIncomplete: boolean;
    },
    nowMs: number,
  ): Map<string, Doubt> {
    const { settleMs, spreadMs } = this.#times;
    const grownMs = this.#grewAtMs + spreadMs;
    const latestMs = nowMs + longestSettles * settleMs;
    const told = byKey(heard);
    const doubts = new Map<string, Doubt>();
    for (const one of this.#instances) {
      const key = instanceKey(one);
      if (told.has(key)) continue;
      const doubt = this.#doubts.get(key);
      if (isNewConnection) {
        doubts.set(key, { said: undefined, dueMs: Math.max(by.sinceMs + settleMs, grownMs), latestMs });
      } else if (doubt !== undefined && doubt.said === undefined) {
        doubts.set(key, { ...doubt, dueMs: Math.max(doubt.dueMs, Math.min(grownMs, doubt.latestMs)) });
      } else if (isIncomplete || !by.breaksAtRestart) {
        doubts.set(key, { said: undefined, dueMs: nowMs + spreadMs, latestMs });
      }
    }
    const ours = byKey(this.#instances);
    for (const [key, said] of told) {
      const one = ours.get(key);
      if (one !== undefined && sameInstance(one, said)) continue;
      const doubt = isNewConnection ? undefined : this.#doubts.get(key);
      const isDoubted = doubt?.said !== undefined;
      const isOld = this.#recent.get(key)?.some(({ instance }) =>
        instance !== undefined && sameInstance(instance, said)
      );
      if ((isDoubted && sameInstance(doubt.said, said)) || (isOld === true && (isOtherServer || isDoubted))) {
        doubts.set(key, { said, dueMs: isDoubted ? doubt.dueMs : nowMs + spreadMs, latestMs });
      }
    }
    return doubts;
  }

  /** Adds the instances that an answer lacks and that weren't in doubt so far. */
  #doubtFurther(heard: readonly NacosInstance[], doubts: Map<string, Doubt>, nowMs: number): void {
    const { settleMs, spreadMs } = this.#times;
    const told = byKey(heard);
    for (const one of this.#instances) {
      const key = instanceKey(one);
      if (told.has(key) || this.#doubts.has(key)) continue;
      doubts.set(key, {
        said: undefined,
        dueMs: nowMs + spreadMs,
        latestMs: nowMs + longestSettles * settleMs,
      });
    }
  }

  /** Believes what was heard, but for the doubts. `nowMs`: what changes is remembered for the other servers. */
  #believe(heard: readonly NacosInstance[], doubts: Map<string, Doubt>, nowMs: number | undefined): boolean {
    const before = this.#instances;
    const ours = byKey(before);
    const believed = doubts.size === 0 ? heard : withDoubts(heard, ours, doubts);
    this.#doubts = doubts;
    if (sameInstances(before, believed)) return false;
    this.#instances = believed;
    if (nowMs === undefined) return true;
    const now = byKey(believed);
    for (const key of new Set([...ours.keys(), ...now.keys()])) {
      const [was, is] = [ours.get(key), now.get(key)];
      if (was !== undefined && is !== undefined && sameInstance(was, is)) continue;
      this.#recent.set(key, [...this.#recent.get(key) ?? [], { instance: was, atMs: nowMs }]);
    }
    return true;
  }

  #note({ invalid, protected: isProtected }: ServiceSnapshot): boolean {
    const isNew = isProtected !== this.#protected || invalid.length !== this.#invalid.length ||
      invalid.some((text, index) => text !== this.#invalid[index]);
    this.#invalid = invalid;
    this.#protected = isProtected;
    return isNew;
  }

  #withKnownHealth({ instances, protected: isProtected }: ServiceSnapshot): readonly NacosInstance[] {
    if (!isProtected || !this.#keepsHealth || this.#instances.length === 0) return instances;
    const known = byKey(this.#instances);
    return instances.map((one) => {
      const healthy = known.get(instanceKey(one))?.healthy ?? one.healthy;
      return healthy === one.healthy ? one : { ...one, healthy };
    });
  }

  #forgetOld(nowMs: number): void {
    for (const [key, befores] of this.#recent) {
      const recent = befores.filter(({ atMs }) => nowMs - atMs < this.#times.spreadMs);
      if (recent.length === 0) this.#recent.delete(key);
      else if (recent.length < befores.length) this.#recent.set(key, recent);
    }
  }
}

function byKey(instances: readonly NacosInstance[]): Map<string, NacosInstance> {
  return new Map(instances.map((one) => [instanceKey(one), one]));
}

function hasNew(now: readonly NacosInstance[], before: readonly NacosInstance[]): boolean {
  const known = byKey(before);
  return now.some((one) => !known.has(instanceKey(one)));
}

function withDoubts(
  heard: readonly NacosInstance[],
  ours: ReadonlyMap<string, NacosInstance>,
  doubts: ReadonlyMap<string, Doubt>,
): readonly NacosInstance[] {
  const believed = heard.filter((one) => !doubts.has(instanceKey(one)));
  for (const key of doubts.keys()) {
    const one = ours.get(key);
    if (one !== undefined) believed.push(one);
  }
  return believed.sort(byAddress);
}
