import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { AggregatorMetrics } from "../../services/aggregator/metrics.ts";
import { CollectorMetrics } from "../../shared/collector/collector-metrics.ts";

/*
 * The metrics of a running slime that has read three Eureka services twice, against ours after the same: the alerts of
 * slime's users go on to find what they look for.
 */

const live = join(import.meta.dirname, "../data/slime-live/metrics.txt");

/** Times and bounds differ from run to run, and slime's library adds its own name. */
function seriesOf(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = /^(meshregistry_\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    const [, name = "", labels = "", value] = match ?? [];
    if (match === null || /_(bucket|sum)$/.test(name)) continue;
    const own = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].filter(([, key = ""]) =>
      !key.startsWith("otel_")
    )
      .map(([pair]) => pair).sort();
    found.set(`${name}{${own.join(",")}}`, Number(value));
  }
  return found;
}

/** slime counts pushes as a whole, ours also tells of what and to whom. */
function isOnlyTotal(series: string): boolean {
  return series.startsWith("meshregistry_mcp_push_count");
}

const nothing = { created: 0, updated: 0, emptied: 0, deleted: 0, unchanged: 0, held: 0 };

describe("metrics", () => {
  test("have slime's names, labels and values", async () => {
    const registry = new Registry();
    const aggregator = new AggregatorMetrics(registry);
    const collector = new CollectorMetrics(registry, "eureka");
    aggregator.enabledSources.set(1);
    for (const _poll of [1, 2]) {
      collector.requested(true);
      collector.polled(true, 0.004);
    }
    collector.published({ ...nothing, created: 3 });
    collector.published({ ...nothing, unchanged: 3 });
    for (const what of ["eureka", "sources"]) aggregator.ready(what);
    const ours = seriesOf(await registry.metrics());
    const slime = seriesOf(await readFile(live, "utf8"));
    expect(slime.size).toBeGreaterThan(8);
    for (const [series, value] of slime) {
      if (!isOnlyTotal(series)) expect.soft(ours.get(series), series).toBe(value);
    }
  });

  test("of changes of all kinds", async () => {
    const registry = new Registry();
    const collector = new CollectorMetrics(registry, "zookeeper");
    collector.watch({
      isReachable: () => true,
      lastReadMs: () => undefined,
      held: () => 0,
      unsettled: () => 0,
    });
    collector.requested(false);
    collector.published({
      ...nothing,
      updated: 1,
      emptied: 2,
      deleted: 4,
      sidecars: { created: 5, updated: 6, deleted: 1 },
    });
    const text = await registry.metrics();
    const series = seriesOf(text);
    const of = (name: string, labels = "") => series.get(`meshregistry_${name}{${labels}source="zookeeper"}`);
    expect(of("service_entry_total")).toBe(0);
    expect(of("service_entry_deletion")).toBe(2);
    expect([of("sidecar_creation"), of("sidecar_update"), of("sidecar_deletion"), of("sidecar_total")])
      .toEqual(
        [5, 6, 1, 4],
      );
    expect(of("source_connection_status")).toBe(1);
    const events = Object.fromEntries(
      [...series].flatMap(([name, value]) => {
        const [, kind, event] = /source_event_count.*Schema\]\((\w+),.*event_type="(\w+)"/.exec(name) ?? [];
        return kind === undefined ? [] : [[`${kind} ${event}`, value]];
      }),
    );
    expect(events).toEqual({
      "ServiceEntry Added": 0,
      "ServiceEntry Updated": 3,
      "ServiceEntry Deleted": 4,
      "Sidecar Added": 5,
      "Sidecar Updated": 6,
      "Sidecar Deleted": 1,
    });
    expect(text).toContain('meshregistry_source_client_request_count{source="zookeeper",status="false"} 1');
  });

  test("exist at zero", async () => {
    const registry = new Registry();
    const aggregator = new AggregatorMetrics(registry);
    new CollectorMetrics(registry, "eureka").published(nothing);
    const atZero = [
      'xds_clients{dialect="none"}',
      'xds_clients{dialect="delta"}',
      'xds_dropped_clients_total{reason="ack-timeout"}',
      'mcp_push_count{kind="ServiceEntry",dialect="stateOfTheWorld"}',
      'resources{kind="Sidecar"}',
      'pollings_count{source="eureka",status="false"}',
      'polling_time_count{source="eureka",status="true"}',
      'service_entry_deletion{source="eureka"}',
      'source_client_request_count{source="eureka",status="false"}',
      'sidecar_total{source="eureka"}',
      'invalid_records_total{source="eureka"}',
    ];
    const text = await registry.metrics();
    for (const series of atZero) expect.soft(text).toContain(`meshregistry_${series} 0\n`);
    aggregator.countClients(["delta", undefined]);
    aggregator.countClients([]);
    expect(await registry.metrics()).toContain('meshregistry_xds_clients{dialect="delta"} 0\n');
  });
});
