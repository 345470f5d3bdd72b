import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { ResourceCache } from "../catalogue/cache.ts";
import { registerConflictMetrics } from "./conflict-metrics.ts";
import { http80, resourceOf, subjectOf } from "./conflict-rig.ts";
import type { RigEntry } from "./conflict-rig.ts";
import { ConflictRules } from "./conflict-rules.ts";

/** The values of a gauge that aren't 0, by the values of its labels. */
async function valuesOf(metrics: Registry, name: string): Promise<Record<string, number>> {
  const { values = [] } = await metrics.getSingleMetric(name)?.get() ?? {};
  return Object.fromEntries(
    values.filter(({ value }) => value !== 0).map((
      { labels, value },
    ) => [Object.values(labels).join("/"), value]),
  );
}

test("hosts are counted by outcome, and endpoints by source, as long as the conflict lasts", async () => {
  const hosts = [{ pattern: "p*", mode: "prefer", order: [] }, {
    pattern: "s*",
    mode: "separate",
    order: [],
  }] as const;
  const rules = new ConflictRules({ mode: "merge", order: [], hosts, hidesEmpty: true });
  const cache = new ResourceCache({ rules });
  const metrics = new Registry();
  registerConflictMetrics(cache.conflicts, metrics);
  const outcomes = () => valuesOf(metrics, "meshregistry_host_conflicts");
  const endpoints = () => valuesOf(metrics, "meshregistry_conflict_endpoints");
  expect(await outcomes()).toEqual({});

  const first = (name: string, last: number): RigEntry => ({
    registry: "eureka",
    name,
    hosts: [`${name}.shop`],
    endpoints: [`10.0.0.${last}`],
  });
  const second = (name: string, ...last: readonly number[]): RigEntry => ({
    registry: "zookeeper",
    source: "east",
    name: `${name}-zk`,
    hosts: [`${name.toUpperCase()}.shop`],
    endpoints: last.map((each) => `10.0.1.${each}`),
  });
  const tcp: RigEntry = { ...second("tcp", 1, 2), ports: [{ ...http80, protocol: "TCP" }] };
  const all = ["merged", "preferred", "separate", "tcp", "alone"].map((name) => first(name, 1));
  const others = [second("merged", 1, 2), second("preferred", 1), second("separate", 1), tcp];
  for (const entry of [...all, ...others]) cache.put("ServiceEntry", resourceOf(entry));
  expect(await outcomes()).toEqual({ merged: 1, preferred: 1, separate: 1, unmergeable: 1 });
  expect(await endpoints()).toEqual({ "eureka/default": 4, "zookeeper/east": 6 });

  // Endpoints of one source only, then none of it, then the end of a conflict.
  cache.put("ServiceEntry", resourceOf(second("merged", 1)));
  expect(await endpoints()).toEqual({ "eureka/default": 4, "zookeeper/east": 5 });
  cache.put("ServiceEntry", resourceOf(second("merged")));
  expect(await outcomes()).toEqual({ merged: 1, preferred: 1, separate: 1, unmergeable: 1 });
  expect(await endpoints()).toEqual({ "eureka/default": 4, "zookeeper/east": 4 });
  for (const entry of others) cache.delete("ServiceEntry", subjectOf(entry), "s-000009");
  expect(await outcomes()).toEqual({});
  expect(await endpoints()).toEqual({});
});

test("endpoints of a host are counted only if some client sees two entries of it", async () => {
  const cache = new ResourceCache();
  const metrics = new Registry();
  registerConflictMetrics(cache.conflicts, metrics);
  const endpoints = () => valuesOf(metrics, "meshregistry_conflict_endpoints");
  const canary = { registry: "zookeeper", labels: { "istio.io/rev": "canary" } };
  const stable = { registry: "eureka", labels: { "istio.io/rev": "stable" } };
  for (const entry of [canary, stable]) cache.put("ServiceEntry", resourceOf(entry));
  // One name, and hosts of their own.
  for (const registry of ["eureka", "nacos"]) {
    const entry = { registry, namespace: "n", name: "x", hosts: [`${registry}.shop`] };
    cache.put("ServiceEntry", resourceOf(entry));
  }
  expect(await endpoints()).toEqual({});

  // Another host of one of them is another one's, too.
  const linked = { hosts: ["eureka.shop"], namespace: "n", name: "y", endpoints: ["10.0.0.5", "10.0.0.6"] };
  cache.put("ServiceEntry", resourceOf({ ...linked, registry: "zookeeper" }));
  expect(await endpoints()).toEqual({ "eureka/default": 1, "zookeeper/default": 2 });
});
