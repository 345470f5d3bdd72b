import { Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import type { CollectorWatch } from "./collector-watch.ts";
import type { SourceOverview } from "./source-overview.ts";

const labelNames = ["registry", "source"];

/** Registers what the aggregator knows of the entry log, and of the collectors of each source, at each scrape. */
export function registerSourceMetrics(
  entryLog: EntryLog,
  overview: SourceOverview,
  collectors: CollectorWatch,
  metrics: Registry,
): void {
  const gauge = (
    name: string,
    help: string,
    collect: (set: (labels: Readonly<Record<string, string>>, value: number) => void) => void,
    labels: readonly string[] = labelNames,
  ) => {
    const registered: Gauge = new Gauge({
      name,
      help,
      labelNames: [...labels],
      registers: [],
      collect() {
        this.reset();
        collect((values, value) => this.set(values, value));
      },
    });
    metrics.registerMetric(registered);
  };
  gauge(
    "meshregistry_entry_log_readable",
    "1 if the entry log can be read, else 0: what was read stays served.",
    (set) => set({}, entryLog.status().connected ? 1 : 0),
    [],
  );
  gauge(
    "meshregistry_source_collectors",
    "Collectors of a source, by state: live, lost (no sign for 3.5 s) or left (stopped).",
    (set) => {
      for (const { registry, source } of overview.names) {
        const counts = { live: 0, lost: 0, left: 0 };
        for (const { status } of collectors.of({ registry, source })) counts[status]++;
        for (const [state, count] of Object.entries(counts)) set({ registry, source, state }, count);
      }
    },
    [...labelNames, "state"],
  );
  gauge(
    "meshregistry_source_sign_age_seconds",
    "Time since any collector of the source gave a sign of life.",
    (set) => {
      for (const { registry, source } of overview.names) {
        const ages = collectors.of({ registry, source }).map((collector) => collectors.ageMs(collector));
        if (ages.length > 0) set({ registry, source }, Math.min(...ages) / 1000);
      }
    },
  );
  gauge(
    "meshregistry_source_read_age_seconds",
    "Time since any collector read the registry well, as the collectors say.",
    (set) => {
      for (const { registry, source } of overview.names) {
        const reads = collectors.of({ registry, source }).map(({ lease }) =>
          Date.parse(lease.lastReadAt ?? "")
        );
        const last = Math.max(...reads.filter((at) => !Number.isNaN(at)));
        if (Number.isFinite(last)) set({ registry, source }, Math.max(0, (Date.now() - last) / 1000));
      }
    },
  );
  gauge(
    "meshregistry_source_readable",
    "1 if a live collector of the source can read its registry, else 0.",
    (set) => {
      for (const { registry, source } of overview.names) {
        const isRead = collectors.of({ registry, source }).some(({ status, lease }) =>
          status === "live" && lease.error === null
        );
        set({ registry, source }, isRead ? 1 : 0);
      }
    },
  );
  gauge(
    "meshregistry_source_synced",
    "1 if a configured source has been read completely, else 0.",
    (set) => {
      for (const name of overview.names) {
        const { registry, source, state } = overview.status(name);
        if (state !== "not configured") set({ registry, source }, state === "synced" ? 1 : 0);
      }
    },
  );
}
