import { resourceKinds } from "../../../shared/model/manifest.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import type { Doubt, SourceName } from "../ingest/doubts.ts";
import type { StreamIngest } from "../ingest/ingest.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import type { SourceState, SyncGate } from "../ingest/sync-gate.ts";
import type { KnownCollector } from "./collector-book.ts";
import type { CollectorWatch } from "./collector-watch.ts";

/** Collectors that gave no sign for this long after the start are missing, in milliseconds. */
const missingAfterMs = 10_000;

/** How often the sources of the served resources are counted at most, in milliseconds. */
const countEveryMs = 5000;

export interface SourceOverviewOptions {
  readonly cache: ResourceCache;
  readonly gate: SyncGate;
  readonly ingest: StreamIngest;
  readonly collectors: CollectorWatch;
  readonly configured: readonly SourceName[];
}

/** A source as `/sources` shows it. */
export interface SourceStatus extends SourceName {
  /** Why a person should look at the source; null if there is no reason. */
  readonly remark: string | null;
  readonly state: SourceState | "not configured";
  /** The last proof that the source was read completely. */
  readonly marker: { readonly at: string; readonly entries: number; readonly held: number } | null;
  /** Resources of the source that are served, or shadowed by another source. */
  readonly resources: number;
  /** Resources that the entry log hasn't shown again since it was reset. */
  readonly unconfirmed: number;
  /** Resources that this aggregator holds. */
  readonly held: number;
  /** Collectors that live and haven't published their share: until they have, there is no new marker. */
  readonly unsettled: readonly string[];
  readonly collectors: readonly CollectorStatus[];
}

/** A collector as `/sources` shows it. */
export interface CollectorStatus {
  readonly member: string;
  readonly status: KnownCollector["status"];
  readonly lastSignAgeMs: number;
  /** How its view of the registry is. */
  readonly view: string;
  /** RFC 3339; null: the registry was never read. */
  readonly lastReadAt: string | null;
  readonly error: string | null;
  readonly failingSince: string | null;
  /** Why the entry log takes nothing that it publishes; null: it does, as far as is known. */
  readonly unpublished: string | null;
  readonly published: number;
  /** Losses that its guard holds. */
  readonly held: number;
  readonly version: string;
  readonly startedAt: string;
}

/** What is known of every source: configured ones, and those that have resources or collectors all the same. */
export class SourceOverview {
  readonly #options: SourceOverviewOptions;
  #counted: { readonly atMs: number; readonly bySource: ReadonlyMap<string, Counted> } | undefined;

  constructor(options: SourceOverviewOptions) {
    this.#options = options;
  }

