import { expect, onTestFinished, test } from "vitest";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { embeddedBucket } from "../../shared/entry-log/open-entry-log.ts";
import { Trace } from "../../shared/api/trace.ts";
import type { StageName } from "../../shared/api/trace.ts";
import { leaseSubject } from "../../shared/model/collector-lease.ts";
import { start } from "../../services/aggregator/aggregator-rig.ts";
import { SimulatedIstiod } from "../../services/aggregator/xds/simulated-istiod-rig.ts";
import { CollectorRig } from "../../services/eureka-collector/collector-rig.ts";
import type { CollectorRigOptions } from "../../services/eureka-collector/collector-rig.ts";
import { startServer, up } from "../../services/eureka-collector/eureka-rig.ts";
import { CollectorRig as ZooKeeperRig, soon } from "../../services/zk-collector/collector-rig.ts";
import { CollectorRig as NacosRig } from "../../services/nacos-collector/collector-rig.ts";
import { startServer as startNacos } from "../../shared/nacos/nacos-rig.ts";

/** An entry log and the bucket beside it, which collectors and aggregator share. */
function newMesh() {
  const entryLog = new EmbeddedEntryLog();
  const collectors = embeddedBucket("collectors");
  onTestFinished(async () => {
    await entryLog[Symbol.asyncDispose]();
    await collectors.bucket[Symbol.asyncDispose]();
  });
  return { entryLog, collectors };
}

