import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../test/seeded-random.ts";
import { SimulatedKubernetes } from "./server.ts";
import { SimulatedDeployment } from "./workload.ts";

const nodes = [{ name: "node-1", zone: "zone-a" }, { name: "node-2", zone: "zone-b" }];

function deploy(replicas: number) {
  const cluster = new SimulatedKubernetes();
  let count = 0;
  const deployment = new SimulatedDeployment(cluster, {
    namespace: "shop",
    name: "orders",
    replicas,
    ports: [{ name: "http", port: 80, targetPort: 8080 }],
    nodes,
    nextAddress: () => `10.0.${count >> 8}.${++count & 255}`,
  });
  /** Addresses in all slices that pass a test of their conditions. */
  const addresses = (passes: (endpoint: Endpoint) => boolean) =>
    cluster.history.all("endpointSlices").flatMap(({ json }) => endpoints(json["endpoints"])).filter(passes)
      .map(({ addresses }) => addresses[0] ?? "").sort();
  return { cluster, deployment, addresses };
}

interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions: { readonly ready: boolean; readonly serving: boolean; readonly terminating: boolean };
}

function endpoints(value: unknown): Endpoint[] {
  return Array.isArray(value) ? value : [];
}

describe("SimulatedDeployment", () => {
  test("has its Service, ready pods and their slice at the start", () => {
    const { cluster, deployment } = deploy(3);
    expect(cluster.history.all("services").map(({ key }) => key)).toEqual(["shop/orders"]);
    expect(cluster.history.count("pods")).toBe(3);
    const [slice] = cluster.history.all("endpointSlices");
    expect(slice?.labels).toMatchObject({ "kubernetes.io/service-name": "orders" });
    expect(slice?.json).toMatchObject({
      addressType: "IPv4",
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
      endpoints: [
        { addresses: ["10.0.0.1"], nodeName: "node-1", zone: "zone-a", conditions: { ready: true } },
        { addresses: ["10.0.0.2"], nodeName: "node-2", zone: "zone-b" },
        { addresses: ["10.0.0.3"] },
      ],
    });
    expect(deployment.step()).toBe(false);
  });

  test("rolls with a new pod ready before an old one ends, each old one serving until it is gone", () => {
    const { deployment, addresses } = deploy(3);
    const first = deployment.readyAddresses;
    deployment.roll();
    const ready: number[] = [];
    const terminating = new Set<string>();
    while (deployment.step()) {
      ready.push(addresses(({ conditions }) => conditions.ready).length);
      for (const address of addresses(({ conditions }) => conditions.terminating)) terminating.add(address);
      expect(addresses(({ conditions }) => conditions.terminating && !conditions.serving)).toEqual([]);
    }
    expect(Math.min(...ready)).toBe(3);
    expect([...terminating].sort()).toEqual([...first].sort());
    expect(deployment.readyAddresses.filter((address) => first.includes(address))).toEqual([]);
    expect(deployment.readyAddresses).toHaveLength(3);
  });

  test("has several slices above a hundred pods, and none that is empty after it was scaled down", () => {
    const { cluster, deployment, addresses } = deploy(250);
    expect(cluster.history.count("endpointSlices")).toBe(3);
    deployment.scale(5);
    deployment.settle();
    expect(cluster.history.count("endpointSlices")).toBe(1);
    expect(addresses(() => true)).toEqual([...deployment.readyAddresses].sort());
    deployment.delete();
    expect((["services", "pods", "endpointSlices"] as const).map((kind) => cluster.history.all(kind).length))
      .toEqual([
        0,
        0,
        0,
      ]);
  });

  test("settles at what was asked for last, whatever was asked for before", () => {
    const random = seededRandom(3);
    const { cluster, deployment, addresses } = deploy(4);
    for (let round = 0; round < 200; round++) {
      const choice = random();
      if (choice < 0.1) deployment.scale(Math.floor(random() * 8));
      else if (choice < 0.2) deployment.roll();
      else deployment.step();
      expect(addresses(() => true)).toHaveLength(cluster.history.count("pods"));
    }
    deployment.scale(6);
    deployment.settle();
    expect(addresses(({ conditions }) => conditions.ready)).toEqual([...deployment.readyAddresses].sort());
    expect(deployment.readyAddresses).toHaveLength(6);
  });
});
