import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { requireReal } from "../servers/find.ts";
import { startKubeApiServer } from "../servers/kube-apiserver.ts";
import type { KubeApiServer } from "../servers/kube-apiserver.ts";
import { getWithToken } from "../simulators/kubernetes-suite-context.ts";
import { CollectorRig } from "../../services/k8s-collector/collector-rig.ts";
import { contentOf, newFactsLog, publish } from "../../services/k8s-collector/facts/facts-rig.ts";
import { openCluster } from "../../shared/kubernetes/open-cluster.ts";
import { readYaml } from "./read-manifests.ts";

const patient = { timeout: 60_000, interval: 50 };
const Token = z.object({ status: z.object({ token: z.string() }) });
const Rules = z.object({ status: z.object({ resourceRules: z.array(z.unknown()) }) });
const Review = z.object({ status: z.object({ allowed: z.boolean() }) });

/** What a real API server makes of the manifests: what the collector needs, and nothing more. */
describe.skipIf(requireReal("kube-apiserver").skip)("the permissions of the Kubernetes collector", () => {
  const stack = new AsyncDisposableStack();
  let server: KubeApiServer;
  let reader: string;

  beforeAll(async () => {
    server = stack.use(await startKubeApiServer({ controllers: true }));
    const items = readYaml("deploy/remote-cluster/reader.yaml");
    // The namespace first: the others are in it.
    await server.apply({ apiVersion: "v1", kind: "List", items: items.slice(0, 1) });
    await server.apply({ apiVersion: "v1", kind: "List", items: items.slice(1) });
    reader = await tokenOf("meshregistry", "meshregistry-reader");
  }, 120_000);

  afterAll(() => stack.disposeAsync());

  async function tokenOf(namespace: string, account: string): Promise<string> {
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    return Token.parse(JSON.parse(await server.expect("POST", path, body))).status.token;
  }

  /** Asked as that account, which anybody may ask about himself. */
  async function may(
    token: string,
    verb: string,
    group: string,
    resource: string,
    namespace = "",
  ): Promise<boolean> {
    const resourceAttributes = { verb, group, resource, namespace };
    const body = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes },
    };
    const response = await server.requestAs(
      token,
      "POST",
      "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      body,
    );
    return Review.parse(JSON.parse(response.body)).status.allowed;
  }

  const read = [
    ["", "services"],
    ["", "pods"],
    ["", "nodes"],
    ["", "namespaces"],
    ["discovery.k8s.io", "endpointslices"],
    ["multicluster.x-k8s.io", "serviceexports"],
  ] as const;

  test("a cluster that is read grants lists and watches, no other verb, and no other kind", async () => {
    for (const [group, resource] of read) {
      for (const verb of ["list", "watch"]) {
        expect.soft(await may(reader, verb, group, resource), `${verb} ${resource}`).toBe(true);
      }
      for (const verb of ["get", "create", "update", "patch", "delete", "deletecollection"]) {
        expect.soft(await may(reader, verb, group, resource), `${verb} ${resource}`).toBe(false);
      }
    }
    const others = [["", "secrets"], ["", "configmaps"], ["", "endpoints"], ["apps", "deployments"]] as const;
    for (const [group, resource] of others) {
      for (const verb of ["get", "list", "watch"]) {
        expect.soft(await may(reader, verb, group, resource), `${verb} ${resource}`).toBe(false);
      }
    }
  });

  test("that is enough: a collector with this token reads everything, and says of nothing that it is denied", async () => {
    await server.set("services", {
      metadata: { namespace: "default", name: "orders" },
      spec: { selector: { app: "orders" }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    });
    const kubeconfig = kubeconfigWith(server, reader);
    const rig = await CollectorRig.startWith({ east: kubeconfig });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    expect([...(await rig.manifests()).keys()]).toContain("orders");
    expect([rig.collector.view.error, rig.collector.view.remark]).toEqual([undefined, undefined]);
  });

  test("without one of the kinds something is missing, and that is said", async () => {
    const kubeconfig = kubeconfigWith(server, await tokenOf("default", "default"));
    const rig = await CollectorRig.startWith({ none: kubeconfig });
    await expect.poll(() => rig.collector.notReady, patient).toMatch(
      /cluster none: Services can't be read: .*forbidden/,
    );
  });

  /** An overlay of these components as kubectl builds it, applied. */
  async function applyOverlay(
    namespace: string,
    components: readonly string[],
    resources: readonly string[] = [],
  ): Promise<string> {
    await server.kubectl("create", "namespace", namespace);
    const folder = mkdtempSync(join(tmpdir(), "meshregistry-overlay-"));
    // kubectl takes no absolute paths.
    const deploy = relative(folder, join(import.meta.dirname, "..", "..", "deploy"));
    try {
      const overlay = {
        apiVersion: "kustomize.config.k8s.io/v1beta1",
        kind: "Kustomization",
        namespace,
        resources: resources.map((name) => `${deploy}/${name}`),
        components: components.map((name) => `${deploy}/components/${name}`),
      };
      writeFileSync(join(folder, "kustomization.yaml"), JSON.stringify(overlay));
      const built = await server.kubectl("kustomize", folder);
      const file = join(server.folder, "overlay.yaml");
      writeFileSync(file, built);
      await server.kubectl("apply", "--server-side", "-f", file);
      return built;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test.each([
    ["k8s-collector", ["k8s-collector", "pod-facts"], []],
    ["all-in-one", ["all-in-one-pod-facts"], ["all-in-one"]],
  ])(
    "the component for facts grants %s pods and nodes, and that is enough for facts of the cluster",
    async (account, components, resources) => {
      const namespace = `facts-${account}`;
      await applyOverlay(namespace, components, resources);
      const token = await tokenOf(namespace, account);
      for (const [group, resource] of [...read, ["", "secrets"], ["", "configmaps"]] as const) {
        const isGranted = resource === "pods" || resource === "nodes";
        for (const verb of ["list", "watch"]) {
          expect.soft(await may(token, verb, group, resource), `${verb} ${resource}`).toBe(isGranted);
        }
        for (const verb of ["get", "create", "update", "patch", "delete"]) {
          expect.soft(await may(token, verb, group, resource), `${verb} ${resource}`).toBe(false);
        }
      }
      const path = "jsonpath={.spec.template.spec.automountServiceAccountToken}";
      expect(await server.kubectl("-n", namespace, "get", "deployment", account, "-o", path)).toBe("true");
      await server.apply({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { namespace: "default", name: "shop", labels: { app: "shop" } },
        spec: { containers: [{ name: "shop", image: "shop:1" }] },
      });
      const cluster = await openCluster({ kind: "text", text: kubeconfigWith(server, token) }, {
        name: "home",
        environment: {},
      });
      const factsLog = newFactsLog();
      const { facts } = publish(cluster, factsLog);
      const pod = async () => (await contentOf(factsLog)).found["home shop"];
      await expect.poll(pod, patient).toMatchObject({ labels: { app: "shop" } });
      expect([facts.notReady, facts.remark]).toEqual([undefined, undefined]);
      await server.kubectl("delete", "-n", "default", "pod", "shop", "--wait=false", "--force");
    },
  );

  test("the component for files mounts a ConfigMap, and grants nothing", async () => {
    const built = await applyOverlay("files", ["k8s-collector", "config-files"]);
    expect(built).not.toContain("kind: Role");
    const path =
      "jsonpath={.spec.template.spec.containers[0].volumeMounts[?(@.name=='resources')].mountPath}";
    expect(await server.kubectl("-n", "files", "get", "deployment", "k8s-collector", "-o", path))
      .toBe("/etc/meshregistry-resources");
    const token = await tokenOf("files", "k8s-collector");
    expect(await may(token, "list", "", "pods")).toBe(false);
  });

  test("no other workload may do anything with Kubernetes, and none has a token", async () => {
    const names = [
      "aggregator",
      "all-in-one",
      "demo-registries",
      "eureka-collector",
      "k8s-collector",
      "meshregistry-nats",
      "nacos-collector",
      "zk-collector",
    ];
    const components = names.filter((name) => /-collector|demo/.test(name));
    const namespace = "plain";
    await applyOverlay(namespace, components, ["base", "nats"]);
    await applyOverlay("plain-all-in-one", [], ["all-in-one"]);
    const rulesOf = async (where: string, account: string) => {
      const body = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectRulesReview",
        spec: { namespace: where },
      };
      const path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
      const response = await server.requestAs(await tokenOf(where, account), "POST", path, body);
      // In no order of its own.
      return Rules.parse(JSON.parse(response.body)).status.resourceRules.map((rule) => JSON.stringify(rule))
        .sort();
    };
    // What Kubernetes grants to every account: to ask who it is, and what it may.
    const granted = await rulesOf(namespace, "default");
    for (const name of names) {
      const where = name === "all-in-one" ? "plain-all-in-one" : namespace;
      expect.soft(await rulesOf(where, name), name).toEqual(granted);
      const kind = name === "meshregistry-nats" ? "statefulset" : "deployment";
      const mounts =
        "jsonpath={.spec.template.spec.serviceAccountName} {.spec.template.spec.automountServiceAccountToken}";
      expect.soft(await server.kubectl("-n", where, "get", kind, name, "-o", mounts)).toBe(`${name} false`);
    }
  });

  test.each([
    ["k8s-collector", "k8s-cluster-secrets", "mesh"],
    ["all-in-one", "all-in-one-cluster-secrets", "mesh-in-one"],
  ])("the component for Secrets grants %s those of its own namespace", async (name, component, namespace) => {
    await server.kubectl("create", "namespace", namespace);
    const account = {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name, namespace },
    };
    const Named = z.looseObject({
      kind: z.string(),
      metadata: z.looseObject({}),
      subjects: z.array(z.looseObject({})).optional(),
    });
    const items = readYaml(`deploy/components/${component}/role.yaml`).map((item) => {
      const named = Named.parse(item);
      const subjects = named.subjects?.map((subject) => ({ ...subject, namespace }));
      // As the overlay's namespace does it.
      return { ...named, metadata: { ...named.metadata, namespace }, ...(subjects && { subjects }) };
    });
    await server.apply({ apiVersion: "v1", kind: "List", items: [account, ...items] });
    const token = await tokenOf(namespace, name);
    for (const verb of ["list", "watch"]) {
      expect.soft(await may(token, verb, "", "secrets", namespace), verb).toBe(true);
      expect.soft(await may(token, verb, "", "secrets", "istio-system"), verb).toBe(false);
    }
    for (const verb of ["get", "create", "update", "delete"]) {
      expect.soft(await may(token, verb, "", "secrets", namespace), verb).toBe(false);
    }
    expect(
      (await getWithToken(`${server.url}/api/v1/namespaces/${namespace}/secrets`, server.ca, token)).status,
    )
      .toBe(200);
    expect((await getWithToken(`${server.url}/api/v1/secrets`, server.ca, token)).status).toBe(403);
  });
});

function kubeconfigWith(server: KubeApiServer, token: string): string {
  return JSON.stringify({
    "current-context": "c",
    clusters: [{
      name: "c",
      cluster: {
        server: server.url,
        "certificate-authority-data": Buffer.from(server.ca).toString("base64"),
      },
    }],
    users: [{ name: "u", user: { token } }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
  });
}
