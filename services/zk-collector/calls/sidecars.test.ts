import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { validateManifest } from "../../../shared/istio/mod.ts";
import type { SidecarManifest } from "../../../shared/model/manifest.ts";
import { CallModel } from "./call-model.ts";
import { Sidecars } from "./sidecars.ts";
import type { SidecarPlan } from "./sidecars.ts";
import type { SidecarRules } from "./sidecars-manifest.ts";

const hourMs = 3_600_000;
const startMs = Date.parse("2026-01-01T00:00:00Z");

/** Sidecars over a model in which each interface has one service of the same name and the host `<name>.dubbo`. */
class Bench {
  readonly model = new CallModel();
  readonly sidecars: Sidecars;
  nowMs = startMs;

  constructor(rules: Partial<SidecarRules> = {}, published: Iterable<SidecarManifest> = [], nowMs = startMs) {
    this.nowMs = nowMs;
    this.sidecars = new Sidecars({
      enabled: true,
      profile: "istio",
      namespace: "dubbo",
      workloadLabel: "app",
      protocol: "DUBBO",
      selfConsume: false,
      trimIntervalMs: 24 * hourMs,
      istioRevision: "",
      ...rules,
    }, this.model);
    this.sidecars.restore(published, this.nowMs);
  }

  service(key: string, providers: readonly string[], consumers: readonly string[]): void {
    const services = providers.length === 0
      ? []
      : [{ key, host: `${key.toLowerCase()}.dubbo`, providers, consumers }];
    this.sidecars.changed(this.model.update(key, services));
  }

  /** Plans, and takes the plan for published. */
  publish(mayRemove = true): SidecarPlan {
    const plan = this.sidecars.plan(this.nowMs, mayRemove);
    this.sidecars.settle();
    return plan;
  }

  dueInMs(mayRemove = true): number | undefined {
    return this.sidecars.dueInMs(this.nowMs, mayRemove);
  }

  get hosts(): Record<string, readonly string[] | undefined> {
    return Object.fromEntries(
      Array.from(
        this.sidecars.manifests(),
        ({ metadata, spec }) => [metadata.name.replace(".dubbo.generated", ""), spec.egress?.[0]?.hosts],
      ),
    );
  }
}

describe("Sidecars in the slime profile", () => {
  const slime = { profile: "slime", workloadLabel: "application" } as const;

  function fill(bench: Bench): void {
    const [a, b, c] = [
      "com.example.service.ServiceA",
      "com.example.service.ServiceB",
      "com.example.service.ServiceC",
    ];
    bench.service(`${a}:g:0.0.1`, ["service-a"], []);
    bench.service(`${b}:g:0.0.1`, ["service-b"], ["service-a"]);
    bench.service(`${b}:g2:0.0.1`, ["service-b"], ["service-a"]);
    bench.service(`${c}:g2:0.0.1`, ["service-c"], ["service-b"]);
  }

  it("are slime's, but for bookkeeping that isn't served", () => {
    const bench = new Bench({ ...slime, istioRevision: "canary" });
    fill(bench);
    const { upserts, gone } = bench.publish();
    expect(gone).toEqual([]);
    expect(upserts.map(({ metadata }) => metadata.name).sort()).toEqual([
      "service-a.dubbo.generated",
      "service-b.dubbo.generated",
      "service-c.dubbo.generated",
    ]);
    expect(upserts.find(({ metadata }) => metadata.name.startsWith("service-a"))).toEqual({
      apiVersion: "networking.istio.io/v1",
      kind: "Sidecar",
      metadata: {
        name: "service-a.dubbo.generated",
        namespace: "dubbo",
        labels: { "istio.io/rev": "canary" },
        annotations: {
          "sidecar.config.istio.io/nonNsSpec": "true",
          "meshregistry.io/updated-at": "2026-01-01T00:00:00.000Z",
        },
      },
      spec: {
        workloadSelector: { labels: { application: "service-a" } },
        egress: [{
          port: { protocol: "DUBBO" },
          hosts: ["*/com.example.service.ServiceB:g2:0.0.1", "*/com.example.service.ServiceB:g:0.0.1"],
        }],
      },
    });
    expect(upserts.find(({ metadata }) => metadata.name.startsWith("service-c"))?.spec.egress).toEqual([
      { port: { protocol: "DUBBO" } },
    ]);
  });

  it("show an application its own services with selfConsume", () => {
    const bench = new Bench({ ...slime, selfConsume: true });
    fill(bench);
    bench.publish();
    expect(bench.hosts["service-c"]).toEqual(["*/com.example.service.ServiceC:g2:0.0.1"]);
    expect(bench.hosts["service-b"]?.length).toBe(3);
  });

  it("lose at once what is lost after a long quiet, and later what is lost soon after a change", () => {
    const bench = new Bench(slime);
    bench.service("a.A", ["p"], ["web"]);
    bench.service("b.B", ["p"], ["web"]);
    bench.publish();
    bench.nowMs += hourMs;
    bench.service("a.A", ["p"], []);
    bench.publish();
    expect(bench.hosts["web"]).toEqual(["*/a.A", "*/b.B"]);
    expect(bench.dueInMs()).toBe(23 * hourMs);
    bench.nowMs += 23 * hourMs;
    expect(bench.publish().upserts.length).toBe(1);
    expect(bench.hosts["web"]).toEqual(["*/b.B"]);
    bench.nowMs += 25 * hourMs;
    bench.service("c.C", ["p"], ["web"]);
    bench.service("b.B", ["p"], []);
    bench.publish();
    expect(bench.hosts["web"]).toEqual(["*/c.C"]);
  });

  it("lose at once what is lost along with an addition", () => {
    const bench = new Bench(slime);
    bench.service("a.A", ["p"], ["web"]);
    bench.publish();
    bench.service("a.A", ["p"], []);
    bench.service("b.B", ["p"], ["web"]);
    bench.publish();
    expect(bench.hosts["web"]).toEqual(["*/b.B"]);
  });
});

