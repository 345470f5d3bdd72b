import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "prom-client";
import { SlimeMetrics } from "./slime-metrics.ts";
import type { PublishSummary } from "./publish-summary.ts";

const published = ["created", "updated", "emptied", "deleted"] as const;

/** Metrics that all collectors of a process have in common; each counts under its own label. */
interface Families {
  readonly polls: Counter;
  readonly pollSeconds: Histogram;
  readonly changes: Readonly<Record<(typeof published)[number], Counter>>;
  readonly invalidRecords: Counter;
  readonly slime: SlimeMetrics;
}

/** Values that are read at each scrape. */
interface Watched {
  readonly isReachable: () => boolean;
  /** By the monotonic clock; undefined: never. */
  readonly lastReadMs: () => number | undefined;
  /** Losses that the guard holds. */
  readonly held: () => number;
  /** Replicas that haven't published their share under the current term. */
  readonly unsettled: () => number;
}

const watchedOf = new WeakMap<Registry, Map<string, Watched>>();

const familiesOf = new WeakMap<Registry, Families>();

/**
 * A collector's metrics. Names that slime has keep their meaning; counters count up only. Series whose labels are known
 * exist at 0 from the start.
 */
export class CollectorMetrics {
  readonly invalidRecords: Counter.Internal;
  readonly #source: string;
  readonly #families: Families;
  readonly #watched: Map<string, Watched>;

  constructor(registry: Registry, source: string) {
    const families = familiesOf.get(registry) ?? createFamilies(registry);
    familiesOf.set(registry, families);
    const watched = watchedOf.get(registry) ?? createGauges(registry);
    watchedOf.set(registry, watched);
    this.#watched = watched;
    this.#families = families;
    this.#source = source;
    this.invalidRecords = families.invalidRecords.labels(source);
    this.invalidRecords.inc(0);
    for (const status of ["true", "false"]) {
      families.polls.inc({ source, status }, 0);
      families.pollSeconds.zero({ source, status });
    }
    for (const what of published) families.changes[what].inc({ source }, 0);
    families.slime.start(source);
  }

  /** Counts a request to the registry. */
  requested(success: boolean): void {
    this.#families.slime.requested(this.#source, success);
  }

  /** Shows these in the gauges of the source, from now on. */
  watch(watched: Watched): void {
    this.#watched.set(this.#source, watched);
  }

  /** Counts a round. */
  polled(success: boolean, seconds: number): void {
    const labels = { source: this.#source, status: String(success) };
    this.#families.polls.inc(labels);
    this.#families.pollSeconds.observe(labels, seconds);
  }

  /** Counts what was published. */
  published(summary: PublishSummary): void {
    const labels = { source: this.#source };
    for (const what of published) this.#families.changes[what].inc(labels, summary[what]);
    this.#families.slime.published(this.#source, summary);
  }
}

function createFamilies(registry: Registry): Families {
  const registers = [registry];
  const labelNames = ["source"];
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers });
  return {
    polls: new Counter({
      name: "meshregistry_pollings_count",
      help: "Rounds of reading a registry.",
      labelNames: ["source", "status"],
      registers,
    }),
    pollSeconds: new Histogram({
      name: "meshregistry_polling_time",
      help: "Seconds of a round of reading a registry.",
      labelNames: ["source", "status"],
      buckets: [0.01, 0.1, 0.5, 1, 3, 5, 8, 10, 20, 30, 60, 90, 120],
      registers,
    }),
    changes: {
      created: counter("meshregistry_service_entry_creation", "ServiceEntries published for the first time."),
      updated: counter("meshregistry_service_entry_update", "ServiceEntries published with other content."),
      emptied: counter("meshregistry_service_entry_deletion", "ServiceEntries that lost all endpoints."),
      deleted: counter(
        "meshregistry_service_entry_removal",
        "ServiceEntries removed after having been empty.",
      ),
    },
    invalidRecords: counter("meshregistry_invalid_records_total", "Registry records that can't be used."),
    slime: new SlimeMetrics(registry),
  };
}

function createGauges(registry: Registry): Map<string, Watched> {
  const sources = new Map<string, Watched>();
  const gauge = (name: string, help: string, valueOf: (watched: Watched) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ["source"],
      registers: [registry],
      collect() {
        for (const [source, watched] of sources) {
          const value = valueOf(watched);
          if (value !== undefined) this.set({ source }, value);
        }
      },
    });
  gauge(
    "meshregistry_held_service_entries",
    "ServiceEntries whose losses are held back by the mass-deletion guard.",
    ({ held }) => held(),
  );
  gauge(
    "meshregistry_term_unsettled_members",
    "Replicas that haven't published their share of the source yet: above 0 the source gets no sync marker.",
    ({ unsettled }) => unsettled(),
  );
  gauge(
    "meshregistry_source_connection_status",
    "1 while the registry can be read, 0 while it can't: slime's name, which it has for ZooKeeper only.",
    ({ isReachable }) => Number(isReachable()),
  );
  gauge(
    "meshregistry_registry_reachable",
    "1 while the registry can be read, 0 while it can't.",
    ({ isReachable }) => Number(isReachable()),
  );
  gauge(
    "meshregistry_registry_last_read_age_seconds",
    "Seconds since the registry was last read well.",
    ({ lastReadMs }) => {
      const atMs = lastReadMs();
      return atMs === undefined ? undefined : (performance.now() - atMs) / 1000;
    },
  );
  return sources;
}
