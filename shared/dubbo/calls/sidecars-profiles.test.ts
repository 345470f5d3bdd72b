import { describe, expect, it } from "vitest";
import { validateManifest } from "../../istio/mod.ts";
import { Bench, hourMs } from "./sidecars-rig.ts";

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

describe("names of applications that no Sidecar can have", () => {
  const odd = ["Order_App", "a/b", "x".repeat(300), "a b"];

  it("are made such as Kubernetes takes, and are found again", () => {
    const bench = new Bench();
    bench.service("a.A", ["provider"], odd);
    const { upserts } = bench.publish();
    const sidecars = upserts.filter(({ metadata }) => metadata.name !== "provider.dubbo.generated");
    expect(
      new Set(sidecars.map(({ metadata }) => metadata.annotations?.["dubbo.meshregistry.io/application"])),
    ).toEqual(new Set(odd));
    for (const sidecar of upserts) {
      expect(sidecar.metadata.name).toMatch(
        /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
      );
      expect(sidecar.metadata.name.length).toBeLessThanOrEqual(253);
      expect(validateManifest(sidecar)).toEqual([]);
    }
    expect(upserts.flatMap(({ spec }) => Object.values(spec.workloadSelector?.labels ?? {}))).toContain(
      "a_b",
    );

    const units = upserts.map(({ metadata }) => bench.sidecars.unitOf(metadata.name));
    expect(new Set(units).size).toBe(upserts.length);
    const restarted = new Bench({}, upserts);
    restarted.service("a.A", ["provider"], odd);
    expect(restarted.publish()).toEqual({ upserts: [], gone: [] });
  });

  it("are an application's no workload can say to belong to: it has no Sidecar", () => {
    const bench = new Bench();
    bench.service("a.A", ["provider"], ["订单"]);
    expect(Object.keys(bench.hosts)).toEqual([]);
    expect(bench.publish().upserts.map(({ metadata }) => metadata.name)).toEqual([
      "provider.dubbo.generated",
    ]);
  });

  it("are taken as they are in the slime profile", () => {
    const bench = new Bench({ profile: "slime" });
    bench.service("a.A", ["provider"], ["Order_App"]);
    expect(bench.publish().upserts.map(({ metadata, spec }) => [metadata.name, spec.workloadSelector]))
      .toContainEqual([
        "Order_App.dubbo.generated",
        { labels: { app: "Order_App" } },
      ]);
  });
});
