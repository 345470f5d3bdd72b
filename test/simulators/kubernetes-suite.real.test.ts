import { describe } from "vitest";
import { resources } from "../../shared/kubernetes/kubernetes.ts";
import type { Resource } from "../../shared/kubernetes/kubernetes.ts";
import { requireReal } from "../servers/find.ts";
import { startKubeApiServer } from "../servers/kube-apiserver.ts";
import type { KubeApiServer, KubeUser } from "../servers/kube-apiserver.ts";
import { kubernetesSuite } from "./kubernetes-suite.ts";
import { getWithToken } from "./kubernetes-suite-context.ts";
import type { KubernetesSuiteServer, SuiteUser } from "./kubernetes-suite-context.ts";

const users = {
  admin: "admin-token",
  certificate: "admin",
  nobody: "collector",
} as const satisfies Record<Exclude<SuiteUser, "stranger">, KubeUser>;

/** Pods without service accounts: no controller makes these here. */
const withoutServiceAccounts = "--disable-admission-plugins=ServiceAccount";

async function startReal(...flags: readonly string[]): Promise<KubernetesSuiteServer> {
  const server = await startKubeApiServer({ flags: [withoutServiceAccounts, ...flags] });
  return {
    port: server.port,
    kubeconfig: (user, port) =>
      user === "stranger"
        ? server.kubeconfig("collector", port).replace("collector-token", "stranger-token")
        : server.kubeconfig(users[user], port),
    set: (kind, object) => server.set(kind, object),
    delete: (kind, metadata) => server.delete(kind, metadata),
    // The cache of changes begins anew.
    forgetVersions: () => server.restart(),
    installServiceExports: () => installServiceExports(server),
    grant: (kind) => grant(server, resources[kind]),
    get: (path, lines) => getWithToken(`${server.url}${path}`, server.ca, "admin-token", lines),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function grant(server: KubeApiServer, { group, plural }: Resource): Promise<void> {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const name = `collector-${plural}`;
  await server.expect("POST", `${rbac}/clusterroles`, {
    metadata: { name },
    rules: [{ apiGroups: [group], resources: [plural], verbs: ["list", "watch"] }],
  });
  await server.expect("POST", `${rbac}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "collector" }],
  });
}

async function installServiceExports(server: KubeApiServer): Promise<void> {
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const group = "multicluster.x-k8s.io";
  await server.expect("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    metadata: {
      name: `serviceexports.${group}`,
      annotations: { "api-approved.kubernetes.io": "unapproved, for tests" },
    },
    spec: {
      group,
      names: { kind: "ServiceExport", plural: "serviceexports", singular: "serviceexport" },
      scope: "Namespaced",
      versions: [{ name: "v1alpha1", served: true, storage: true, schema }],
    },
  });
}

describe.skipIf(requireReal("kube-apiserver").skip)("With a real server", () => {
  kubernetesSuite("kube-apiserver", { start: () => startReal(), hasWatchList: true });
  kubernetesSuite("kube-apiserver without WatchLists", {
    start: () => startReal("--feature-gates=WatchList=false"),
    hasWatchList: false,
  });
});
