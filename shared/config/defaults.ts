import { readConversionEnvironment } from "./conversion-environment.ts";
import type { Environment } from "./conversion-environment.ts";
import { isObject } from "./schema-walk.ts";

/**
 * Puts the defaults under a file's data that depend on more than the key: on the kind of file, on the profile, on
 * environment variables. All others are in the schema.
 */
export function underlyingDefaults(data: unknown, ownFile: boolean, env: Environment): unknown {
  if (!isObject(data)) return data;
  const { clusterId, podNamespace } = readConversionEnvironment(env);
  const profile = data["profile"] ?? (ownFile ? "istio" : "slime");
  return layer(data, {
    profile,
    // Slime's default suits patched istiods; a stock one would lose its whole configuration to that dialect.
    mcp: ownFile ? {} : { enableIncPush: true },
    k8s: { clusterId, clusterRegistriesNamespace: podNamespace },
    retention: profile === "slime" ? { emptyServices: "0" } : {},
    zookeeperSource: profile === "slime" ? { applicationRoots: [] } : {},
  });
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
