import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { z } from "zod";
import { runCommandLine } from "../../services/meshctl/commands.ts";
import { requireReal } from "../servers/find.ts";
import { startKubeApiServer } from "../servers/kube-apiserver.ts";
import type { KubeApiServer } from "../servers/kube-apiserver.ts";
import { chart, helm, renderChart } from "./helm.ts";
import { createNamespace, deleteNamespace, namespace, unready, workloads } from "./namespace.ts";
import { root } from "./read-manifests.ts";
import { manifestsOf, renderKustomization } from "./rendered.ts";
import type { Manifest } from "./rendered.ts";

const patient = { timeout: 120_000, interval: 200 };
const example = (name: string) => join(root, "deploy/helm/examples", `${name}.yaml`);

/** A copy of the manifests with keys for NATS, and kustomizations that have what the chart's examples have. */
let manifests = "";

/** Pairs that have to make the same objects: arguments for helm, and a folder for kustomize. */
const pairs = {
  production: () => ({
    values: [
      "--values",
      example("production"),
      "--set-file",
      `config=${join(manifests, "overlays/production/meshregistry.yaml")}`,
      "--set-file",
      `nats.accounts=${join(manifests, "overlays/production/nats-accounts/accounts.conf")}`,
    ],
    folder: join(manifests, "overlays/production"),
  }),
  // The overlay without what skaffold needs for copying sources.
  dev: () => ({
    values: [
      "--values",
      example("dev"),
      "--set-file",
      `config=${join(manifests, "overlays/dev-deno/meshregistry.yaml")}`,
    ],
    folder: join(manifests, "overlays/dev-deno"),
  }),
  "all-in-one": () => ({
    values: [
      "--set",
      "allInOne.enabled=true,allInOne.podFacts=true,allInOne.clusterSecrets=true",
      "--set-file",
      `config=${join(manifests, "all-in-one/meshregistry.yaml")}`,
    ],
    folder: join(manifests, "overlays/for-helm-all-in-one"),
  }),
  kubernetes: () => ({
    values: ["--values", example("kubernetes")],
    folder: join(manifests, "overlays/for-helm-kubernetes"),
  }),
};
const names = ["production", "dev", "all-in-one", "kubernetes"] as const;

function writeKustomization(name: string, content: object): void {
  const folder = join(manifests, "overlays", name);
  mkdirSync(folder);
  writeFileSync(join(folder, "kustomization.yaml"), JSON.stringify({ namespace, ...content }));
}

beforeAll(async () => {
  manifests = mkdtempSync(join(tmpdir(), "meshregistry-helm-"));
  cpSync(join(root, "deploy"), manifests, { recursive: true });
  const out = join(manifests, "overlays/production/nats-accounts");
  const io = { stdout: () => undefined, stderr: () => undefined, signal: new AbortController().signal };
  expect(await runCommandLine(["nats-accounts", "--out", out], io)).toBe(0);
  writeKustomization("for-helm-all-in-one", {
    resources: ["../../all-in-one"],
    components: ["../../components/all-in-one-pod-facts", "../../components/all-in-one-cluster-secrets"],
  });
  const components = [
    "k8s-collector",
    "k8s-cluster-secrets",
    "pod-facts",
    "config-files",
    "secret-configuration",
    "shards",
  ];
  writeKustomization("for-helm-kubernetes", {
    resources: ["../../base", "../../nats"],
    replicas: [{ name: "aggregator", count: 1 }],
    components: components.map((component) => `../../components/${component}`),
  });
  writeKustomization("for-helm-options", {
    resources: ["../../base"],
    components: ["../../components/autoscaling", "../../components/pod-monitor"],
  });
});

afterAll(() => rmSync(manifests, { recursive: true, force: true }));

const Pods = z.looseObject({
  template: z.looseObject({
    metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
    spec: z.looseObject({
      volumes: z.array(z.looseObject({ configMap: z.looseObject({ name: z.string() }).optional() })),
    }),
  }),
});
const Selecting = z.looseObject({
  selector: z.looseObject({ matchLabels: z.record(z.string(), z.string()) }),
});

/**
 * The objects by kind and name, without what the two tools are meant to differ in: labels of the objects themselves, how a
 * changed configuration rolls pods (a hash in a name, or an annotation), tags of images; and without objects that have no
 * effect, which kustomize's components leave.
 */
