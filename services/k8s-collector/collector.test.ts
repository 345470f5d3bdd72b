import { describe, expect, test } from "vitest";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { newBucket } from "../../shared/collector/source-rig.ts";
import { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { readJson } from "../../shared/model/read-json.ts";
import { SimulatedDeployment } from "../../shared/simulators/kubernetes/workload.ts";
import { CollectorRig, patient, SimulatedCluster } from "./collector-rig.ts";

const numbered = (count: number, first = 1) =>
  Array.from(
    { length: count },
    (_, index) => `10.0.${Math.floor((index + first) / 250)}.${(index + first) % 250}`,
  );

function addressesIn(data: Uint8Array): string {
  const manifest = ServiceEntryManifest.parse(readJson(data));
  return (manifest.spec.endpoints ?? []).map(({ address }) => address).join(" ");
}

describe("a Kubernetes collector", () => {
  test("publishes Services, follows a Deployment that scales and rolls, and never shows it empty", async () => {
    const cluster = await SimulatedCluster.start();
    let next = 0;
    const nodes = [{ name: "n1", zone: "z1" }];
    cluster.server.set("nodes", {
      metadata: {
        name: "n1",
        labels: { "topology.kubernetes.io/region": "r", "topology.kubernetes.io/zone": "z1" },
      },
    });
    const deployment = new SimulatedDeployment(cluster.server, {
      namespace: "shop",
      name: "orders",
      replicas: 2,
      ports: [{ name: "http", port: 80, targetPort: 8080 }],
      labels: { "security.istio.io/tlsMode": "istio" },
      nodes,
      nextAddress: () => `10.0.0.${++next}`,
    });
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1 10.0.0.2" });
    const [endpoint] = (await rig.manifests()).get("orders")?.spec.endpoints ?? [];
    expect(endpoint).toMatchObject({
      locality: "r/z1",
      serviceAccount: "orders",
      labels: { app: "orders", "security.istio.io/tlsMode": "istio", "topology.istio.io/cluster": "east" },
    });
    deployment.scale(4);
    deployment.settle();
    await expect.poll(() => rig.endpoints(), patient).toEqual({
      orders: deployment.readyAddresses.join(" "),
    });
    deployment.roll();
    while (deployment.step()) expect((await rig.endpoints())["orders"]).not.toBe("");
    await expect.poll(() => rig.endpoints(), patient).toEqual({
      orders: deployment.readyAddresses.join(" "),
    });
    deployment.delete();
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "" });
  });

  test("an endpoint that moves to another slice is never gone in between, whichever comes first", async () => {
    const cluster = await SimulatedCluster.start();
    cluster.service("orders", ["10.0.0.1"]);
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    const seen: string[] = [];
    const stop = new AbortController();
    const following = (async () => {
      for await (const event of rig.running.entryLog.follow("mesh.entries.ServiceEntry.>", stop.signal)) {
        if (event.type === "put") seen.push(addressesIn(event.data));
      }
    })();
    for (let round = 0; round < 5; round++) {
      const [from, to] = round % 2 === 0 ? ["orders-1", "orders-2"] : ["orders-2", "orders-1"];
      if (round < 3) cluster.slice("orders", to, ["10.0.0.1"]);
      cluster.slice("orders", from, []);
      cluster.slice("orders", to, ["10.0.0.1", `10.0.1.${round}`]);
      await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: `10.0.0.1 10.0.1.${round}` });
    }
    await expect.poll(() => seen.at(-1), patient).toBe("10.0.0.1 10.0.1.4");
    stop.abort();
    await following;
    expect(seen.filter((addresses) => !addresses.split(" ").includes("10.0.0.1"))).toEqual([]);
  });

  test("a StatefulSet that rolls and takes its addresses up in another order has each pod's labels at its own (istio#52110, #52104)", async () => {
    const cluster = await SimulatedCluster.start();
    cluster.server.set("services", {
      metadata: { namespace: "shop", name: "db" },
      spec: {
        clusterIP: "None",
        clusterIPs: ["None"],
        ipFamilies: ["IPv4", "IPv6"],
        ports: [{ name: "http", port: 80, targetPort: 8080 }],
      },
    });
    const slices = (order: readonly string[]) => {
      for (const [addressType, prefix] of [["IPv6", "fd00::"], ["IPv4", "10.0.0."]] as const) {
        cluster.server.set("endpointSlices", {
          metadata: {
            namespace: "shop",
            name: `db-${addressType}`,
            labels: { "kubernetes.io/service-name": "db" },
          },
          addressType,
          ports: [{ name: "http", port: 8080 }],
          endpoints: order.map((name, index) => ({
            addresses: [`${prefix}${index + 1}`],
            targetRef: { kind: "Pod", namespace: "shop", name },
          })),
        });
      }
    };
    const pods = (version: string) => {
      for (const name of ["db-0", "db-1"]) cluster.pod(name, { name, version });
    };
    const atEach = async () => {
      const { endpoints = [] } = (await rig.manifests()).get("db")?.spec ?? {};
      return endpoints.map(({ address, labels }) => `${address} ${labels?.["name"]} ${labels?.["version"]}`);
    };
    pods("1");
    slices(["db-0", "db-1"]);
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(atEach, patient).toEqual(["10.0.0.1 db-0 1", "10.0.0.2 db-1 1"]);
    // Slices first, then pods, which are others by the same names; and the other way round.
    slices(["db-1", "db-0"]);
    for (const name of ["db-0", "db-1"]) cluster.server.delete("pods", { namespace: "shop", name });
    pods("2");
    await expect.poll(atEach, patient).toEqual(["10.0.0.1 db-1 2", "10.0.0.2 db-0 2"]);
    pods("3");
    slices(["db-0", "db-1"]);
    await expect.poll(atEach, patient).toEqual(["10.0.0.1 db-0 3", "10.0.0.2 db-1 3"]);
  });

  test("takes no deletion from an outage, and what went meanwhile passes the guard", async () => {
    const cluster = await SimulatedCluster.start();
    for (let index = 0; index < 20; index++) cluster.service(`s${index}`, numbered(1, index));
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    const before = await rig.endpoints();
    await cluster.server.stop();
    await expect.poll(() => rig.collector.view.error, patient).toMatch(
      /cluster east: (Service|EndpointSlice)s can't be read/,
    );
    for (let index = 0; index < 15; index++) {
      cluster.server.delete("services", { namespace: "shop", name: `s${index}` });
      cluster.server.delete("endpointSlices", { namespace: "shop", name: `s${index}-1` });
    }
    cluster.server.compact();
    await cluster.resume();
    await expect.poll(() => rig.collector.publisher.held().size, patient).toBe(15);
    expect(await rig.endpoints()).toEqual(before);
    for (let index = 0; index < 15; index++) cluster.service(`s${index}`, numbered(1, index));
    await expect.poll(() => rig.collector.publisher.held().size, patient).toBe(0);
    expect(await rig.endpoints()).toEqual(before);
  });

  test("a namespace that is deleted with its 1,000 Services is evidence, and too much at once all the same", async () => {
    const cluster = await SimulatedCluster.start();
    for (let index = 0; index < 1000; index++) cluster.service(`s${index}`, numbered(1, index));
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    for (let index = 0; index < 1000; index++) {
      cluster.server.delete("services", { namespace: "shop", name: `s${index}` });
      cluster.server.delete("endpointSlices", { namespace: "shop", name: `s${index}-1` });
    }
    // What goes before the limit is reached is let go, as any deletion of a Service is; all others are held in the end.
    const kept = async () => Object.values(await rig.endpoints()).filter((text) => text !== "").length;
    await expect.poll(async () => rig.collector.publisher.held().size === await kept(), patient).toBe(true);
    expect(await kept()).toBeGreaterThanOrEqual(600);
    await rig.collector.share.requestRelease("the test", new AbortController().signal);
    await expect.poll(async () => Object.values(await rig.endpoints()).join(""), patient).toBe("");
  });

  test("a kind that is denied costs what it would tell, and is named", async () => {
    const cluster = await SimulatedCluster.start();
    cluster.pod("p", { app: "orders" });
    cluster.service("orders", []);
    const target = { kind: "Pod", namespace: "shop", name: "p" };
    cluster.slice("orders", "orders-1", [{ addresses: ["10.0.0.1"], targetRef: target }]);
    cluster.server.denies = (_user, _verb, kind) => kind === "pods" || kind === "nodes";
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    expect(rig.collector.remark).toMatch(/cluster east: Pods can't be read: .*forbidden/i);
    expect(rig.collector.view.error).toBeUndefined();
    cluster.server.denies = undefined;
    const labels = async () => (await rig.manifests()).get("orders")?.spec.endpoints?.[0]?.labels?.["app"];
    await expect.poll(labels, patient).toBe("orders");
    await expect.poll(() => rig.collector.remark, patient).toBeUndefined();
  });

  test("Services that are denied keep what is published, and readiness says so", async () => {
    const cluster = await SimulatedCluster.start();
    cluster.server.denies = (_user, _verb, kind) => kind === "endpointSlices";
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(() => rig.collector.notReady, patient).toMatch(
      /EndpointSlices can't be read: .*forbidden/i,
    );
    expect(await rig.endpoints()).toEqual({});
  });

  test("a Service of 10 MB and one that is garbage cost nobody else anything", async () => {
    const cluster = await SimulatedCluster.start();
    cluster.service("large", ["10.0.0.1"], { notes: "x".repeat(10 * 2 ** 20) });
    cluster.service("orders", ["10.0.0.2"]);
    cluster.server.history.set("services", {
      metadata: { namespace: "shop", name: "garbage" },
      spec: { ports: JSON.parse('["http"]') },
    });
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(() => rig.endpoints(), patient).toEqual({ large: "10.0.0.1", orders: "10.0.0.2" });
    const invalid = Object.fromEntries(rig.collector.view.status().invalidRecords);
    expect(invalid).toEqual({ "east: Service shop/garbage": expect.stringContaining("spec.ports.0") });
    cluster.service("garbage", ["10.0.0.3"]);
    await expect.poll(() => rig.endpoints(), patient).toMatchObject({ garbage: "10.0.0.3" });
    expect(rig.collector.view.status().invalidRecords.size).toBe(0);
  });

  test("a namespace that a cluster doesn't have is named, until it is there", async () => {
    const cluster = await SimulatedCluster.start();
    cluster.server.set("namespaces", { metadata: { name: "shop" } });
    cluster.service("orders", numbered(1, 1));
    const rig = await CollectorRig.start({ east: cluster }, { source: { namespaces: ["shop", "shpo"] } });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    expect(rig.collector.view.remark).toBe(
      "cluster east has no namespace shpo, which k8sSource.namespaces names: create it, or correct the name",
    );
    expect([...(await rig.manifests()).keys()]).toEqual(["orders"]);
    cluster.server.set("namespaces", { metadata: { name: "shpo" } });
    await expect.poll(() => rig.collector.view.remark, patient).toBeUndefined();
  });

  test("namespaces, selectors and excluded namespaces choose; the API server's own Service is never taken", async () => {
    const cluster = await SimulatedCluster.start();
    const set = (namespace: string, name: string, labels: Record<string, string> = {}) =>
      cluster.server.set("services", {
        metadata: { namespace, name, labels },
        spec: { ports: [{ port: 80 }] },
      });
    set("default", "kubernetes");
    set("kube-system", "dns");
    set("shop", "a", { team: "x" });
    set("web", "b", { team: "y" });
    set("web", "c");
    const names = async (source: Record<string, unknown>) => {
      const rig = await CollectorRig.start({ east: cluster }, { source });
      await expect.poll(() => rig.isReady, patient).toBe(true);
      return [...(await rig.manifests()).keys()].sort();
    };
    expect(await names({})).toEqual(["a", "b", "c"]);
    expect(await names({ excludedNamespaces: ["shop"] })).toEqual(["b", "c", "dns"]);
    expect(await names({ namespaces: ["web"] })).toEqual(["b", "c"]);
    const serviceSelectors = [{ matchLabels: { team: "x" } }, { matchLabels: { team: "y" } }];
    expect(await names({ serviceSelectors })).toEqual(["a", "b"]);
  });

  test("the MCS API: exports of either version count, and without its CRDs nothing is taken for unexported", async () => {
    const cluster = await SimulatedCluster.start();
    cluster.service("orders", ["10.0.0.1"]);
    cluster.service("own", ["10.0.0.2"]);
    const entryLog = new EmbeddedEntryLog();
    const source = { multiClusterServices: true };
    cluster.server.unknownKinds.add("serviceExportsV1beta1");
    cluster.server.set("serviceExportsV1alpha1", { metadata: { namespace: "shop", name: "orders" } });
    const rig = await CollectorRig.start({ east: cluster }, { source, entryLog });
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
    expect((await rig.manifests()).get("orders")?.spec.hosts).toEqual(["orders.shop.svc.clusterset.local"]);
    await rig.stop();
    cluster.server.unknownKinds.add("serviceExportsV1alpha1");
    const second = await CollectorRig.start({ east: cluster }, { source, entryLog, bucket: newBucket() });
    await expect.poll(() => second.collector.notReady, patient).toMatch(/ServiceExports can't be read/);
    expect(await second.endpoints()).toEqual({ orders: "10.0.0.1" });
  });
});
