import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { selfSignedCertificate } from "../../test/servers/certificate.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { newBucket } from "../../shared/collector/source-rig.ts";
import { CollectorRig, patient, SimulatedCluster } from "./collector-rig.ts";

const tls = selfSignedCertificate();

/** A cluster whose kubeconfig a Secret may hold. */
async function remote(...tokens: readonly string[]): Promise<SimulatedCluster> {
  const cluster = await SimulatedCluster.start({ tls });
  for (const token of tokens) cluster.server.tokens.set(token, "reader");
  return cluster;
}

/** A home cluster with Secrets, and a collector of the clusters in them. */
async function startHome(source: Readonly<Record<string, unknown>> = {}) {
  const home = await SimulatedCluster.start();
  const secret = (name: string, clusters: Readonly<Record<string, string>>, namespace = "mesh") =>
    void home.server.set("secrets", {
      metadata: { namespace, name, labels: { "istio/multiCluster": "true" } },
      data: Object.fromEntries(
        Object.entries(clusters).map(([id, text]) => [id, Buffer.from(text).toString("base64")]),
      ),
    });
  const start = (options: { readonly entryLog?: EmbeddedEntryLog } = {}) =>
    CollectorRig.start({}, {
      ...options,
      source: { clusterSecretsNamespace: "mesh", ...source },
      config: { k8s: { clusterId: "home", kubeConfig: home.kubeconfigFile() } },
    });
  return { home, secret, start };
}

const connectionsOf = (rig: CollectorRig) =>
  Object.fromEntries(rig.collector.view.status().connections.map(({ name, lastError }) => [name, lastError]));

describe("several clusters of the configuration", () => {
  test("one Service in two clusters is one entry with the endpoints of both, and stays whole when one is gone", async () => {
    const [east, west] = [await SimulatedCluster.start(), await SimulatedCluster.start()];
    east.service("orders", ["10.0.0.1"]);
    west.service("orders", ["10.1.0.1"]);
    west.service("only-west", ["10.1.0.2"]);
    const rig = await CollectorRig.start({ east, west });
    const all = { orders: "10.0.0.1 10.1.0.1", "only-west": "10.1.0.2" };
    await expect.poll(() => rig.endpoints(), patient).toEqual(all);
    await west.server.stop();
    await expect.poll(() => rig.collector.view.error, patient).toMatch(/^cluster west/);
    east.service("orders", ["10.0.0.1", "10.0.0.3"]);
    await expect.poll(() => rig.endpoints(), patient).toEqual({
      ...all,
      orders: "10.0.0.1 10.0.0.3 10.1.0.1",
    });
  });

  test("or one entry for each cluster", async () => {
    const [east, west] = [await SimulatedCluster.start(), await SimulatedCluster.start()];
    east.service("orders", ["10.0.0.1"]);
    west.service("orders", ["10.1.0.1"]);
    const rig = await CollectorRig.start({ east, west }, { source: { clusterEntries: "separate" } });
    await expect.poll(() => rig.endpoints(), patient).toEqual({
      "orders.east": "10.0.0.1",
      "orders.west": "10.1.0.1",
    });
    expect((await rig.manifests()).get("orders.west")?.spec.hosts).toEqual([
      "orders.shop.svc.west.cluster.local",
    ]);
  });

  test("one that can't be reached at the start isn't waited for longer than its own time, and loses nothing", async () => {
    const [east, west] = [await SimulatedCluster.start(), await SimulatedCluster.start()];
    east.service("orders", ["10.0.0.1"]);
    west.service("orders", ["10.1.0.1"]);
    west.service("only-west", ["10.1.0.2"]);
    const entryLog = new EmbeddedEntryLog();
    const first = await CollectorRig.start({ east, west }, { entryLog });
    const all = { orders: "10.0.0.1 10.1.0.1", "only-west": "10.1.0.2" };
    await expect.poll(() => first.endpoints(), patient).toEqual(all);
    await first.stop();
    await west.server.stop();
    east.service("orders", ["10.0.0.1", "10.0.0.3"]);
    const clusters = [
      { id: "east", kubeConfig: east.kubeconfigFile() },
      { id: "west", kubeConfig: west.kubeconfigFile(), waitTime: "50ms" },
    ];
    const rig = await CollectorRig.start({}, { entryLog, bucket: newBucket(), source: { clusters } });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    const recalled = { ...all, orders: "10.0.0.1 10.0.0.3 10.1.0.1" };
    await expect.poll(() => rig.endpoints(), patient).toEqual(recalled);
    expect(rig.collector.remark).toMatch(/cluster west/);
    east.service("orders", ["10.0.0.4"]);
    await expect.poll(() => rig.endpoints(), patient).toEqual({ ...all, orders: "10.0.0.4 10.1.0.1" });
    // It may have changed meanwhile.
    west.service("orders", ["10.1.0.9"]);
    await west.resume();
    await expect.poll(() => rig.endpoints(), patient).toEqual({ ...all, orders: "10.0.0.4 10.1.0.9" });
    expect(rig.collector.view.isUnsure).toBe(false);
  });

  test("waits for ever where that is asked for, and for all where none can be read", async () => {
    const [east, west] = [await SimulatedCluster.start(), await SimulatedCluster.start()];
    east.service("orders", ["10.0.0.1"]);
    await east.server.stop();
    await west.server.stop();
    const rig = await CollectorRig.start({ east, west }, { source: { clusterWaitTime: "20ms" } });
    await expect.poll(() => rig.collector.notReady, patient).toMatch(/cluster (east|west)/);
    await east.resume();
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
  });
});

