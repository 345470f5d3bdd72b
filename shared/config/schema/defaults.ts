import { readConversionEnvironment } from "../conversion-environment.ts";
import type { Environment } from "../conversion-environment.ts";
import { namedSection, sourceSections } from "../named-sources.ts";
import { isObject } from "./schema-walk.ts";

/**
 * Puts the defaults under a file's data that depend on more than the key: on the kind of file, on the profile, on
 * environment variables. All others are in the schema.
 */
export function underlyingDefaults(data: unknown, ownFile: boolean, env: Environment): unknown {
  if (!isObject(data)) return data;
  const { clusterId, podNamespace } = readConversionEnvironment(env);
  const profile = data["profile"] ?? (ownFile ? "istio" : "slime");
  const whereAddressed = (source: string) => ownFile && hasAddress(data[source]) ? { enabled: true } : {};
  return layer(data, {
    profile,
    // Slime's default suits patched istiods; a stock one would lose its whole configuration to that dialect.
    mcp: ownFile ? {} : { enableIncPush: true },
    k8s: {
      clusterId,
      clusterRegistriesNamespace: podNamespace,
      podFacts: reachesKubernetes(data["k8s"], env) || namesClustersSomewhere(data),
    },
    retention: profile === "slime" ? { emptyServices: "0" } : {},
    // Slime serves the entries of each registry as they are.
    conflicts: profile === "slime" ? { mode: "separate" } : {},
    eurekaSource: whereAddressed("eurekaSource"),
    nacosSource: { ...(ownFile ? {} : { mode: "polling" }), ...whereAddressed("nacosSource") },
    k8sSource: ownFile && namesClusters(data["k8sSource"]) ? { enabled: true } : {},
    zookeeperSource: {
      ...(profile === "slime" ? { applicationRoots: [] } : {}),
      ...whereAddressed("zookeeperSource"),
    },
    // What is named is meant to be read.
    ...Object.fromEntries(
      sourceSections.map((section) => [namedSection(section), enabledByName(data[namedSection(section)])]),
    ),
  });
}

function enabledByName(named: unknown): Record<string, unknown> {
  return isObject(named)
    ? Object.fromEntries(Object.keys(named).map((name) => [name, { enabled: true }]))
    : {};
}

/** True if a source's section says where its registry is. */
export function hasAddress(section: unknown): boolean {
  if (!isObject(section)) return false;
  return [section["address"], section["servers"]].some((list) => Array.isArray(list) && list.length > 0);
}

/** True if a Kubernetes source says which clusters it reads. */
function namesClusters(section: unknown): boolean {
  if (!isObject(section)) return false;
  const { clusters, clusterSecretsNamespace = "" } = section;
  return (Array.isArray(clusters) && clusters.length > 0) || clusterSecretsNamespace !== "";
}

function namesClustersSomewhere(data: Readonly<Record<string, unknown>>): boolean {
  const named = data[namedSection("k8sSource")];
  return [data["k8sSource"], ...isObject(named) ? Object.values(named) : []].some(namesClusters);
}

/** True if it is known where pods could be read: in a cluster Kubernetes sets the variable in each pod. */
function reachesKubernetes(section: unknown, env: Environment): boolean {
  const kubeConfig = isObject(section) ? section["kubeConfig"] : undefined;
  return (kubeConfig ?? "") !== "" || (env["KUBERNETES_SERVICE_HOST"] ?? "") !== "";
}

function layer(over: Record<string, unknown>, under: Record<string, unknown>): Record<string, unknown> {
  const result = { ...over };
  for (const [key, value] of Object.entries(under)) {
    const given = result[key];
    if (given === undefined) result[key] = value;
    else if (isObject(given) && isObject(value)) result[key] = layer(given, value);
  }
  return result;
}
