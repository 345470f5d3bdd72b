import { describe, expect, test } from "vitest";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { LogRecord } from "../../shared/entry-log/entry-log.ts";
import { MeshError } from "../../shared/runtime/errors.ts";
import { CollectorRig } from "./collector-rig.ts";
import type { CollectorRigOptions } from "./collector-rig.ts";
import type { StartedServer } from "./eureka-rig.ts";
import { eventually, json, startServer, status, up } from "./eureka-rig.ts";

interface Followed extends StartedServer {
  readonly rig: CollectorRig;
  /** Resolves when that many more deltas (or complete answers) have been asked for. */
  readonly rounds: (count: number, path?: string) => Promise<void>;
}

/** A collector that has published A with the endpoints 1 and 2, and B with 3. */
async function follow(options: CollectorRigOptions = {}): Promise<Followed> {
  const started = await startServer();
  const { registry, requests } = started.server;
  for (const id of ["1", "2"]) registry.register("A", up(id));
  registry.register("B", up("3"));
  const rig = await CollectorRig.start([started.url], options);
  await eventually(() => rig.endpoints()).toMatchObject({ a: "1 2", b: "3" });
  await eventually(() => rig.ready).toBe(true);
  const rounds = async (count: number, path = "/apps/delta") => {
    const target = (requests.get(path) ?? 0) + count;
    await eventually(() => requests.get(path) ?? 0).toBeGreaterThanOrEqual(target);
  };
  return { ...started, rig, rounds };
}

/** Registers services of ten endpoints each: so many that losing one of two is too much for the guard. */
function registerMany({ server: { registry } }: StartedServer, services: readonly string[]): void {
  for (const [index, service] of services.entries()) {
    for (let number = 0; number < 10; number++) registry.register(service, up(`${index + 1}${number}`));
  }
}