describe("a kubeconfig that can't be used when a collector starts", () => {
  test("leaves the others read and its own cluster's endpoints published, is named, and is read once it is mended", async () => {
    const [east, west] = [await SimulatedCluster.start(), await SimulatedCluster.start()];
    east.service("orders", Array.from({ length: 20 }, (_, index) => `10.0.0.${index + 1}`));
    west.service("only-west", ["10.1.0.1"]);
    west.service("orders", ["10.1.0.9"]);
    const entryLog = new EmbeddedEntryLog();
    const first = await CollectorRig.start({ east, west }, { entryLog });
    const ofWest = async (rig: CollectorRig) => (await rig.endpoints())["only-west"];
    await expect.poll(() => ofWest(first), patient).toBe("10.1.0.1");
    await first.stop();
    const kubeConfig = west.kubeconfigFile();
    writeFileSync(kubeConfig, "garbage");
    const clusters = [{ id: "east", kubeConfig: east.kubeconfigFile() }, { id: "west", kubeConfig }];
    const rig = await CollectorRig.start({}, { entryLog, bucket: newBucket(), source: { clusters } });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    expect(rig.collector.remark).toMatch(/cluster west can't be opened: kubeconfig .* is no kubeconfig/);
    expect(connectionsOf(rig)["west"]).toMatch(/is no kubeconfig/);
    east.service("marker", ["10.0.1.1"]);
    await expect.poll(async () => (await rig.endpoints())["marker"], patient).toBe("10.0.1.1");
    expect(await ofWest(rig)).toBe("10.1.0.1");
    expect((await rig.endpoints())["orders"]).toContain("10.1.0.9");
    west.service("only-west", ["10.1.0.2"]);
    west.kubeconfigFile();
    await expect.poll(() => ofWest(rig), patient).toBe("10.1.0.2");
    expect(connectionsOf(rig)["west"]).toBeNull();
  });

  test("is an error of the configuration if there is no other one", async () => {
    const kubeConfig = "/nowhere/kubeconfig";
    await expect(CollectorRig.start({}, { source: { clusters: [{ id: "east", kubeConfig }] } })).rejects
      .toThrow(/kubeconfig \/nowhere\/kubeconfig can't be read/);
  });
});

test("a cluster that can't be read doesn't hold up a complete read of the others, also without a limit for the start", async () => {
  const [east, west] = [await SimulatedCluster.start(), await SimulatedCluster.start()];
  east.service("orders", ["10.0.0.1"]);
  west.service("orders", ["10.1.0.1"]);
  const rig = await CollectorRig.start({ east, west }, { source: { clusterWaitTime: "0" } });
  await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1 10.1.0.1" });
  west.server.fault = () => ({ code: 503 });
  west.server.breakWatches();
  await rig.collector.view.refresh(new AbortController().signal);
});

describe("clusters of Secrets", () => {
  test("are read as they are added, and theirs alone goes when they are removed (istio#27187, #8554)", async () => {
    const { home, secret, start } = await startHome();
    const [east, west] = [await remote("t"), await remote("t")];
    east.service("orders", ["10.0.0.1"]);
    west.service("orders", ["10.1.0.1"]);
    secret("east", { east: east.kubeconfig("t") });
    const rig = await start();
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
    secret("west", { west: west.kubeconfig("t") });
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1 10.1.0.1" });
    home.server.delete("secrets", { namespace: "mesh", name: "west" });
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
    expect(east.server.watchers().length).toBeGreaterThan(0);
    await expect.poll(() => west.server.watchers().length, patient).toBe(0);
  });

  test("a namespace without such Secrets, which may not even exist, is said while there is none", async () => {
    const { home, secret, start } = await startHome();
    const east = await remote("t");
    east.service("orders", ["10.0.0.1"]);
    // Another Secret there is none of these.
    home.server.set("secrets", { metadata: { namespace: "mesh", name: "other" } });
    const rig = await start();
    const said = /^namespace mesh has no Secret labelled istio\/multiCluster=true, .*clusterSecretsNamespace/;
    await expect.poll(() => rig.collector.remark, patient).toMatch(said);
    expect(connectionsOf(rig)).toEqual({ "Secrets with clusters": expect.stringMatching(said) });
    secret("east", { east: east.kubeconfig("t") });
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
    expect(rig.collector.remark).toBeUndefined();
    home.server.delete("secrets", { namespace: "mesh", name: "east" });
    await expect.poll(() => rig.collector.remark, patient).toMatch(said);
  });

  test("a removal that takes too much is held by the guard", async () => {
    const { home, secret, start } = await startHome();
    const [east, west] = [await remote("t"), await remote("t")];
    east.service("orders", ["10.0.0.1"]);
    west.service("orders", Array.from({ length: 20 }, (_, index) => `10.1.0.${index + 1}`));
    secret("all", { east: east.kubeconfig("t") });
    secret("west", { west: west.kubeconfig("t") });
    const rig = await start();
    const count = async () => (await rig.manifests()).get("orders")?.spec.endpoints?.length;
    await expect.poll(count, patient).toBe(21);
    home.server.delete("secrets", { namespace: "mesh", name: "west" });
    await expect.poll(() => rig.collector.publisher.isHolding, patient).toBe(true);
    expect(await count()).toBe(21);
    await rig.collector.share.requestRelease("the test", new AbortController().signal);
    await expect.poll(count, patient).toBe(1);
  });

  test("a rotation under load takes nothing away, and drops the old token (istio#61043, #60612, #20005)", async () => {
    const { secret, start } = await startHome();
    const east = await remote("old");
    east.service("orders", ["10.0.0.1"]);
    secret("east", { east: east.kubeconfig("old") });
    const rig = await start();
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
    let rounds = 0;
    const users: string[] = [];
    east.server.denies = (user) => {
      users.push(user);
      return false;
    };
    for (const token of ["second", "third", "fourth"]) {
      east.server.tokens.set(token, token);
      secret("east", { east: east.kubeconfig(token) });
      for (let step = 0; step < 10; step++) {
        east.service("orders", ["10.0.0.1", `10.0.1.${++rounds}`]);
        expect((await rig.endpoints())["orders"]).toContain("10.0.0.1");
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: `10.0.0.1 10.0.1.${rounds}` });
    await expect.poll(() => users, patient).toContain("fourth");
    for (const token of ["old", "second", "third"]) east.server.tokens.delete(token);
    // Those of the former connections are closed: one watch for each kind is left.
    await expect.poll(() => east.server.watchers("services").length, patient).toBe(1);
    east.server.finishWatches();
    east.service("orders", ["10.0.0.1", "10.0.2.2"]);
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1 10.0.2.2" });
    expect(rig.collector.publisher.isHolding).toBe(false);
  });

  test("a Secret that is replaced, as by deleting and creating it, takes nothing away", async () => {
    const { home, secret, start } = await startHome();
    const [east, west] = [await remote("t"), await remote("t")];
    east.service("orders", ["10.0.0.1"]);
    west.service("orders", ["10.1.0.1"]);
    secret("east", { east: east.kubeconfig("t") });
    secret("west", { west: west.kubeconfig("t") });
    const rig = await start();
    const both = { orders: "10.0.0.1 10.1.0.1" };
    await expect.poll(() => rig.endpoints(), patient).toEqual(both);
    const watched = west.server.requests.watchList;
    for (const name of ["west", "of-west"]) {
      home.server.delete("secrets", { namespace: "mesh", name: "west" });
      // Until another Secret is heard of, that one is gone.
      const other = `other-${name}`;
      secret(other, { [other]: "garbage" });
      await expect.poll(() => connectionsOf(rig), patient).toHaveProperty([
        `${other} (Secret mesh/${other})`,
      ]);
      secret(name, { west: west.kubeconfig("t") });
      east.service("marker", [`10.0.0.${name.length}`]);
      await expect.poll(async () => (await rig.endpoints())["marker"], patient).toBe(`10.0.0.${name.length}`);
      expect(await rig.endpoints()).toMatchObject(both);
    }
    west.service("orders", ["10.1.0.1", "10.1.0.2"]);
    await expect.poll(() => rig.endpoints(), patient).toMatchObject({ orders: "10.0.0.1 10.1.0.1 10.1.0.2" });
    // It was read through one connection all the time.
    expect(west.server.requests.watchList).toBe(watched);
  });

  test("credentials that may read less leave the earlier connection in use, as long as that can read", async () => {
    const { secret, start } = await startHome();
    const east = await remote("good", "poor");
    east.server.tokens.set("poor", "poor");
    east.server.denies = (user, _verb, kind) => user === "poor" && kind === "pods";
    east.pod("p", { "security.istio.io/tlsMode": "istio" });
    east.service("orders", []);
    const target = { kind: "Pod", namespace: "shop", name: "p" };
    east.slice("orders", "orders-1", [{ addresses: ["10.0.0.1"], targetRef: target }]);
    secret("east", { east: east.kubeconfig("good") });
    const rig = await start();
    const mode = async () =>
      (await rig.manifests()).get("orders")?.spec.endpoints?.[0]?.labels?.["security.istio.io/tlsMode"];
    await expect.poll(mode, patient).toBe("istio");
    secret("east", { east: east.kubeconfig("poor") });
    await expect.poll(() => rig.collector.remark, patient).toMatch(
      /the new credentials of cluster east: Pods can't be read: .*the earlier connection stays in use/,
    );
    // It has read all that it may.
    for (const kind of ["services", "endpointSlices", "nodes", "namespaces"] as const) {
      await expect.poll(() => east.server.watchers(kind).length, patient).toBe(2);
    }
    // A change has the entry converted again, by the connection that is in use.
    const endpoint = (address: string) => ({ addresses: [address], targetRef: target });
    east.slice("orders", "orders-1", [endpoint("10.0.0.1"), endpoint("10.0.0.3")]);
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1 10.0.0.3" });
    expect(await mode()).toBe("istio");
    // The earlier token ends: a poor view is better than one that stands still.
    east.server.tokens.delete("good");
    east.server.finishWatches();
    east.slice("orders", "orders-1", [{ addresses: ["10.0.0.2"], targetRef: target }]);
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.2" });
  });

  test("credentials that don't work leave the earlier connection in use, and that is said", async () => {
    const { secret, start } = await startHome();
    const east = await remote("good");
    east.service("orders", ["10.0.0.1"]);
    secret("east", { east: east.kubeconfig("good") });
    const rig = await start();
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
    secret("east", { east: east.kubeconfig("wrong") });
    await expect.poll(() => rig.collector.remark, patient).toMatch(
      /the new credentials of cluster east: .*the earlier connection stays in use/,
    );
    east.service("orders", ["10.0.0.2"]);
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.2" });
  });

  test("one id in two Secrets, one of them broken: the usable one counts, its neighbours live (istio#36365, #35654)", async () => {
    const { home, secret, start } = await startHome();
    const [east, west] = [await remote("t"), await remote("t")];
    east.service("orders", ["10.0.0.1"]);
    west.service("orders", ["10.1.0.1"]);
    secret("a", { east: "garbage", west: west.kubeconfig("t") });
    secret("b", { east: east.kubeconfig("t") });
    const rig = await start();
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1 10.1.0.1" });
    secret("c", { east: west.kubeconfig("t") });
    await expect.poll(() => Object.keys(connectionsOf(rig)), patient).toContain("east (Secret mesh/c)");
    // What was refused, and is gone, isn't named any more.
    home.server.delete("secrets", { namespace: "mesh", name: "c" });
    await expect.poll(() => Object.keys(connectionsOf(rig)), patient).not.toContain("east (Secret mesh/c)");
    expect(connectionsOf(rig)).toHaveProperty(["east (Secret mesh/a)"]);
    secret("c", { east: west.kubeconfig("t") });
    await expect.poll(() => connectionsOf(rig), patient).toMatchObject({
      east: null,
      west: null,
      "east (Secret mesh/a)": expect.stringMatching(/^not read: the kubeconfig of cluster east/),
      "east (Secret mesh/c)": expect.stringMatching(
        /^not read: cluster east is already that of Secret mesh\/b/,
      ),
    });
    expect(await rig.endpoints()).toEqual({ orders: "10.0.0.1 10.1.0.1" });
  });

  test("a cluster that the local istiod watches is refused, until it no longer does", async () => {
    const { home, secret, start } = await startHome();
    const [east, west] = [await remote("t"), await remote("t")];
    east.service("orders", ["10.0.0.1"]);
    west.service("orders", ["10.1.0.1"]);
    secret("both", { east: east.kubeconfig("t"), west: west.kubeconfig("t"), home: west.kubeconfig("t") });
    secret("istiods", { east: east.kubeconfig("t") }, "istio-system");
    const rig = await start();
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.1.0.1" });
    expect(connectionsOf(rig)).toMatchObject({
      "east (Secret mesh/both)": expect.stringMatching(
        /istiod watches this cluster itself \(Secret istio-system\/istiods\)/,
      ),
      "home (Secret mesh/both)": expect.stringMatching(/the cluster that we run in/),
    });
    home.server.delete("secrets", { namespace: "istio-system", name: "istiods" });
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1 10.1.0.1" });
    secret("istiods", { west: west.kubeconfig("t") }, "istio-system");
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
  });

  test("a kubeconfig that was garbage before this process started takes nothing away, and is named", async () => {
    const { home, secret, start } = await startHome();
    const [east, west] = [await remote("t"), await remote("t")];
    east.service("orders", Array.from({ length: 20 }, (_, index) => `10.0.0.${index + 1}`));
    west.service("orders", ["10.1.0.9"]);
    west.service("only-west", ["10.1.0.1"]);
    secret("east", { east: east.kubeconfig("t") });
    secret("west", { west: west.kubeconfig("t") });
    const entryLog = new EmbeddedEntryLog();
    const first = await start({ entryLog });
    const west1 = async (rig: CollectorRig) => (await rig.endpoints())["only-west"];
    await expect.poll(() => west1(first), patient).toBe("10.1.0.1");
    await first.stop();
    secret("west", { west: "garbage" });
    const rig = await start({ entryLog });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    expect(rig.collector.remark).toMatch(/cluster west of Secret mesh\/west is not read: .*no kubeconfig/);
    // A change of its neighbour has everything published that there is to publish.
    east.service("marker", ["10.0.1.1"]);
    await expect.poll(async () => (await rig.endpoints())["marker"], patient).toBe("10.0.1.1");
    expect(await west1(rig)).toBe("10.1.0.1");
    expect((await rig.endpoints())["orders"]).toContain("10.1.0.9");
    secret("west", { west: west.kubeconfig("t") });
    west.service("only-west", ["10.1.0.2"]);
    await expect.poll(() => west1(rig), patient).toBe("10.1.0.2");
    // Deleted in the end, it goes as any other one.
    home.server.delete("secrets", { namespace: "mesh", name: "west" });
    await expect.poll(() => west1(rig), patient).toBe("");
  });

  test("Secrets that are denied are said to be, and nothing is taken for removed", async () => {
    const { home, secret, start } = await startHome();
    const east = await remote("t");
    east.service("orders", ["10.0.0.1"]);
    secret("east", { east: east.kubeconfig("t") });
    const entryLog = new EmbeddedEntryLog();
    const first = await start({ entryLog });
    await expect.poll(() => first.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
    await first.stop();
    home.server.denies = (_user, _verb, kind) => kind === "secrets";
    const rig = await start({ entryLog });
    await expect.poll(() => rig.collector.notReady, patient).toMatch(
      /the Secrets with clusters in namespace mesh can't be read/,
    );
    expect(await rig.endpoints()).toEqual({ orders: "10.0.0.1" });
  });
});