function comparable(text: string): ReadonlyMap<string, unknown> {
  const hashed = manifestsOf(text)
    .filter(({ kind }) => kind === "ConfigMap" || kind === "Secret")
    .map(({ metadata }) => metadata.name)
    .filter((name) => /-[a-z0-9]{10}$/.test(name));
  const plain = hashed.reduce((all, name) => all.replaceAll(name, name.slice(0, -11)), text)
    .replaceAll(/(image: meshregistry\/[\w-]+):0\.1\.0/g, "$1")
    .replaceAll(/^ +checksum\/config: \w+\n/gm, "");
  const objects = manifestsOf(plain);
  const pods = objects.flatMap((object) => Pods.safeParse(object["spec"]).data ?? []);
  const mounted = new Set(
    pods.flatMap(({ template }) => template.spec.volumes.map(({ configMap }) => configMap?.name)),
  );
  const hasEffect = ({ kind, metadata, ...rest }: Manifest) => {
    // Its keys come from elsewhere.
    if (kind === "Secret") return false;
    if (kind === "ConfigMap") return mounted.has(metadata.name);
    if (kind !== "PodDisruptionBudget") return true;
    const { selector } = Selecting.parse(rest["spec"]);
    return pods.some(({ template }) =>
      Object.entries(selector.matchLabels).every(([key, value]) => template.metadata.labels[key] === value)
    );
  };
  return new Map(
    objects.filter(hasEffect)
      .map(({ metadata, ...object }) =>
        [
          `${object.kind}/${metadata.name}`,
          withoutEmpty({ ...object, metadata: { ...metadata, labels: null } }),
        ] as const
      )
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Without keys that have no value: a template leaves `annotations:` where kustomize leaves nothing. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, item]) => item !== null).map(([key, item]) => [key, withoutEmpty(item)]),
  );
}

