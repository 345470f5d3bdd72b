import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { SimulatedKubernetes } from "../kubernetes/server.ts";
import { SimulatedDeployment } from "../kubernetes/workload.ts";
import { demoAddress, shop } from "./demo-services.ts";

/** A running demo. Disposing of it ends the server; the signal that it was given ends its changes. */
export interface KubernetesDemo extends AsyncDisposable {
  readonly server: SimulatedKubernetes;
  /** URL of the API server. */
  readonly address: string;
  /** Path of a kubeconfig, for `k8sSource.clusters`. It is there until the demo is disposed of. */
  readonly kubeConfig: string;
}

const region = "eu-north-1";

/** Three nodes, each in a zone of its own. */
const nodes = ["a", "b", "c"].map((zone) => ({ name: `node-${zone}`, zone: `${region}${zone}` }));

/** Labels of a pod that Istio has injected its proxy into. */
const labels = { "security.istio.io/tlsMode": "istio", version: "v1" };

/**
 * Starts an API server in this process with a cluster in which the shop's Deployments roll and scale. Every `pauseMs`
 * each of them does the next thing that it has to do (a pod comes, is ready, ends or is gone), and one gets more to do.
 * @param listen `host:port`; port 0 for any @throws MeshError `address-in-use`
 */
export async function startKubernetesDemo(
  pauseMs: number,
  signal: AbortSignal,
  listen = "127.0.0.1:0",
): Promise<KubernetesDemo> {
  const server = new SimulatedKubernetes();
  const address = await server.listen(listen);
  const folder = await mkdtemp(join(tmpdir(), "meshregistry-demo-"));
  const kubeConfig = join(folder, "kubeconfig");
  await writeFile(kubeConfig, server.kubeconfig(address));
  for (const { name, zone } of nodes) {
    const topology = { "topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": zone };
    server.set("nodes", { metadata: { name, labels: topology } });
  }
  server.set("namespaces", { metadata: { name: "shop" } });
  const deployments = shop.map((service) => {
    let number = 0;
    return new SimulatedDeployment(server, {
      namespace: "shop",
      name: service.name,
      replicas: service.instances,
      ports: [{ name: service.name === "mailer" ? "tcp-smtp" : "http", port: 80, targetPort: 8080 }],
      labels,
      nodes,
      nextAddress: () => demoAddress(service, (number++ % 250) + 1),
    });
  });
  void run(deployments, pauseMs, signal);
  return {
    server,
    address,
    kubeConfig,
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Lets one Deployment after another scale up, scale down and roll, until the signal aborts. */
async function run(
  deployments: readonly SimulatedDeployment[],
  pauseMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (let step = 0; !signal.aborted; step++) {
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    for (const deployment of deployments) deployment.step();
    const index = (step * 5) % deployments.length;
    const chosen = deployments[index];
    const instances = shop[index]?.instances ?? 1;
    // Each has its turn for all three.
    const turn = (index + Math.floor(step / deployments.length)) % 3;
    if (turn === 2) chosen?.roll();
    else chosen?.scale(turn === 0 ? instances + 1 : instances);
  }
}
