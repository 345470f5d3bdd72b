import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "prom-client";
import type { PublishSummary } from "./publish-summary.ts";

const published = ["created", "updated", "emptied", "deleted"] as const;

/** Metrics that all collectors of a process have in common; each counts under its own label. */
interface Families {
  readonly polls: Counter;
  readonly pollSeconds: Histogram;
  readonly changes: Readonly<Record<(typeof published)[number], Counter>>;
  readonly held: Gauge;
  readonly invalidRecords: Counter;
}

const familiesOf = new WeakMap<Registry, Families>();

/** A collector's metrics. Names that slime has keep their meaning; counters count up only. */
export class CollectorMetrics {
  readonly invalidRecords: Counter.Internal;
  readonly #source: string;
  readonly #families: Families;

  constructor(registry: Registry, source: string) {
    const families = familiesOf.get(registry) ?? createFamilies(registry);
    familiesOf.set(registry, families);
    this.#families = families;
    this.#source = source;
    this.invalidRecords = families.invalidRecords.labels(source);
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
    for (const what of published) {
      if (summary[what] > 0) this.#families.changes[what].inc(labels, summary[what]);
    }
    this.#families.held.set(labels, summary.held);
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
    held: new Gauge({
      name: "meshregistry_held_service_entries",
      help: "ServiceEntries whose losses are held back by the mass-deletion guard.",
      labelNames,
      registers,
    }),
    invalidRecords: counter("meshregistry_invalid_records_total", "Registry records that can't be used."),
  };
}