describe.skipIf(requireReal("helm").skip)("the Helm chart", () => {
  test.each(["production", "dev", "all-in-one", "kubernetes"])(
    "helm lint finds nothing in it, with the values of examples/%s.yaml",
    async (name) => {
      const accounts = join(manifests, "overlays/production/nats-accounts/accounts.conf");
      const keys = name === "production" ? ["--set-file", `nats.accounts=${accounts}`] : [];
      expect(await helm("lint", "--strict", chart, "--values", example(name), ...keys))
        .toMatch(/0 chart\(s\) failed/);
    },
  );

  // What kustomize doesn't have. After a change that is meant: `npx vitest run -u --project real test/deploy/helm`.
  test.each([
    ["all-in-one", ["--values", example("all-in-one"), "--set", "podMonitor.enabled=true"]],
    [
      "options",
      [
        "--values",
        example("dev"),
        "--set",
        "aggregator.autoscaling.enabled=true,networkPolicy.enabled=false,demo.enabled=false,priorityClassName=mesh",
        "--set",
        "image.prefix=registry.example/mesh,image.tag=1.2.3,image.pullPolicy=Always,imagePullSecrets[0].name=pull",
        "--set",
        "extraEnv[0].name=ISTIO_VERSION,extraEnv[0].value=1.22,nodeSelector.pool=mesh,tolerations[0].key=mesh",
        "--set",
        "extraVolumes[0].name=tls,extraVolumes[0].secret.secretName=tls,nats.storageClassName=fast",
        "--set",
        "extraVolumeMounts[0].name=tls,extraVolumeMounts[0].mountPath=/etc/tls",
      ],
    ],
  ])("it renders what it rendered before: %s", async (name, values) => {
    // The order of objects and their layout are helm's, and may change with it.
    const objects = manifestsOf(await renderChart(...values)).map((object) =>
      stringify(object, { sortMapEntries: true })
    );
    await expect(objects.sort().join("---\n")).toMatchFileSnapshot(`../data/helm/${name}.yaml`);
  });

  const dev = ["--values", example("dev")];
  test.each([
    ["a misspelt key", [...dev, "--set", "agregator.replicas=2"], /additional propert.*'agregator'/],
    ["a misspelt key further in", [...dev, "--set", "nats.replica=2"], /at '\/nats': .*'replica'/],
    ["a wrong type", [...dev, "--set", "aggregator.replicas=two"], /at '\/aggregator\/replicas': got string/],
    ["too few shards", [...dev, "--set", "aggregator.shards=0"], /at '\/aggregator\/shards': minimum/],
    [
      "a collector alone",
      [...dev, "--set", "collectors.k8s.enabled=true"],
      /config has no k8sSource, without/,
    ],
    [
      "shards that differ",
      [...dev, "--set", "config.xds.shards=4"],
      /config\.xds\.shards is 4, but .* 1 ports/,
    ],
    ["more copies than servers", [...dev, "--set", "config.nats.replicas=3"], /is 3, but there are 1 NATS/],
    ["keys that no service reads", [...dev, "--set", "nats.keys=true"], /nkeySeedFile doesn't name them/],
    [
      "keys without accounts",
      [...dev, "--set", "config.nats.nkeySeedFile=/etc/meshregistry-nats/seed"],
      /nats\.accounts is empty, so that NATS would let everybody write/,
    ],
    ["no configuration", ["--set", "aggregator.replicas=1"], /config is empty; put/],
    ["no NATS", [...dev, "--set", "config.nats=null"], /config names no NATS, .* allInOne\.enabled/],
    ["text that is no YAML", [...dev, "--set-literal", "config={"], /config is no YAML/],
  ])("%s is refused in one sentence", async (_, values, message) => {
    await expect(renderChart(...values)).rejects.toThrow(message);
  });

  test("a collector may have several sources in place of one", async () => {
    const set = "config.eurekaSource=null,config.eurekaSources.a.address[0]=http://a:8761,demo.enabled=false";
    const text = await renderChart(...dev, "--set", set);
    expect(comparable(text).has("Deployment/eureka-collector")).toBe(true);
  });

  test("a module file of slime is taken as it is", async () => {
    const file = join(manifests, "slime.yaml");
    const legacy = { eurekaSource: { enabled: true, address: ["http://eureka:8761"] } };
    const servers = ["nats://meshregistry-nats:4222"];
    const module = { name: "meshregistry", general: { LEGACY: { ...legacy, nats: { servers } } } };
    writeFileSync(file, JSON.stringify(module));
    const text = await renderChart("--set-file", `config=${file}`, "--set", "collectors.eureka.enabled=true");
    expect(comparable(text).get("ConfigMap/meshregistry-config")).toMatchObject({
      data: { "meshregistry.yaml": expect.stringContaining('"LEGACY"') },
    });
  });
});

describe.skipIf(requireReal("helm", "kube-apiserver").skip)("the Helm chart beside kustomize", () => {
  test.each(names)("%s: the same objects", async (name) => {
    const { values, folder } = pairs[name]();
    const chartObjects = comparable(await renderChart(...values));
    const kustomizeObjects = comparable(await renderKustomization(folder));
    expect([...chartObjects.keys()]).toEqual([...kustomizeObjects.keys()]);
    for (const [key, object] of chartObjects) {
      expect.soft(object, key).toEqual(withoutEmpty(kustomizeObjects.get(key)));
    }
  });

  test("the autoscaler and the PodMonitor: those of the components", async () => {
    const options = ["--set", "aggregator.autoscaling.enabled=true,podMonitor.enabled=true"];
    const chartObjects = comparable(await renderChart("--values", example("dev"), ...options));
    const kustomizeObjects = comparable(
      await renderKustomization(join(manifests, "overlays/for-helm-options")),
    );
    for (const key of ["HorizontalPodAutoscaler/aggregator", "PodMonitor/meshregistry"]) {
      expect(kustomizeObjects.get(key), key).toBeDefined();
      expect(chartObjects.get(key), key).toEqual(withoutEmpty(kustomizeObjects.get(key)));
    }
    const Scaled = z.looseObject({ spec: z.looseObject({ replicas: z.undefined().optional() }) });
    for (const objects of [chartObjects, kustomizeObjects]) {
      Scaled.parse(objects.get("Deployment/aggregator"));
    }
  });
});

describe.skipIf(requireReal("helm", "kube-apiserver").skip)("the Helm chart on a real API server", () => {
  let server: KubeApiServer;
  beforeAll(async () => {
    server = await startKubeApiServer({ controllers: true });
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  test.each(names)("%s: installed, upgraded without a change, and removed", async (name) => {
    await createNamespace(server);
    const { values } = pairs[name]();
    const file = join(manifests, `${name}.yaml`);
    writeFileSync(file, await renderChart(...values, "--set", "aggregator.autoscaling.enabled=true"));
    // Helm itself lets fields pass that the server doesn't know.
    await server.kubectl("apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", file);
    const target = ["--kubeconfig", server.kubeconfigFile("admin"), "--namespace", namespace];
    const install = (...more: string[]) =>
      helm("upgrade", "--install", "meshregistry", chart, ...target, ...values, ...more);
    expect(await install()).toContain(`address: xds://meshregistry.${namespace}.svc:16010`);
    await expect.poll(() => unready(server), patient).toEqual([]);
    expect(await workloads(server)).not.toHaveLength(0);
    const generations = () =>
      server.kubectl(
        "get",
        "deployments,statefulsets,services,networkpolicies,poddisruptionbudgets,configmaps",
        "--namespace",
        namespace,
        "-o",
        "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation}{'\\n'}{end}",
      );
    const before = await generations();
    await install();
    expect(await generations()).toBe(before);
    if (name === "kubernetes") {
      // Said, and not refused: a collector elsewhere may read it.
      const set = "configFromSecrets=false,aggregator.shards=1,nats.replicas=1,collectors.zk.enabled=false";
      expect(await install("--values", example("dev"), "--set", set))
        .toContain("config has a zookeeperSource, but collectors.zk is not enabled");
    }
    await helm("uninstall", "meshregistry", ...target);
    expect(await workloads(server)).toEqual([]);
    await deleteNamespace(server);
  });
});
