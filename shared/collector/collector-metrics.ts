import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "prom-client";
import type { PublishSummary, SidecarSummary } from "./publish-summary.ts";

const changesOfServiceEntries = ["created", "updated", "emptied", "deleted"] as const;
const changesOfSidecars = ["created", "updated", "deleted"] as const;

/** A collector's metrics. Names that slime has keep their meaning; counters count up only. */
export class CollectorMetrics {
  readonly invalidRecords: Counter.Internal;
  readonly #source: string;
  readonly #polls: Counter;
  readonly #pollSeconds: Histogram;
  readonly #changes: Readonly<Record<(typeof changesOfServiceEntries)[number], Counter>>;
  readonly #sidecarChanges: Readonly<Record<keyof SidecarSummary, Counter>>;
  readonly #held: Gauge;

  constructor(registry: Registry, source: string) {
    const registers = [registry];
    const labelNames = ["source"];
    const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers });
    this.#source = source;
    this.#polls = new Counter({
      name: "meshregistry_pollings_count",
      help: "Rounds of reading a registry.",
      labelNames: ["source", "status"],
      registers,
    });
    this.#pollSeconds = new Histogram({
      name: "meshregistry_polling_time",
      help: "Seconds of a round of reading a registry.",
      labelNames: ["source", "status"],
      buckets: [0.01, 0.1, 0.5, 1, 3, 5, 8, 10, 20, 30, 60, 90, 120],
      registers,
    });
    this.#changes = {
      created: counter("meshregistry_service_entry_creation", "ServiceEntries published for the first time."),
      updated: counter("meshregistry_service_entry_update", "ServiceEntries published with other content."),
      emptied: counter("meshregistry_service_entry_deletion", "ServiceEntries that lost all endpoints."),
      deleted: counter(
        "meshregistry_service_entry_removal",
        "ServiceEntries removed after having been empty.",
      ),
    };
    this.#sidecarChanges = {
      created: counter("meshregistry_sidecar_creation", "Sidecars published for the first time."),
      updated: counter("meshregistry_sidecar_update", "Sidecars published with other content."),
      deleted: counter("meshregistry_sidecar_deletion", "Sidecars removed with their applications."),
    };
    this.#held = new Gauge({
      name: "meshregistry_held_service_entries",
      help: "ServiceEntries whose losses are held back by the mass-deletion guard.",
      labelNames,
      registers,
    });
    this.invalidRecords = counter(
      "meshregistry_invalid_records_total",
      "Registry records that can't be used.",
    )
      .labels(source);
  }

  /** Counts a round. */
  polled(success: boolean, seconds: number): void {
    const labels = { source: this.#source, status: String(success) };
    this.#polls.inc(labels);
    this.#pollSeconds.observe(labels, seconds);
  }

  /** Counts what was published. */
  published(summary: PublishSummary): void {
    const labels = { source: this.#source };
    for (const what of changesOfServiceEntries) {
      if (summary[what] > 0) this.#changes[what].inc(labels, summary[what]);
    }
    for (const what of changesOfSidecars) {
      const count = summary.sidecars?.[what] ?? 0;
      if (count > 0) this.#sidecarChanges[what].inc(labels, count);
    }
    this.#held.set(labels, summary.held);
  }
}
