import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { runCommandLine } from "../../services/meshctl/commands.ts";
import { requireReal } from "../servers/find.ts";
import { startKubeApiServer } from "../servers/kube-apiserver.ts";
import type { KubeApiServer } from "../servers/kube-apiserver.ts";
import { createNamespace, deleteNamespace, unready, workloads } from "./namespace.ts";
import { root } from "./read-manifests.ts";

const overlays = readdirSync(join(root, "deploy/overlays"));

const patient = { timeout: 90_000, interval: 200 };

/** A copy of the manifests, with the keys for NATS that the production overlay wants. */
let manifests = "";

beforeAll(async () => {
  manifests = mkdtempSync(join(tmpdir(), "meshregistry-deploy-"));
  cpSync(join(root, "deploy"), manifests, { recursive: true });
  const out = join(manifests, "overlays/production/nats-accounts");
  const io = { stdout: () => undefined, stderr: () => undefined, signal: new AbortController().signal };
  expect(await runCommandLine(["nats-accounts", "--out", out], io)).toBe(0);
});

afterAll(() => rmSync(manifests, { recursive: true, force: true }));

describe.skipIf(requireReal("kube-apiserver").skip)("on a real API server", () => {
  let server: KubeApiServer;
  beforeAll(async () => {
    server = await startKubeApiServer({ controllers: true });
  });
  afterAll(async () => await server[Symbol.asyncDispose]());
  beforeEach(() => createNamespace(server));
  afterEach(() => deleteNamespace(server));

  test.each(overlays)(
    "deploy/overlays/%s: every object is accepted, and every pod admitted to a restricted namespace",
    async (overlay) => {
      const folder = join(manifests, "overlays", overlay);
      await server.kubectl("apply", "--server-side", "--validate=strict", "-k", folder);
      await expect.poll(() => unready(server), patient).toEqual([]);
      expect(await workloads(server)).not.toHaveLength(0);
      // Applied again, nothing changes: no object depends on the moment.
      const versions = () =>
        server.kubectl(
          "get",
          "deployments,statefulsets,services,networkpolicies,poddisruptionbudgets,configmaps",
          "--namespace",
          "istio-system",
          "-o",
          "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation}{'\\n'}{end}",
        );
      const before = await versions();
      await server.kubectl("apply", "--server-side", "--validate=strict", "-k", folder);
      expect(await versions()).toBe(before);
    },
  );

  /** An overlay of ours with these components, as a user would write it. Returns its folder. */
  function overlayWith(name: string, resources: readonly string[], components: readonly string[]): string {
    const folder = join(manifests, "overlays", name);
    mkdirSync(folder);
    const overlay = {
      namespace: "istio-system",
      resources: resources.map((resource) => `../../${resource}`),
      components: components.map((component) => `../../components/${component}`),
      // The demo's registries need nothing that an overlay has to bring along.
      configMapGenerator: [{ name: "meshregistry-resources", literals: ["a.yaml="] }],
      generatorOptions: { disableNameSuffixHash: true },
    };
    writeFileSync(join(folder, "kustomization.yaml"), JSON.stringify(overlay));
    return folder;
  }

  test.each([
    [
      "all that Kubernetes' collector may have",
      ["base", "nats"],
      ["k8s-collector", "k8s-cluster-secrets", "pod-facts", "config-files", "shards"],
    ],
    ["configuration from Secrets", ["base", "nats"], [
      "eureka-collector",
      "nacos-collector",
      "zk-collector",
      "k8s-collector",
      "secret-configuration",
    ]],
    ["everything in one process, with facts of pods and clusters from Secrets", ["all-in-one"], [
      "all-in-one-pod-facts",
      "all-in-one-cluster-secrets",
    ]],
  ])("components: %s", async (what, resources, components) => {
    const folder = overlayWith(what.replaceAll(/\W+/g, "-").toLowerCase(), resources, components);
    await server.kubectl("apply", "--server-side", "--validate=strict", "-k", folder);
    await expect.poll(() => unready(server), patient).toEqual([]);
    expect(await workloads(server)).not.toHaveLength(0);
  });

  test("what the Prometheus operator and the autoscaler read", async () => {
    for (const kind of ["podmonitors", "prometheusrules"]) {
      await server.kubectl(
        "apply",
        "--server-side",
        "-f",
        join(root, `test/data/prometheus-operator/${kind}.json`),
      );
      const name = `customresourcedefinition/${kind}.monitoring.coreos.com`;
      await server.kubectl("wait", "--for=condition=Established", "--timeout=60s", name);
    }
    const strict = ["apply", "--server-side", "--validate=strict", "-k"];
    await server.kubectl(...strict, overlayWith("observed", ["base"], ["autoscaling", "pod-monitor"]));
    await server.kubectl(...strict, join(manifests, "monitoring"), "--namespace", "istio-system");
    const kinds = "horizontalpodautoscalers,podmonitors,prometheusrules,configmaps";
    const names = await server.kubectl("get", kinds, "--namespace", "istio-system", "-o", "name");
    expect(names.split("\n")).toEqual(expect.arrayContaining([
      "horizontalpodautoscaler.autoscaling/aggregator",
      "podmonitor.monitoring.coreos.com/meshregistry",
      "prometheusrule.monitoring.coreos.com/meshregistry",
      "configmap/meshregistry-dashboard",
    ]));
    // What the operator wouldn't understand is refused here.
    const odd = {
      apiVersion: "monitoring.coreos.com/v1",
      kind: "PodMonitor",
      metadata: { namespace: "istio-system", name: "odd" },
      spec: { selector: {}, podMetricsEndpoint: [] },
    };
    await expect(server.apply(odd)).rejects.toThrow(/podMetricsEndpoint/);
  });

  test("a misspelt field is refused with its place", async () => {
    const manifest = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { namespace: "istio-system", name: "odd" },
      spec: {
        replica: 1,
        selector: { matchLabels: { app: "odd" } },
        template: {
          metadata: { labels: { app: "odd" } },
          spec: { containers: [{ name: "odd", image: "odd" }] },
        },
      },
    };
    await expect(server.apply(manifest)).rejects.toThrow(/spec\.replica/);
  });
});
