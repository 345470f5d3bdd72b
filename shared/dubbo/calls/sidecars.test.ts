import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { atOnce } from "../../runtime/turns.ts";
import { Bench, hourMs, startMs } from "./sidecars-rig.ts";

describe("Sidecars of both profiles", () => {
  it.each(["istio", "slime"] as const)("survive a restart with what was held back (%s)", (profile) => {
    const first = new Bench({ profile });
    first.service("a.A", ["p"], ["web", "old"]);
    first.service("b.B", ["p"], ["web"]);
    first.publish();
    first.service("a.A", ["p"], []);
    first.publish();
    const published = [...first.sidecars.manifests()];

    const second = new Bench({ profile }, published, startMs + 10 * hourMs);
    second.service("a.A", ["p"], []);
    second.service("b.B", ["p"], ["web"]);
    expect(second.publish()).toEqual({ upserts: [], gone: [] });
    expect([...second.sidecars.manifests()]).toEqual(published);
    expect(second.dueInMs()).toBe(14 * hourMs);
    second.nowMs += 14 * hourMs;
    expect(second.publish()).toMatchObject({
      upserts: [{ metadata: { name: "web.dubbo.generated" } }],
      gone: [{ name: "old.dubbo.generated" }],
    });
  });

  it("drop nothing while what is missing is no evidence", () => {
    const bench = new Bench({ trimIntervalMs: 0 });
    bench.service("a.A", ["p"], ["web"]);
    bench.publish();
    bench.service("a.A", [], []);
    expect(bench.publish(false).gone).toEqual([]);
    expect(bench.dueInMs(false)).toBeUndefined();
    expect(bench.dueInMs(true)).toBe(0);
    expect(bench.publish().gone.length).toBe(2);
  });

  it("are planned at once after a quiet time, then once a second", () => {
    const bench = new Bench();
    expect(bench.dueInMs()).toBeUndefined();
    bench.service("a.A", ["p"], ["web"]);
    expect(bench.dueInMs()).toBe(0);
    bench.publish();
    bench.nowMs += 300;
    bench.service("b.B", ["p"], ["web"]);
    expect(bench.dueInMs()).toBe(700);
    bench.nowMs -= hourMs;
    expect(bench.dueInMs()).toBe(1_000);
  });

  it("are planned again until they are published", () => {
    const bench = new Bench({ trimIntervalMs: 0 });
    bench.service("a.A", ["p"], ["web"]);
    const plan = bench.plan();
    expect(bench.publish()).toEqual(plan);
    bench.service("a.A", [], []);
    expect(bench.plan().gone.length).toBe(2);
    expect(bench.plan().gone.length).toBe(2);
    bench.service("a.A", ["p"], ["web"]);
    expect(bench.plan()).toMatchObject({ upserts: [{}, {}], gone: [] });
  });

  it("are planned again where the log refused them", () => {
    const bench = new Bench();
    bench.service("a.A", ["p"], ["web"]);
    const [refused] = bench.plan().upserts;
    const unit = bench.sidecars.unitOf(refused?.metadata.name ?? "");
    expect(bench.publish(true, new Set([unit])).upserts).toHaveLength(2);
    expect(bench.dueInMs()).toBe(1_000);
    expect(bench.publish().upserts).toEqual([refused]);
    expect(bench.publish().upserts).toEqual([]);
  });

  it("are planned in a step for each application", () => {
    const bench = new Bench();
    bench.service("a.A", ["p"], ["web", "shop", "mail"]);
    const steps = bench.sidecars.plan(bench.nowMs, () => true);
    expect(Array.from({ length: 5 }, () => steps.next().done)).toEqual([false, false, false, false, true]);
  });

  it("follow what changes between two steps, and drop nothing once that is no evidence any more", () => {
    const bench = new Bench({ trimIntervalMs: 0 });
    bench.service("a.A", ["p"], ["web"]);
    bench.service("b.B", ["p"], ["web"]);
    bench.publish();
    bench.service("a.A", ["p"], ["mail", "web"]);
    let mayRemove = true;
    const steps = bench.sidecars.plan(bench.nowMs, () => mayRemove);
    steps.next();
    bench.service("a.A", ["p"], ["mail"]);
    bench.service("c.C", ["p"], ["mail", "shop"]);
    mayRemove = false;
    const plan = atOnce(steps);
    bench.sidecars.settle(plan, new Set());
    expect(bench.hosts).toMatchObject({
      mail: ["*/a.a.dubbo", "*/c.c.dubbo"],
      shop: ["*/c.c.dubbo"],
      web: ["*/a.a.dubbo", "*/b.b.dubbo"],
    });
    bench.publish();
    expect(bench.hosts["web"]).toEqual(["*/b.b.dubbo"]);
  });

  it("keep for the next plan what is found on the stream while one is published", () => {
    const first = new Bench();
    first.service("a.A", ["p"], ["web"]);
    first.publish();
    const bench = new Bench({ namespace: "elsewhere" });
    const plan = atOnce(bench.sidecars.plan(bench.nowMs, () => true));
    bench.sidecars.adopt(first.sidecars.manifests(), bench.nowMs);
    bench.sidecars.settle(plan, new Set());
    expect(bench.publish().gone).toHaveLength(2);
  });

  it("are deleted where the configuration would not make them any more", () => {
    const first = new Bench();
    first.service("a.A", ["p"], ["web"]);
    first.publish();
    const published = [...first.sidecars.manifests()];

    const off = new Bench({ enabled: false }, published);
    off.service("a.A", ["p"], ["web"]);
    expect(off.publish()).toMatchObject({ upserts: [], gone: [{}, {}] });

    const moved = new Bench({ namespace: "elsewhere" }, published);
    moved.service("a.A", ["p"], ["web"]);
    const { upserts, gone } = moved.publish();
    expect(upserts.map(({ metadata }) => metadata.namespace)).toEqual(["elsewhere", "elsewhere"]);
    expect(gone.map(({ namespace }) => namespace)).toEqual(["dubbo", "dubbo"]);
  });

  it.each(["istio", "slime"] as const)(
    "let see all that is consumed, and in the end nothing else (%s)",
    (profile) => {
      const consumers = fc.subarray(["p", "q", "r"]);
      const step = fc.record({
        key: fc.constantFrom("a.A", "b.B", "c.C"),
        provider: fc.subarray(["p", "s"], { maxLength: 1 }),
        consumers,
        waitMs: fc.integer({ min: 0, max: 30 * hourMs }),
        restarts: fc.boolean(),
        mayRemove: fc.boolean(),
      });
      fc.assert(fc.property(fc.array(step, { maxLength: 10 }), (steps) => {
        const rules = { profile, trimIntervalMs: 24 * hourMs };
        const registry = new Map<string, (typeof steps)[number]>();
        let bench = new Bench(rules);
        const isConsumed = (application: string, host: string) =>
          bench.hosts[application]?.some((shown) => shown.toLowerCase().startsWith(`*/${host}`)) === true;
        for (const { waitMs, restarts, mayRemove, ...change } of steps) {
          registry.set(change.key, { waitMs, restarts, mayRemove, ...change });
          if (restarts) {
            bench = new Bench(rules, [...bench.sidecars.manifests()], bench.nowMs);
            for (const now of registry.values()) bench.service(now.key, now.provider, now.consumers);
          }
          bench.nowMs += waitMs;
          bench.service(change.key, change.provider, change.consumers);
          bench.publish(mayRemove);
          for (const now of registry.values()) {
            if (now.provider.length === 0) continue;
            for (const name of now.consumers) expect(isConsumed(name, now.key.toLowerCase())).toBe(true);
          }
        }
        for (let wait = bench.dueInMs(); wait !== undefined; wait = bench.dueInMs()) {
          bench.nowMs += wait;
          bench.publish();
        }
        const fresh = new Bench(rules);
        for (const now of registry.values()) fresh.service(now.key, now.provider, now.consumers);
        fresh.publish();
        expect(bench.hosts).toEqual(fresh.hosts);
      }));
    },
  );
});
