import { describe, expect, test } from "vitest";
import { addressesOf } from "../../shared/collector/published-rig.ts";
import { CollectorRig } from "./collector-rig.ts";
import { eventually, json, startServer, status, up } from "./eureka-rig.ts";

describe("EurekaCollector, of several clusters", () => {
  const timeoutMs = 2000;

  /** Two clusters that both have A, in a collector that published both. */
  async function followTwo(options: { readonly waitMs?: number } = {}) {
    const [one, two] = [await startServer(), await startServer()];
    one.server.registry.register("A", up("1"));
    two.server.registry.register("A", up("2"));
    two.server.registry.register("B", up("3"));
    const servers = [one, two].map(({ url }, index) => ({ registryId: `r${index + 1}`, address: [url] }));
    const rig = await CollectorRig.start([], {
      source: { servers, refreshPeriod: "50ms", requestTimeout: `${timeoutMs}ms` },
      ...options,
    });
    await eventually(() => rig.endpoints()).toEqual({ a: "1 2", b: "3" });
    return { one, two, rig };
  }

  test("says on each endpoint which cluster it is of", async () => {
    const { rig } = await followTwo();
    const endpoints = (await rig.manifests()).get("a")?.spec.endpoints;
    expect(endpoints?.map(({ labels }) => labels?.["registry-id"])).toEqual(["r1", "r2"]);
  });

  test.each<[what: string, fault: () => Response | "hang"]>([
    ["fails", () => status(500)],
    ["is silent", () => "hang"],
    ["answers nonsense", () => json("{}")],
  ])("follows one while the other %s, of which nothing is lost", async (_what, fault) => {
    const { one, two, rig } = await followTwo();
    two.server.fault = fault;
    const before = two.server.requests.get("/apps/delta") ?? 0;
    await eventually(() => two.server.requests.get("/apps/delta")).toBeGreaterThan(before);
    const startMs = performance.now();
    one.server.registry.register("A", up("4"));
    one.server.registry.register("C", up("5"));
    await eventually(() => rig.endpoints()).toEqual({ a: "1 2 4", b: "3", c: "5" });
    expect(performance.now() - startMs).toBeLessThan(timeoutMs);
    one.server.registry.cancel("A", "1");
    await eventually(() => rig.endpoints()).toEqual({ a: "2 4", b: "3", c: "5" });
    two.server.fault = undefined;
    two.server.registry.cancel("B", "3");
    await eventually(() => rig.endpoints()).toEqual({ a: "2 4", b: "", c: "5" });
  });

  test("publishes nothing before each was read once", async () => {
    const { one, two, rig } = await followTwo();
    await rig.stop();
    const before = await rig.lastSequence();
    two.server.fault = () => status(503);
    one.server.requests.clear();
    const servers = [one, two].map(({ url }, index) => ({ registryId: `r${index + 1}`, address: [url] }));
    const again = await CollectorRig.start([], { source: { servers }, entryLog: rig.entryLog });
    await eventually(() => one.server.requests.get("/apps/delta")).toBeGreaterThan(3);
    expect(await again.lastSequence()).toBe(before);
    expect(again.ready).toBe(false);
    two.server.fault = undefined;
    await eventually(() => again.ready).toBe(true);
    expect(await again.endpoints()).toEqual({ a: "1 2", b: "3" });
  });

  test("doesn't wait for one that is down at a start, of which all stays that was published", async () => {
    const { one, two, rig } = await followTwo();
    await rig.stop();
    two.server.fault = () => status(503);
    one.server.registry.register("A", up("4"));
    const servers = [one, two].map(({ url }, index) => ({ registryId: `r${index + 1}`, address: [url] }));
    const again = await CollectorRig.start([], { source: { servers }, entryLog: rig.entryLog, waitMs: 300 });
    await eventually(() => again.endpoints()).toEqual({ a: "1 4 2", b: "3" });
    // Changes that the first names take nothing that the second may have.
    one.server.registry.register("A", up("5"));
    one.server.registry.register("C", up("6"));
    await eventually(() => again.endpoints()).toEqual({ a: "1 4 5 2", b: "3", c: "6" });
    one.server.registry.cancel("A", "1");
    one.server.registry.register("C", up("7"));
    await eventually(async () => (await again.endpoints())["c"]).toBe("6 7");
    expect((await again.endpoints())["a"]).toContain("2");
    expect(again.ready).toBe(false);
    expect(again.collector.view.error).toMatch(/^r2: /);
    two.server.fault = undefined;
    two.server.registry.cancel("B", "3");
    two.server.registry.register("B", up("8"));
    await eventually(() => again.endpoints()).toEqual({ a: "2 4 5", b: "8", c: "6 7" });
    await eventually(() => again.ready).toBe(true);
  });

  test("under a new term doesn't publish what it knew of one that it can't read any more", async () => {
    const { two, rig } = await followTwo({ waitMs: 300 });
    const { view } = rig.collector;
    const known = () =>
      [...view.convert("a")].map((manifest) => manifest.kind === "ServiceEntry" ? addressesOf(manifest) : "");
    two.server.fault = () => status(503);
    await view.refresh(AbortSignal.timeout(20_000));
    expect(view).toMatchObject({ isComplete: true, isPartial: true, isUnsettled: true });
    expect(known()).toEqual(["1"]);
    expect(await rig.endpoints()).toEqual({ a: "1 2", b: "3" });
    two.server.registry.register("B", up("9"));
    two.server.fault = undefined;
    await eventually(() => view.isPartial).toBe(false);
    expect(known()).toEqual(["1 2"]);
    await eventually(() => rig.endpoints()).toEqual({ a: "1 2", b: "3 9" });
  });
});
