import { Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { ConflictBook } from "./conflict-book.ts";
import { outcomes } from "./settlement.ts";

/** Registers how many hosts several entries claim, counted at each scrape. */
export function registerConflictMetrics(conflicts: ConflictBook, metrics: Registry): void {
  const gauge = new Gauge({
    name: "meshregistry_host_conflicts",
    help:
      "Hosts that several entries claim, by outcome: merged (one entry of all); unmergeable (some endpoints are not " +
      "served); preferred (those of one source are served); separate (an entry for each).",
    labelNames: ["outcome"],
    registers: [],
    collect() {
      for (const outcome of outcomes) this.set({ outcome }, conflicts.counts[outcome]);
    },
  });
  const endpoints = new Gauge({
    name: "meshregistry_conflict_endpoints",
    help: "Endpoints of entries whose host several entries claim, by source.",
    labelNames: ["registry", "source"],
    registers: [],
    collect() {
      this.reset();
      for (const { registry, source, endpoints } of conflicts.contestedEntries()) {
        this.inc({ registry, source }, endpoints);
      }
    },
  });
  metrics.registerMetric(gauge);
  metrics.registerMetric(endpoints);
}
