import { leaseDurationMs } from "../../../shared/model/collector-lease.ts";
import type { CollectorLease } from "../../../shared/model/collector-lease.ts";

/** How long a collector that is gone stays in the book while another one reads its source, in milliseconds. */
const rememberedMs = 600_000;

/**
 * How a collector is:
 *
 * - `live`: it renews its lease;
 * - `lost`: it hasn't renewed it in time: it was killed, or is cut off;
 * - `left`: it gave its lease back, as a collector does that is stopped.
 */
export type CollectorStatus = "live" | "lost" | "left";

/** A replica of a collector, as the aggregator knows it. Times are of the clock that is handed in. */
export interface KnownCollector {
  readonly lease: CollectorLease;
  readonly status: CollectorStatus;
  readonly lastSignMs: number;
}

/** What a person should be told of a collector. */
export interface CollectorChange {
  readonly what: "appeared" | "lost" | "left" | "failing" | "recovered";
  readonly collector: KnownCollector;
}

interface Entry extends KnownCollector {
  /** The lease is lost then, unless it is renewed. */
  readonly untilMs: number;
}

/** The collectors of all sources, by the subjects of their leases. The time is handed in. */
export class CollectorBook {
  readonly #entries = new Map<string, Entry>();

  /** The collectors of a source: live ones first, then those with the youngest sign. */
  of(registry: string, source: string): readonly KnownCollector[] {
    return [...this.#entries.values()]
      .filter(({ lease }) => lease.registry === registry && lease.source === source)
      .sort((a, b) =>
        Number(b.status === "live") - Number(a.status === "live") || b.lastSignMs - a.lastSignMs
      );
  }

  /** The sources that have, or had, a collector. */
  get sources(): readonly Pick<CollectorLease, "registry" | "source">[] {
    const sources = new Map<string, Pick<CollectorLease, "registry" | "source">>();
    for (const { lease: { registry, source } } of this.#entries.values()) {
      sources.set(`${registry}\0${source}`, { registry, source });
    }
    return [...sources.values()];
  }

  /** A collector has renewed its lease. */
  renew(subject: string, lease: CollectorLease, nowMs: number): readonly CollectorChange[] {
    const before = this.#entries.get(subject);
    const collector: Entry = { lease, status: "live", lastSignMs: nowMs, untilMs: nowMs + leaseDurationMs };
    this.#entries.set(subject, collector);
    const changes: CollectorChange[] = [];
    const isNew = before?.status !== "live";
    if (isNew) changes.push({ what: "appeared", collector });
    const couldRead = isNew || before.lease.error === null;
    if (couldRead && lease.error !== null) changes.push({ what: "failing", collector });
    else if (!isNew && !couldRead && lease.error === null) changes.push({ what: "recovered", collector });
    return changes;
  }

  /** A collector has given its lease back. */
  leave(subject: string): readonly CollectorChange[] {
    return this.#end(subject, "left");
  }

  /**
   * Looks for leases that were not renewed. While the bucket can't be read nothing is concluded: every lease gets its
   * time anew when it can be.
   */
  tick(nowMs: number, canBeRead: boolean): readonly CollectorChange[] {
    const changes: CollectorChange[] = [];
    for (const [subject, entry] of this.#entries) {
      const { status, untilMs, lastSignMs, lease: { registry, source } } = entry;
      if (status !== "live") {
        const isReplaced = this.of(registry, source)[0]?.lastSignMs !== lastSignMs;
        if (isReplaced && nowMs - lastSignMs > rememberedMs) this.#entries.delete(subject);
      } else if (!canBeRead) this.#entries.set(subject, { ...entry, untilMs: nowMs + leaseDurationMs });
      else if (nowMs >= untilMs) changes.push(...this.#end(subject, "lost"));
    }
    return changes;
  }

  #end(subject: string, what: "lost" | "left"): readonly CollectorChange[] {
    const entry = this.#entries.get(subject);
    if (entry?.status !== "live") return [];
    const collector: Entry = { ...entry, status: what };
    this.#entries.set(subject, collector);
    return [{ what, collector }];
  }
}