/** An aggregator beside the collectors, and what it says of a question. */
async function startTrace(
  { entryLog, collectors }: ReturnType<typeof newMesh>,
  file: Record<string, unknown> = {},
) {
  const started = await start(file, { entryLog, collectors });
  const { url } = started.aggregator.http;
  const trace = async (query: string) => {
    const response = await fetch(`${url}/api/v1/trace?${query}`);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${response.status}: ${text}`);
    return Trace.parse(JSON.parse(text));
  };
  const codes = async (query: string) =>
    Object.fromEntries(
      (await trace(query)).stages.flatMap(({ stage, verdicts }) =>
        verdicts.length === 0 ? [] : [[stage, verdicts.map(({ code }) => code).join(" ")]]
      ),
    );
  return { ...started, trace, codes };
}

/** A Eureka with orders at 10.0.0.1 and a broken 10.0.0.2, its collector and an aggregator. */
async function startEureka(options: CollectorRigOptions = {}) {
  const mesh = newMesh();
  const eureka = await startServer();
  eureka.server.registry.register("ORDERS", up("1"));
  eureka.server.registry.register("ORDERS", up("2", { status: "DOWN" }));
  eureka.server.registry.register("ORDERS", up("3", { ipAddr: "fe80::1" }));
  const rig = await CollectorRig.start([eureka.url], {
    entryLog: mesh.entryLog,
    bucket: mesh.collectors,
    ...options,
  });
  await expect.poll(() => rig.ready, soon).toBe(true);
  const traced = await startTrace(mesh);
  await traced.aggregator.gate.opened;
  await expect.poll(async () => (await traced.codes("instance=10.0.0.1"))["registry"], soon).toBe("MR1101");
  return { ...mesh, ...traced, eureka, rig };
}

const servedStages: Partial<Record<StageName, string>> = {
  registry: "MR1101",
  selection: "MR1201",
  name: "MR1301",
  conversion: "MR1401",
  rules: "MR1501",
  publishing: "MR1601",
  stream: "MR2001",
  check: "MR2101",
  doubt: "MR2201",
  conflicts: "MR2301",
  address: "MR2401",
};

test("follows an instance from its registry to the acknowledgement", async () => {
  const { trace, codes, aggregator } = await startEureka();
  expect(await codes("instance=10.0.0.1:8080")).toEqual({ ...servedStages, push: "MR2501" });
  const istiod = new SimulatedIstiod();
  istiod.connect(aggregator.xdsAddresses);
  await expect.poll(() => codes("instance=10.0.0.1:8080"), soon)
    .toEqual({ ...servedStages, push: "MR2502", acknowledgement: "MR2601" });
  expect(await trace("instance=10.0.0.1:8080")).toMatchObject({
    verdict: "ok",
    summary: "It is in the mesh, as eureka/orders.",
    services: ["eureka/orders"],
  });
  for (const query of ["host=orders", "service=ORDERS", "service=eureka/orders", "application=orders"]) {
    expect(await codes(query), query).toMatchObject({
      registry: expect.stringContaining("MR1101"),
      stream: "MR2001",
    });
  }
});

test("says of an instance that isn't served which stage has lost it, and that the service is there without it", async () => {
  const { trace, codes } = await startEureka();
  expect(await codes("instance=10.0.0.2")).toEqual({
    registry: "MR1101",
    selection: "MR1203",
    stream: "MR2005",
  });
  const down = await trace("instance=10.0.0.2:8080");
  expect(down.verdict).toBe("problem");
  expect(down.summary).toBe("MR1203 (eureka): A filter or its state leaves it out (DOWN).");
  expect(down.stages.find(({ stage }) => stage === "push")?.verdict).toBe("skipped");
  expect(await codes("instance=fe80::1")).toEqual({
    registry: "MR1101",
    selection: "MR1202",
    stream: "MR2005",
  });
  // Another port is another endpoint.
  expect(await codes("instance=10.0.0.1:9999")).toEqual({ registry: "MR1102", stream: "MR2002" });
});

test("says of a service whose last instance has gone that the registry has none, and that its entry is empty", async () => {
  const { trace, codes, eureka } = await startEureka();
  for (const name of ["1", "2", "3"]) eureka.server.registry.cancel("ORDERS", up(name).instanceId);
  await expect.poll(async () => (await codes("service=orders"))["stream"], soon).toBe("MR2006");
  expect(await codes("service=orders")).toMatchObject({
    registry: "MR1102",
    stream: "MR2006",
    push: "MR2501",
  });
  expect((await trace("host=orders")).summary).toBe("MR1102 (eureka): The registry has no record of orders.");
});

test("says that the registry never had it", async () => {
  const { trace, codes } = await startEureka();
  expect(await codes("instance=10.99.0.1")).toEqual({ registry: "MR1102", stream: "MR2002" });
  expect((await trace("host=never.shop")).summary).toBe(
    "MR1102 (eureka): The registry has no record of never.shop.",
  );
  for (const query of ["", "instance=", "instance=1&host=2", `host=${"x".repeat(300)}`]) {
    await expect(trace(query), query).rejects.toThrow("400");
  }
  const html = "<img src=x>";
  expect((await trace(`host=${encodeURIComponent(html)}`)).asked.text).toBe(html);
});

test("a collector that doesn't answer costs only its own stages", async () => {
  const { trace, codes, rig, collectors, aggregator } = await startEureka();
  await rig.stop();
  await expect.poll(() => codes("instance=10.0.0.1"), soon).toMatchObject({
    registry: "MR1105",
    stream: "MR2001",
  });
  // A replica that is alive and says nothing.
  const lease = {
    registry: "eureka",
    source: "default",
    member: "mute",
    version: "0",
    startedAt: "",
    state: "ready",
    lastReadAt: null,
    error: null,
    failingSince: null,
    settledTerm: "",
    published: 0,
    held: 0,
  };
  const subject = leaseSubject(collectors.root, "eureka", "default", "mute");
  const data = Buffer.from(JSON.stringify(lease));
  const renewing = setInterval(
    () => void collectors.bucket.publish([{ subject, data }], new AbortController().signal),
    500,
  );
  onTestFinished(() => clearInterval(renewing));
  await expect.poll(() => codes("instance=10.0.0.1"), soon).toMatchObject({
    registry: "MR1104",
    stream: "MR2001",
  });
  expect((await trace("instance=10.0.0.1")).stages[0]).toMatchObject({
    stage: "registry",
    verdict: "unknown",
  });
  expect(aggregator.gate.open).toBe(true);
});

test("finds Dubbo providers in ZooKeeper by address, interface and application", async () => {
  const mesh = newMesh();
  await using rig = await ZooKeeperRig.start({
    entryLog: mesh.entryLog,
    bucket: mesh.collectors,
    fill: (registry) => {
      registry.provide("com.acme.OrderService", 1);
      registry.provide("com.acme.OrderService", 2, { group: "blue" });
    },
  });
  await expect.poll(() => rig.ready, soon).toBe(true);
  const zookeeperSource = { enabled: true, address: ["127.0.0.1:1"] };
  const { trace, codes } = await startTrace(mesh, { eurekaSource: { enabled: false }, zookeeperSource });
  await expect.poll(() => codes("instance=10.0.0.1:20880"), soon).toMatchObject({
    registry: "MR1101",
    stream: "MR2001",
  });
  expect(await codes("instance=10.0.0.3:20880")).toMatchObject({ registry: "MR1102" });
  for (const query of ["service=com.acme.OrderService", "host=com.acme.orderservice", "application=shop"]) {
    const registry = (await trace(query)).stages[0];
    expect(registry?.verdicts.map(({ code, source }) => `${code} ${source}`), query)
      .toEqual(["MR1101 zookeeper", "MR1101 zookeeper"]);
  }
});

test("finds instances in Nacos, and says why one can't be used", async () => {
  const mesh = newMesh();
  const server = await startNacos({ version: "2.3.2" });
  server.registry.setInstances({ name: "orders" }, [
    { ip: "10.0.0.1", port: 8080 },
    { ip: "fe80::2", port: 8080 },
  ]);
  const rig = await NacosRig.start([server], { entryLog: mesh.entryLog, bucket: mesh.collectors });
  await rig.publishes({ orders: "1" });
  const nacosSource = { enabled: true, address: ["http://127.0.0.1:1"] };
  const { codes } = await startTrace(mesh, { eurekaSource: { enabled: false }, nacosSource });
  await expect.poll(() => codes("instance=10.0.0.1:8080"), soon).toMatchObject({
    registry: "MR1101",
    stream: "MR2001",
  });
  expect(await codes("service=orders")).toMatchObject({ registry: "MR1101 MR1101", stream: "MR2001" });
  expect(await codes("instance=[fe80::2]:8080")).toMatchObject({ selection: "MR1202", stream: "MR2005" });
});
