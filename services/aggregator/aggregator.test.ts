import { describe, expect, onTestFinished, test } from "vitest";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { embeddedBucket } from "../../shared/entry-log/open-entry-log.ts";
import { freePort, freePortWith } from "../../test/servers/free-port.ts";
import { start } from "./aggregator-rig.ts";
import { entryRecord, markerRecord, subjectOf } from "./ingest/ingest-rig.ts";
import { SimulatedIstiod } from "./xds/simulated-istiod-rig.ts";

/** An aggregator in this process with both HTTP servers, behind the token. */
async function startWithToken(token: string): Promise<{ readonly prefixed: string; readonly plain: string }> {
  const plain = `127.0.0.1:${await freePort()}`;
  const { aggregator } = await start({ http: { address: "127.0.0.1:0", token }, httpServerAddr: plain });
  return { prefixed: `${aggregator.http.url}/meshregistry`, plain: `http://${plain}` };
}

const pages = [
  "/xdsCache",
  "/eureka",
  "/k8s",
  "/args",
  "/clients",
  "/sources",
  "/rejected",
  "/zk",
  "/virtualAddresses",
];

test("both HTTP servers ask for the token, for everything but the probe", async () => {
  const servers = await startWithToken("secret");
  for (const base of [servers.prefixed, servers.plain]) {
    const status = async (path: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`${base}${path}`, { headers });
      await response.body?.cancel();
      return response.status;
    };
    for (const page of pages) {
      expect.soft(await status(page), `${base}${page} without token`).toBe(401);
      expect.soft(await status(page, { Authorization: "Bearer wrong" }), `${base}${page}`).toBe(401);
      // Its sources aren't read yet, so nobody is served what `/xdsCache` would show.
      const expected = page === "/xdsCache" ? 404 : 200;
      expect.soft(await status(page, { Authorization: "Bearer secret" }), `${base}${page}`).toBe(expected);
    }
    expect.soft(await status("/ready"), `${base}/ready`).toBe(503);
  }
});

