import { describe, expect, test } from "vitest";
import { requireReal } from "./find.ts";
import { startKubeApiServer } from "./kube-apiserver.ts";
import type { KubeApiServer } from "./kube-apiserver.ts";

const patient = { timeout: 60_000, interval: 100 };

/** A Deployment with a Service, as `kubectl apply` takes it. */
function shop(replicas: number) {
  const labels = { app: "shop" };
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { namespace: "default", name: "shop" },
        spec: {
          replicas,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: "shop", image: "shop:1" }] } },
        },
      },
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { namespace: "default", name: "shop" },
        spec: { selector: labels, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
      },
    ],
  };
}

/** Address, zone and readiness of each endpoint, over all slices. */
async function endpoints(server: KubeApiServer): Promise<string[]> {
  const path = "{range .items[*].endpoints[*]}{.addresses[0]} {.zone} {.conditions.ready}{'\\n'}{end}";
  const text = await server.kubectl(
    "get",
    "endpointslices",
    "-l",
    "kubernetes.io/service-name=shop",
    "-o",
    `jsonpath=${path}`,
  );
  return text.split("\n").filter((line) => line !== "");
}

describe.skipIf(requireReal("kube-apiserver").skip)("startKubeApiServer()", () => {
  test("turns a Deployment and a Service into pods and EndpointSlices, and follows when it is scaled", async () => {
    await using server = await startKubeApiServer({ controllers: true });
    await server.apply(shop(12));
    await expect.poll(async () => (await endpoints(server)).length, patient).toBe(12);
    const all = await endpoints(server);
    expect(new Set(all.map((line) => line.split(" ")[0])).size).toBe(12);
    expect(all.every((line) => / zone-[ab] true$/.test(line))).toBe(true);
    // More than one slice has: the tests want several.
    const slices = await server.kubectl("get", "endpointslices", "-o", "name");
    expect(slices.match(/shop-/g)?.length).toBe(2);
    await server.kubectl("scale", "deployment/shop", "--replicas=3");
    await expect.poll(async () => (await endpoints(server)).length, patient).toBe(3);
  });

  test("has the same objects, and its credentials, after it was killed; and deletes what is in a namespace", async () => {
    await using server = await startKubeApiServer({ controllers: true });
    await server.kubectl("create", "namespace", "gone");
    await server.kubectl("create", "service", "clusterip", "a", "--tcp=80", "-n", "gone");
    await server.kill();
    await server.restart();
    expect(await server.kubectl("get", "services", "-n", "gone", "-o", "name")).toBe("service/a\n");
    await server.kubectl("delete", "namespace", "gone");
    expect(await server.kubectl("get", "services", "-n", "gone", "-o", "name")).toBe("");
  });
});