  /** All sources, configured ones first. */
  get names(): readonly SourceName[] {
    const { configured, collectors } = this.#options;
    const names = new Map<string, SourceName>();
    for (const { registry, source } of [...configured, ...this.#counts.values(), ...collectors.sources]) {
      names.set(sourceKey(registry, source), { registry, source });
    }
    return [...names.values()];
  }

  /** Sources that have resources and are not configured. */
  get foreign(): readonly (SourceName & { readonly resources: number })[] {
    return [...this.#counts.values()].filter((source) => !this.isConfigured(source));
  }

  isConfigured({ registry, source }: SourceName): boolean {
    return this.#options.configured.some((each) => each.registry === registry && each.source === source);
  }

  status(name: SourceName): SourceStatus {
    const { ingest, gate, collectors } = this.#options;
    const { registry, source } = name;
    const key = sourceKey(registry, source);
    const marker = ingest.markerOf(name);
    const doubts = [...ingest.doubtsOf(name).values()];
    const held = doubts.filter(({ why }) => why === "held").length;
    return {
      registry,
      source,
      remark: this.remarkOn(name) ?? null,
      state: gate.states.get(key) ?? "not configured",
      marker: marker === undefined ? null : { at: marker.at, entries: marker.entries, held: marker.held },
      resources: this.#counts.get(key)?.resources ?? 0,
      unconfirmed: doubts.length - held,
      held,
      unsettled: this.#unsettled(name, "unsettled"),
      collectors: collectors.of(name).map((collector) => this.#collector(collector)),
    };
  }

  /** What a person should know of any source though the aggregator is ready. */
  get remarks(): readonly string[] {
    return this.names.map((name) => this.remarkOn(name)).filter((remark) => remark !== undefined);
  }

  /** Why a person should look at a source; undefined if there is no reason. */
  remarkOn(name: SourceName): string | undefined {
    const { gate, ingest } = this.#options;
    const { registry, source } = name;
    const key = sourceKey(registry, source);
    if (!this.isConfigured(name)) {
      const resources = this.#counts.get(key)?.resources ?? 0;
      return resources === 0
        ? undefined
        : `${resources} resources of ${key} are served though it isn't configured: configure it, or retire it ` +
          `(POST /meshregistry/sources/${registry}/${source}/retire)`;
    }
    const problem = this.problemOf(name);
    const isMissing = gate.open && gate.states.get(key) === "timed-out";
    if (isMissing) {
      return `${key} is missing, its waitTime is over: ${problem ?? "it hasn't been read completely yet"}`;
    }
    if (problem !== undefined) return `${key}: ${problem}`;
    const unpublished = this.#options.collectors.of(name).find(({ status, lease }) =>
      status === "live" && lease.unpublished !== undefined
    )?.lease;
    if (unpublished !== undefined) {
      return `${key}: changes are missing, ${unpublished.member} can't publish: ${unpublished.unpublished}`;
    }
    const stuck = this.#unsettled(name, "stuck");
    if (stuck.length > 0) {
      return `${key}: no sync marker: ${
        stuck.join(", ")
      } hasn't published its share; see its log, or restart it`;
    }
    const held = heldIn(ingest.doubtsOf(name).values());
    return held === 0
      ? undefined
      : `${key}: ${held} resources are held since the entry log was reset (/meshregistry/collectors/${registry}/held)`;
  }

  /** Why changes of a source can't be read now; undefined if they can be, or nothing is known. */
  problemOf(name: SourceName): string | undefined {
    const { collectors } = this.#options;
    const { listeningMs } = collectors;
    if (listeningMs === undefined) return undefined;
    const known = collectors.of(name);
    const live = known.filter(({ status }) => status === "live");
    const [failing] = live;
    if (failing !== undefined) {
      const { error, failingSince } = failing.lease;
      if (error === null || live.some(({ lease }) => lease.error === null)) return undefined;
      return `it can't be read${failingSince === null ? "" : ` since ${failingSince}`}: ${error}`;
    }
    const [last] = known;
    const { unstored } = collectors;
    const unheard = unstored === undefined ? "" : `; no sign of life can be stored: ${unstored}`;
    if (last !== undefined) {
      const seconds = Math.round(collectors.ageMs(last) / 1000);
      return `no collector runs; the last, ${last.lease.member}, ${
        last.status === "left" ? "was stopped" : "gave its last sign"
      } ${seconds} s ago${unheard}`;
    }
    return listeningMs < missingAfterMs ? undefined : `no collector has given a sign yet${unheard}`;
  }

  /** The living collectors of a source that one of the others says this of. One that is lost gets no share any more. */
  #unsettled(name: SourceName, how: "unsettled" | "stuck"): readonly string[] {
    const live = this.#options.collectors.of(name).filter(({ status }) => status === "live");
    const named = new Set(live.flatMap(({ lease }) => lease[how] ?? []));
    return live.map(({ lease }) => lease.member).filter((member) => named.has(member)).sort();
  }

  #collector(collector: KnownCollector): CollectorStatus {
    const { lease, status } = collector;
    const { member, state, lastReadAt, error, failingSince, published, held, version, startedAt } = lease;
    const { unpublished = null } = lease;
    const lastSignAgeMs = Math.round(this.#options.collectors.ageMs(collector));
    return {
      member,
      status,
      lastSignAgeMs,
      view: state,
      lastReadAt,
      error,
      failingSince,
      unpublished,
      published,
      held,
      version,
      startedAt,
    };
  }

  get #counts(): ReadonlyMap<string, Counted> {
    const nowMs = performance.now();
    if (this.#counted === undefined || nowMs - this.#counted.atMs >= countEveryMs) {
      this.#counted = { atMs: nowMs, bySource: countBySource(this.#options.cache) };
    }
    return this.#counted.bySource;
  }
}

interface Counted extends SourceName {
  resources: number;
}

function countBySource(cache: ResourceCache): ReadonlyMap<string, Counted> {
  const counts = new Map<string, Counted>();
  for (const kind of resourceKinds) {
    for (const { registry, source } of cache.allStored(kind)) {
      const key = sourceKey(registry, source);
      const counted = counts.get(key);
      if (counted === undefined) counts.set(key, { registry, source, resources: 1 });
      else counted.resources++;
    }
  }
  return counts;
}

function heldIn(doubts: Iterable<Doubt>): number {
  let held = 0;
  for (const { why } of doubts) if (why === "held") held++;
  return held;
}
