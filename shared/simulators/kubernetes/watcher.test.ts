import { expect, onTestFinished, test } from "vitest";
import { openCluster } from "../../kubernetes/open-cluster.ts";
import { resources } from "../../kubernetes/kubernetes.ts";
import { SimulatedKubernetes } from "./server.ts";

test("sends many initial objects without leaving listeners behind", async () => {
  const warnings: string[] = [];
  const note = ({ name }: Error) => void warnings.push(name);
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  await using server = new SimulatedKubernetes();
  const url = await server.listen("127.0.0.1:0");
  const annotations = { padding: "x".repeat(50_000) };
  for (let index = 0; index < 500; index++) {
    server.set("pods", { metadata: { namespace: "shop", name: `p${index}`, annotations } });
  }
  await using cluster = await openCluster({ kind: "text", text: server.kubeconfig(url) }, {
    name: "c",
    environment: {},
  });
  await using pods = cluster.reflect({ resource: resources.pods }, { trim: () => true, onEvent: () => {} });
  await pods.synced(AbortSignal.timeout(30_000));
  expect(pods.objects.size).toBe(500);
  expect(server.requests.watchList).toBe(1);
  expect(warnings).toEqual([]);
});