describe("Sidecars in the istio profile", () => {
  it("are what a stock istiod takes, also of an application that consumes nothing", () => {
    const bench = new Bench();
    bench.service("a.A", ["shop"], ["web"]);
    const { upserts } = bench.publish();
    expect(upserts.flatMap((manifest) => validateManifest(manifest))).toEqual([]);
    expect(bench.hosts).toEqual({ shop: ["~/*"], web: ["*/a.a.dubbo"] });
    expect(upserts[0]?.spec.egress?.[0]?.port).toBeUndefined();
  });

  it("leave out a host that Istio can't select, not the rest", () => {
    const bench = new Bench();
    bench.sidecars.changed(bench.model.update("x", [
      { key: "x", host: "no_dns:name", providers: ["p"], consumers: ["web"] },
      { key: "x:1", host: "x.dubbo", providers: ["p"], consumers: ["web"] },
    ]));
    bench.publish();
    expect(bench.hosts["web"]).toEqual(["*/x.dubbo"]);
  });

  it("gain at once, and lose what nobody has consumed for the trim interval", () => {
    const bench = new Bench();
    bench.service("a.A", ["p"], ["web"]);
    bench.publish();
    bench.nowMs += 100 * hourMs;
    bench.service("a.A", ["p"], []);
    bench.service("b.B", ["p"], ["web"]);
    bench.publish();
    expect(bench.hosts["web"]).toEqual(["*/a.a.dubbo", "*/b.b.dubbo"]);
    bench.nowMs += 10 * hourMs;
    bench.service("c.C", ["p"], ["web"]);
    bench.publish();
    expect(bench.dueInMs()).toBe(14 * hourMs);
    bench.nowMs += 14 * hourMs;
    expect(bench.publish().upserts.map(({ metadata }) => metadata.name)).toEqual(["web.dubbo.generated"]);
    expect(bench.hosts["web"]).toEqual(["*/b.b.dubbo", "*/c.c.dubbo"]);
    expect(bench.dueInMs()).toBeUndefined();
  });

  it("say nothing to clients when a consumer restarts", () => {
    const bench = new Bench();
    bench.service("a.A", ["p"], ["web"]);
    const before = bench.publish().upserts.find(({ metadata }) => metadata.name.startsWith("web"));
    bench.service("a.A", ["p"], []);
    const [away] = bench.publish().upserts;
    expect(away?.spec).toEqual(before?.spec);
    bench.service("a.A", ["p"], ["web"]);
    const [back] = bench.publish().upserts;
    expect(back).toEqual(before);
    bench.nowMs += 25 * hourMs;
    expect(bench.dueInMs()).toBeUndefined();
  });

  it("go some time after their application", () => {
    const bench = new Bench();
    bench.service("a.A", ["p"], ["web"]);
    bench.publish();
    bench.service("a.A", [], []);
    bench.publish();
    expect(bench.hosts).toEqual({ p: ["~/*"], web: ["*/a.a.dubbo"] });
    bench.nowMs += 24 * hourMs;
    expect(bench.publish().gone).toEqual([
      { kind: "Sidecar", namespace: "dubbo", name: "p.dubbo.generated" },
      { kind: "Sidecar", namespace: "dubbo", name: "web.dubbo.generated" },
    ]);
    expect(bench.hosts).toEqual({});
    bench.service("a.A", ["p"], ["web"]);
    expect(bench.publish()).toMatchObject({ upserts: [{}, {}], gone: [] });
  });
});

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
    const plan = bench.sidecars.plan(bench.nowMs, true);
    expect(bench.sidecars.plan(bench.nowMs, true)).toEqual(plan);
    bench.sidecars.settle();
    bench.service("a.A", [], []);
    expect(bench.sidecars.plan(bench.nowMs, true).gone.length).toBe(2);
    expect(bench.sidecars.plan(bench.nowMs, true).gone.length).toBe(2);
    bench.service("a.A", ["p"], ["web"]);
    expect(bench.sidecars.plan(bench.nowMs, true)).toMatchObject({ upserts: [{}, {}], gone: [] });
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
