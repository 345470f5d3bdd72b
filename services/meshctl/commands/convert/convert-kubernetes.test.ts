import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { SimulatedKubernetes } from "../../../../shared/simulators/kubernetes/server.ts";
import { run } from "../../meshctl-rig.ts";

const service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace: "shop", name: "orders", labels: { app: "orders" } },
  spec: { clusterIP: "10.96.0.7", ports: [{ name: "http", port: 80, targetPort: 8080 }] },
};
const slice = {
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { namespace: "shop", name: "orders-x", labels: { "kubernetes.io/service-name": "orders" } },
  addressType: "IPv4",
  ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  endpoints: [{ addresses: ["10.0.0.1"], targetRef: { kind: "Pod", name: "p", namespace: "shop" } }],
};
const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace: "shop", name: "p", labels: { "security.istio.io/tlsMode": "istio" } },
  spec: { serviceAccountName: "orders" },
};

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "meshregistry-convert-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

async function convert(text: string, ...more: readonly string[]) {
  const input = join(folder(), "list");
  writeFileSync(input, text);
  return await run("convert", "--source", "kubernetes", "--input", input, ...more);
}

describe("meshctl convert --source kubernetes", () => {
  test("takes kubectl's lists in JSON and YAML, lists of one kind, and single documents", async () => {
    const items = [service, slice, pod, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "d" },
    }];
    const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
    const documents = items.map((item) => `---\n${JSON.stringify(item)}\n`).join("");
    const { kind: _kind, apiVersion: _version, ...bare } = service;
    const kinds = JSON.stringify([{ apiVersion: "v1", kind: "ServiceList", items: [bare] }, slice, pod]);
    const first = await convert(list, "-o", "json");
    expect(first.code).toBe(0);
    expect(JSON.parse(first.out)).toMatchObject([{
      metadata: { namespace: "shop", name: "orders", labels: { app: "orders", registry: "kubernetes" } },
      spec: {
        hosts: ["orders.shop.svc.cluster.local"],
        endpoints: [{
          address: "10.0.0.1",
          ports: { http: 8080 },
          labels: { "security.istio.io/tlsMode": "istio", "topology.istio.io/cluster": "Kubernetes" },
          serviceAccount: "orders",
        }],
      },
    }]);
    expect((await convert(documents, "-o", "json")).out).toBe(first.out);
    expect((await convert(kinds, "-o", "json")).out).toBe(first.out);
  });

  test("says what a list without pods can't tell, and names what is unusable", async () => {
    const broken = { ...service, metadata: { namespace: "shop", name: "broken" }, spec: { ports: ["http"] } };
    const { code, out, err } = await convert(
      JSON.stringify({ kind: "List", items: [service, slice, broken] }),
    );
    expect([code, out]).toEqual([0, expect.stringContaining("orders.shop.svc.cluster.local")]);
    expect(err).toMatch(/note: there are no pods in the input/);
    expect(err).toMatch(/Kubernetes: Service shop\/broken: spec\.ports\.0/);
  });

  test.each([
    ["{", /this is no JSON/],
    ["a: [", /this is no YAML/],
    ["hello", /no object of Kubernetes: give the output of kubectl get/],
    ["[]", /no object of Kubernetes/],
  ])("refuses %j", async (text, message) => {
    const { code, err } = await convert(text);
    expect([code, err]).toEqual([1, expect.stringMatching(message)]);
  });

  test("reads a cluster by its kubeconfig", async () => {
    const server = new SimulatedKubernetes();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const url = await server.listen("127.0.0.1:0");
    server.set("services", { metadata: service.metadata, spec: { ports: service.spec.ports } });
    const path = join(folder(), "east");
    writeFileSync(path, server.kubeconfig(url));
    const { code, out, err } = await run(
      "convert",
      "--source",
      "kubernetes",
      "--kubeconfig",
      path,
    );
    expect([code, out, err]).toEqual([
      0,
      expect.stringContaining("orders.shop.svc.cluster.local"),
      expect.stringContaining("note: read "),
    ]);
  });

  test("has a flag of its own for that", async () => {
    const { code, err } = await run("convert", "--source", "kubernetes", "--address", "a:1");
    expect([code, err]).toEqual([
      2,
      expect.stringContaining("kubernetes is read with --input or --kubeconfig"),
    ]);
  });
});