describe("EurekaCollector", () => {
  test("follows the registry by deltas", async () => {
    const { server: { registry, requests }, rig } = await follow();
    registry.register("A", up("9"));
    registry.override("B", "3", "OUT_OF_SERVICE");
    await eventually(() => rig.endpoints()).toEqual({ a: "1 2 9", b: "" });
    registry.removeOverride("B", "3", "UP");
    registry.cancel("A", "1");
    await eventually(() => rig.endpoints()).toEqual({ a: "2 9", b: "3" });
    expect(requests.get("/apps")).toBe(1);
  });

  test("reads everything when the hash differs", async () => {
    const { server, rig } = await follow();
    server.registry.register("C", up("7"));
    server.fault = (path) =>
      path === "/apps/delta" ? json('{"applications":{"apps__hashcode":"UP_4_"}}') : undefined;
    await eventually(() => rig.endpoints()).toMatchObject({ c: "7" });
    expect(server.requests.get("/apps")).toBe(2);
  });

  test("works without deltas, in its period", async () => {
    const { server, rig, rounds } = await follow({ source: { refreshPeriod: "50ms" } });
    let deltas = 0;
    server.fault = (path) => path === "/apps/delta" && ++deltas > 0 ? status(403) : undefined;
    await eventually(() => deltas).toBe(3);
    await rounds(3, "/apps");
    server.registry.register("C", up("7"));
    await eventually(() => rig.endpoints()).toMatchObject({ c: "7" });
    expect(deltas).toBe(3);
  });

  test("empties a service at once when its last instance is cancelled, and fills it again", async () => {
    const { server: { registry }, rig } = await follow();
    registry.cancel("A", "1");
    registry.cancel("A", "2");
    await eventually(() => rig.endpoints()).toEqual({ a: "", b: "3" });
    registry.register("A", up("1"));
    await eventually(() => rig.endpoints()).toEqual({ a: "1", b: "3" });
  });

  test.each([["1h"], ["20ms"]])(
    "believes a mass deregistration that the registry names (complete reads: %s)",
    async (refreshPeriod) => {
      const started = await follow({ source: { refreshPeriod } });
      registerMany(started, ["C", "D", "E"]);
      await eventually(async () => Object.keys(await started.rig.endpoints())).toHaveLength(5);
      const { registry } = started.server;
      for (const [index, service] of ["C", "D", "E"].entries()) {
        for (let number = 0; number < 10; number++) registry.cancel(service, `${index + 1}${number}`);
      }
      for (const id of ["1", "2"]) registry.cancel("A", id);
      registry.cancel("B", "3");
      await eventually(() => started.rig.endpoints()).toEqual({ a: "", b: "", c: "", d: "", e: "" });
      expect(started.rig.publisher.held().size).toBe(0);
    },
  );

  test("holds what a restarted, empty registry has lost, until it is back", async () => {
    const { server: { registry }, rig, rounds } = await follow({ source: { refreshPeriod: "50ms" } });
    const before = await rig.manifests();
    registry.clear();
    await eventually(() => rig.publisher.held().size).toBe(2);
    await rounds(5);
    expect(await rig.manifests()).toEqual(before);
    registry.register("A", up("1"));
    await rounds(5);
    expect(await rig.manifests()).toEqual(before);
    registry.register("A", up("2"));
    registry.register("B", up("4"));
    await eventually(() => rig.endpoints()).toEqual({ a: "1 2", b: "4" });
    await eventually(() => rig.publisher.held().size).toBe(0);
  });

  test("holds what a complete read lacks, and lets go when told to", async () => {
    const started = await follow({ source: { refreshPeriod: "50ms" } });
    registerMany(started, ["C", "D"]);
    await eventually(async () => Object.keys(await started.rig.endpoints())).toHaveLength(4);
    started.server.registry.clear();
    registerMany(started, ["C"]);
    await eventually(() => started.rig.publisher.held().size).toBe(3);
    expect(await started.rig.endpoints()).toMatchObject({ a: "1 2", b: "3" });
    await started.rig.release();
    await eventually(() => started.rig.endpoints()).toMatchObject({ a: "", b: "", d: "" });
  });

  test.each<[what: string, fault: () => Response | "hang"]>([
    ["500", () => status(500)],
    ["XML", () => new Response("<applications/>")],
    ["an object without applications", () => json("{}")],
    ["half a list", () => json('{"applications":{"apps__hashcode":"UP_9_","application":[]}}')],
    ["a truncated list", () => json('{"applications":{"application":[{"name":"A","instance":[]}')],
    ["nothing", () => "hang"],
  ])("deletes nothing because of %s", async (_what, fault) => {
    const { server, rig, rounds } = await follow({
      source: { refreshPeriod: "20ms", requestTimeout: "100ms" },
    });
    const before = await rig.lastSequence();
    let answers = 0;
    // Two times: a list that contradicts its hash is believed at the third.
    server.fault = (path) => path === "/apps" && answers++ < 2 ? fault() : undefined;
    await rounds(4, "/apps");
    expect(await rig.lastSequence()).toBe(before);
    server.registry.register("A", up("4"));
    await eventually(() => rig.endpoints()).toEqual({ a: "1 2 4", b: "3" });
  });

  test("publishes nothing new after a restart", async () => {
    const { url, rig } = await follow();
    await rig.stop();
    const before = await rig.lastSequence();
    const again = await CollectorRig.start([url], { entryLog: rig.entryLog });
    await eventually(() => again.ready).toBe(true);
    // The term and the sync marker of the new start, and nothing else.
    expect(await again.lastSequence()).toBe(before + 2);
    expect(await again.endpoints()).toEqual({ a: "1 2", b: "3" });
  });

  test("publishes after a restart what changed meanwhile", async () => {
    const { url, server: { registry }, rig } = await follow();
    await rig.stop();
    registry.cancel("B", "3");
    registry.register("C", up("5"));
    const again = await CollectorRig.start([url], { entryLog: rig.entryLog });
    await eventually(() => again.endpoints()).toEqual({ a: "1 2", b: "", c: "5" });
  });

  test("leaves out an instance that can't be used, and shows it", async () => {
    const { server: { registry }, rig } = await follow();
    registry.register("A", up("8", { port: { "$": 70_000 } }));
    registry.register("A", up("9"));
    await eventually(() => rig.endpoints()).toEqual({ a: "1 2 9", b: "3" });
    expect([...rig.collector.view.status().invalidRecords]).toEqual([["A/8", "has no usable port (70000)"]]);
    const count = async () =>
      (await rig.metrics.getSingleMetric("meshregistry_invalid_records_total")?.get())?.values[0]?.value;
    expect(await count()).toBe(1);
  });

  test("counts requests, changes and the connection under slime's names", async () => {
    const { server, rig } = await follow();
    server.registry.cancel("B", "3");
    await eventually(() => rig.endpoints()).toEqual({ a: "1 2", b: "" });
    const metrics = async () => await rig.metrics.metrics();
    const text = await metrics();
    expect(text).toMatch(/^meshregistry_source_client_request_count\{source="eureka",status="true"\} [1-9]/m);
    expect(text).toContain('meshregistry_source_client_request_count{source="eureka",status="false"} 0\n');
    expect(text).toContain('meshregistry_service_entry_total{source="eureka"} 2\n');
    expect(text).toMatch(/^meshregistry_source_event_count\{.*\(ServiceEntry.*event_type="Updated".*\} 1$/m);
    expect(text).toContain('meshregistry_source_connection_status{source="eureka"} 1\n');
    server.fault = () => new Response(null, { status: 500 });
    await eventually(async () =>
      (await metrics()).match(/request_count\{source="eureka",status="false"\} [1-9]/)?.length
    )
      .toBe(1);
  });

  test("stops while the registry is silent", async () => {
    const { server, rig, rounds } = await follow();
    server.fault = () => "hang";
    await rounds(1);
    await rig.stop();
  });

  test("joins applications whose names are one service, and keeps it while one of them is left", async () => {
    const { server: { registry }, rig } = await follow();
    registry.register("my_app", up("5"));
    registry.register("MY-APP", up("6"));
    await eventually(() => rig.endpoints()).toMatchObject({ "my-app": "5 6" });
    registry.cancel("my_app", "5");
    await eventually(() => rig.endpoints()).toMatchObject({ "my-app": "6" });
  });

  test("empties the entry that a service left when it moved to another namespace", async () => {
    const { server: { registry }, rig } = await follow({ source: { nsHost: true, defaultServiceNs: "" } });
    registry.register("C", up("7", { metadata: { k8sNs: "x" } }));
    await eventually(() => rig.endpoints()).toMatchObject({ "c.x": "7" });
    registry.setMetadata("C", "7", { k8sNs: "y" });
    await eventually(() => rig.endpoints()).toMatchObject({ "c.x": "", "c.y": "7" });
  });

  test("merges the ports of all services into the mock service", async () => {
    const { server: { registry }, rig } = await follow({
      source: {
        mockServiceName: "mock.all",
        mockServiceEntryName: "mock",
        mockServiceMergeServicePort: true,
      },
    });
    const ports = async () => (await rig.manifests()).get("mock")?.spec.ports?.map(({ number }) => number);
    await eventually(ports).toEqual([80, 8080]);
    registry.register("C", up("7", { port: 9090 }));
    await eventually(ports).toEqual([80, 8080, 9090]);
    registry.cancel("C", "7");
    await eventually(() => rig.endpoints()).toMatchObject({ c: "" });
    expect(await ports()).toEqual([80, 8080, 9090]);
  });
});

describe("EurekaCollector, when publishing fails", () => {
  /** A log that refuses a number of publishes. */
  class FailingLog extends EmbeddedEntryLog {
    failures = 0;

    override publish(records: readonly LogRecord[], signal?: AbortSignal) {
      if (this.failures === 0) return super.publish(records, signal);
      this.failures--;
      return Promise.reject(new MeshError("entry-log-unavailable", "refused"));
    }
  }

  test("publishes later what it could not, and still knows that the registry named it", async () => {
    const entryLog = new FailingLog();
    const started = await follow({ entryLog });
    registerMany(started, ["C", "D"]);
    await eventually(async () => Object.keys(await started.rig.endpoints())).toHaveLength(4);
    entryLog.failures = 3;
    for (let number = 0; number < 10; number++) started.server.registry.cancel("C", `1${number}`);
    started.server.registry.register("E", up("4"));
    await eventually(() => started.rig.endpoints()).toMatchObject({ c: "", e: "4" });
    expect(entryLog.failures).toBe(0);
  });
});