test("without a token both HTTP servers are open", async () => {
  const servers = await startWithToken("");
  for (const base of [servers.prefixed, servers.plain]) {
    const response = await fetch(`${base}/clients`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({});
  }
});

test("an istiod with more sources than there are shards is named in the log and by the probe", async () => {
  const { aggregator, get, logged } = await start({
    eurekaSource: { enabled: true, address: ["http://127.0.0.1:1/eureka"], waitTime: "10ms" },
    xds: { shards: 2, formerShards: 4 },
  });
  await aggregator.gate.opened;
  const ready = async () => await get("/meshregistry/ready");
  expect((await ready()).text).not.toContain("more sources");
  const istiod = new SimulatedIstiod();
  istiod.connect(aggregator.xdsAddresses);
  await expect.poll(ready).toMatchObject({
    status: 200,
    text: expect.stringContaining("has 2 more sources"),
  });
  await expect.poll(() => istiod.responses.slice(2), { timeout: 10_000 }).toEqual([1, 1]);
  expect(logged("istiod has sources for shards that are gone")).toHaveLength(1);
});

test("the pages of a registry hold the specs of its entries by name", async () => {
  const { aggregator, get, publish } = await start();
  await publish(entryRecord("a"), entryRecord("b"), entryRecord("z", 1, "zookeeper"), markerRecord());
  await aggregator.gate.opened;
  const { text } = await get("/meshregistry/eureka");
  const specs: unknown = JSON.parse(text);
  expect(specs).toMatchObject({ a: { hosts: ["a.example"] }, b: { resolution: "STATIC" } });
  expect(specs).not.toHaveProperty("z");
  expect(text).toBe(JSON.stringify(specs, undefined, 2));
  expect(await get("/meshregistry/nacos")).toEqual({ status: 200, text: "{}" });
  // Without any server there is none to list.
  expect(await get("/meshregistry/nacos?registries=true")).toEqual({ status: 200, text: "[]" });
});

test("the page of Kubernetes holds specs by namespace and name, and the clusters of the configuration", async () => {
  const clusters = [
    { id: "east", kubeConfig: "/etc/kubeconfigs/east", context: "admin" },
    { inCluster: true },
  ];
  const { aggregator, get, publish } = await start({ k8s: { clusterId: "home" }, k8sSource: { clusters } });
  await publish(
    entryRecord("a"),
    entryRecord("k", 1, "kubernetes"),
    markerRecord(),
    markerRecord("kubernetes"),
  );
  await aggregator.gate.opened;
  const page = async (query = "") => {
    const read: unknown = JSON.parse((await get(`/meshregistry/k8s${query}`)).text);
    return read;
  };
  const specs = await page();
  expect(specs).toMatchObject({ "n/k": { hosts: ["k.example"], resolution: "STATIC" } });
  expect(Object.keys(Object(specs))).toEqual(["n/k"]);
  expect(await page("?registries=true")).toEqual([
    { registry_id: "east", kubeConfig: "/etc/kubeconfigs/east", context: "admin" },
    { registry_id: "home", inCluster: true },
  ]);
});

describe("an aggregator with fewer shards than of late", () => {
  const soon = { timeout: 30_000 };
  const names = Array.from({ length: 40 }, (_, index) => `service-${index}`);

  /** A stream that outlives its aggregators, each of which listens on the same ports. */
  async function newStream() {
    const entryLog = new EmbeddedEntryLog();
    const collectors = embeddedBucket("collectors");
    onTestFinished(async () => {
      await entryLog[Symbol.asyncDispose]();
      await collectors.bucket[Symbol.asyncDispose]();
    });
    const first = await freePortWith([1, 2, 3]);
    const serve = async (xds: object, more: object = {}) => {
      const mcp = { serverUrl: `xds://127.0.0.1:${first}` };
      const started = await start({ mcp, xds: { drainTime: "0", ...xds }, ...more }, {
        entryLog,
        collectors,
      });
      await started.publish(markerRecord());
      await started.aggregator.gate.opened;
      return { ...started, ready: async () => (await started.get("/meshregistry/ready")).text };
    };
    return { first, serve, addresses: [0, 1, 2, 3].map((index) => `127.0.0.1:${first + index}`) };
  }

  test("keeps the ports of the others, so that an istiod with the former sources is rid of what was deleted", async () => {
    const { serve, addresses } = await newStream();
    const before = await serve({ shards: 4 });
    await before.publish(...names.map((name) => entryRecord(name)));
    const istiod = new SimulatedIstiod();
    istiod.connect(addresses);
    await expect.poll(() => istiod.names.size, soon).toBe(names.length);
    expect(await before.ready()).toBe("");
    await before.stop();

    const after = await serve({ shards: 2 });
    const deleted = names.slice(0, 20);
    await after.publish(...deleted.map((name) => ({ subject: subjectOf(name), data: null })));
    istiod.connect(addresses);
    await expect.poll(() => istiod.names.size, soon).toBe(names.length - deleted.length);
    expect(istiod.sizes.slice(2)).toEqual([0, 0]);
    expect([...istiod.lost].toSorted()).toEqual(deleted.map((name) => `n/${name}`).toSorted());
    expect(await after.ready()).toMatch(
      /^4 shards were served until .*, now there are 2: the ports of the others are kept .*\nistiod .* has 2 more sources/,
    );
    expect(after.logged("the ports of the others are kept")).toHaveLength(1);
  });

  test("leaves a former port to what its configuration has there now", async () => {
    const { first, serve } = await newStream();
    await (await serve({ shards: 4 })).stop();
    const after = await serve({ shards: 1 }, { httpServerAddr: `127.0.0.1:${first + 2}` });
    expect(after.aggregator.xdsAddresses).toHaveLength(3);
    expect((await fetch(`http://127.0.0.1:${first + 2}/ready`)).status).toBe(200);
    expect(after.logged("the port of a former shard can't be kept")).toHaveLength(1);
  });

  test("keeps none where every istiod is said to have the right sources, and says what that may cost", async () => {
    const { serve } = await newStream();
    await (await serve({ shards: 4 })).stop();
    const after = await serve({ shards: 2, trustShards: true });
    expect(after.aggregator.xdsAddresses).toHaveLength(2);
    expect(await after.ready()).toContain("shows deleted services from them. Set xds.trustShards to false");
  });
});
