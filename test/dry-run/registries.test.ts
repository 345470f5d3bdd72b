import { expect, test } from "vitest";
import { z } from "zod";
import { Manifest } from "../../shared/model/manifest.ts";
import { dryRunIn } from "../../shared/collector/dry-run/dry-run.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { kubernetes } from "../../services/k8s-collector/registry.ts";
import { nacos } from "../../services/nacos-collector/registry.ts";
import { zookeeper } from "../../services/zk-collector/registry.ts";

const never = new AbortController().signal;

/** What a registry's thread makes of an answer: the hosts, or why there are none. */
async function hostsOf(
  { dryRunThread }: { readonly dryRunThread?: URL },
  config: object,
  name: string,
  answer: unknown,
): Promise<unknown> {
  const running = loadConfig(JSON.stringify(config), { env: {}, fileName: "of the test" });
  if (dryRunThread === undefined) throw new TypeError("there is no dry run");
  const input = typeof answer === "string" ? answer : JSON.stringify(answer);
  const result = await dryRunIn(dryRunThread, { name, running })({ input }, never);
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
