import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { Manifest } from "../../shared/model/manifest.ts";
import { dryRunIn } from "../../shared/collector/dry-run/dry-run.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { startServer } from "../../shared/nacos/nacos-rig.ts";
import { SimulatedZooKeeper } from "../../shared/simulators/zookeeper/server.ts";
import { SimulatedCluster } from "../../services/k8s-collector/collector-rig.ts";
import { DubboTree } from "../../services/zk-collector/collector-rig.ts";
import { kubernetes } from "../../services/k8s-collector/registry.ts";
import { nacos } from "../../services/nacos-collector/registry.ts";
import { zookeeper } from "../../services/zk-collector/registry.ts";

const never = new AbortController().signal;

/** What a registry's thread makes of an answer: the hosts, or why there are none. */
async function hostsOf(
  kind: { readonly dryRunThread?: URL },
  config: object,
  name: string,
  answer: unknown,
): Promise<unknown> {
  const input = typeof answer === "string" ? answer : JSON.stringify(answer);
  return await hostsAfter(kind, config, name, { input });
}

/** What it makes of another configuration: the hosts of what the registry has now. */
async function hostsWith(
  kind: { readonly dryRunThread?: URL },
  config: object,
  configuration: object,
): Promise<unknown> {
  return await hostsAfter(kind, config, "default", { configuration: JSON.stringify(configuration) });
}

async function hostsAfter(
  { dryRunThread }: { readonly dryRunThread?: URL },
  config: object,
  name: string,
  question: { readonly input?: string; readonly configuration?: string },
): Promise<unknown> {
  const running = loadConfig(JSON.stringify(config), { env: {}, fileName: "of the test" });
  if (dryRunThread === undefined) throw new TypeError("there is no dry run");
  const result = await dryRunIn(dryRunThread, { name, running })(question, never);
  if ("failure" in result) return result.failure;
  return z.array(Manifest).parse(result.conversion.manifests).flatMap((each) =>
    each.kind === "ServiceEntry" ? each.spec.hosts : []
  );
}

test("Nacos, a named source", async () => {
  const nacosSources = { south: { enabled: true, address: ["http://localhost:8848"], nsHost: false } };
  const answer = { name: "DEFAULT_GROUP@@orders", hosts: [{ ip: "10.0.0.1", port: 80, healthy: true }] };
  expect(await hostsOf(nacos, { nacosSources }, "south", answer)).toEqual(["orders"]);
  expect(await hostsOf(nacos, { nacosSources }, "south", "{")).toEqual({
    why: "input",
    text: expect.stringContaining("line 1 column 2"),
  });
});

test("ZooKeeper", async () => {
  const url = encodeURIComponent("dubbo://10.0.0.1:20880/com.example.Orders?interface=com.example.Orders");
  const answer = [{ path: `/dubbo/com.example.Orders/providers/${url}` }];
  const zookeeperSource = { enabled: true, address: ["localhost:2181"] };
  expect(await hostsOf(zookeeper, { zookeeperSource }, "default", answer)).toEqual([
    expect.stringContaining("com.example.orders"),
  ]);
});

test("Kubernetes, as YAML", async () => {
  const k8sSource = { clusters: [{ id: "home", kubeConfig: "-" }] };
  const answer = `
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec: {ports: [{name: http, port: 80}], clusterIP: 10.1.0.1}
`;
  const profile = "istio";
  expect(await hostsOf(kubernetes, { k8sSource, profile }, "default", answer)).toEqual([
    expect.stringContaining("orders.shop"),
  ]);
  expect(await hostsOf(kubernetes, { k8sSource }, "default", "&a [*a, *a]")).toMatchObject({ why: "input" });
});

describe("another configuration alone: the registry is read anew, as and where the collector reads it", () => {
  test("Nacos", async () => {
    const server = await startServer();
    server.registry.register({ name: "orders" }, { ip: "10.0.0.1", port: 80 });
    const nacosSource = { enabled: true, address: [`http://${server.address}`] };
    const other = { nacosSource: { enabled: true, address: ["http://127.0.0.1:1"], nsHost: false } };
    expect(await hostsWith(nacos, { nacosSource }, other)).toEqual(["orders"]);
  });

  test("ZooKeeper", async () => {
    const server = new SimulatedZooKeeper();
    onTestFinished(() => server[Symbol.asyncDispose]());
    new DubboTree(server.tree).provide("com.example.Orders", 1);
    const zookeeperSource = { enabled: true, address: [await server.listen("127.0.0.1:0")] };
    const other = { zookeeperSource: { enabled: true, address: ["127.0.0.1:1"], hostSuffix: ".test" } };
    expect(await hostsWith(zookeeper, { zookeeperSource }, other)).toEqual([
      expect.stringMatching(/^com\.example\.orders.*\.test$/),
    ]);
  });

  test("Kubernetes", async () => {
    const cluster = await SimulatedCluster.start();
    const ports = [{ name: "http", port: 80 }];
    cluster.server.set("services", { metadata: { namespace: "shop", name: "orders" }, spec: { ports } });
    const k8sSource = { clusters: [{ id: "home", kubeConfig: cluster.kubeconfigFile() }] };
    const other = {
      k8sSource: { clusters: [{ id: "away", kubeConfig: "/nowhere" }], domain: "test" },
      profile: "istio",
    };
    expect(await hostsWith(kubernetes, { k8sSource, profile: "istio" }, other)).toEqual([
      "orders.shop.svc.test",
    ]);
  });

  test("says that the registry can't be read", async () => {
    const k8sSource = { clusters: [{ id: "home", kubeConfig: "/nowhere" }] };
    const result = await hostsWith(kubernetes, { k8sSource }, { k8sSource });
    expect(result).toMatchObject({ text: expect.stringContaining("/nowhere") });
  });
});
