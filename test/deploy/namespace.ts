import type { KubeApiServer } from "../servers/kube-apiserver.ts";

/** The namespace that all overlays name. */
export const namespace = "istio-system";
const inNamespace = ["--namespace", namespace];

/** Makes that namespace; Kubernetes then admits only `restricted` pods into it. */
export async function createNamespace(server: KubeApiServer): Promise<void> {
  await server.kubectl("create", "namespace", namespace);
  await server.kubectl(
    "label",
    "namespace",
    namespace,
    "pod-security.kubernetes.io/enforce=restricted",
    "pod-security.kubernetes.io/enforce-version=latest",
  );
}

/** Deletes it with everything that was applied. */
export async function deleteNamespace(server: KubeApiServer): Promise<void> {
  await server.kubectl("delete", "statefulsets", "--all", ...inNamespace);
  const claims = await server.kubectl("get", "persistentvolumeclaims", "-o", "name", ...inNamespace);
  // The controller that would let them go isn't there.
  const patch = JSON.stringify({ metadata: { finalizers: null } });
  for (const claim of claims.split("\n").filter((name) => name !== "")) {
    await server.kubectl("patch", claim, "--type=merge", "--patch", patch, ...inNamespace);
  }
  await server.kubectl("delete", "namespace", namespace, "--wait");
}

/** `name ready/wanted` of each workload. */
export async function workloads(server: KubeApiServer): Promise<readonly string[]> {
  const text = await server.kubectl(
    "get",
    "deployments,statefulsets",
    ...inNamespace,
    "-o",
    "jsonpath={range .items[*]}{.metadata.name} {.status.readyReplicas}/{.spec.replicas}{'\\n'}{end}",
  );
  return text.split("\n").filter((line) => line !== "");
}

/** Those that aren't ready. A pod that Pod Security refuses never comes about, so its workload doesn't become ready. */
export async function unready(server: KubeApiServer): Promise<readonly string[]> {
  return (await workloads(server)).filter((line) => !/ (\d+)\/\1$/.test(line));
}
