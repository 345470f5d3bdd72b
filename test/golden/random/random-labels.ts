import type { Dice } from "./dice.ts";

/*
 * Keys and values that both registries have, among them what Kubernetes takes for no label. Left out is what slime
 * itself answers at random (two relabellings to one label), and the deliberate differences of `docs/configuration.md`.
 */

const keys = ["app", "env", "zone", "cell", "version", "k8sNs", "reg", "zon", "sub"] as const;
const oddKeys = [
  "@class",
  "a b",
  "Acme.com/x",
  "acme.com/x",
  "/x",
  "x/",
  "größe",
  "-x",
  "n".repeat(64),
  "class",
] as const;
const localityKeys = [
  "istio-locality",
  "failure-domain.beta.kubernetes.io/region",
  "topology.kubernetes.io/region",
  "topology.kubernetes.io/zone",
  "topology.istio.io/subzone",
] as const;
const values = ["a", "b", "v1", "", "x_y", "1.0", "A-1"] as const;
const oddValues = ["a b", "-a", "a:b", "x,y", "größe", "{}", "a".repeat(64)] as const;
const localities = ["r", "r.z", "r.z.s", "r.z.s.t", "r..s", ".z", "r/z", "r.1/z.2", "r/z/s/t"] as const;

/** A label's value: mostly a plain one. */
export function labelValue(dice: Dice): string {
  return dice.chance(0.85) ? dice.one(values) : dice.one(oddValues);
}

/** Metadata of an instance, as the registry has it. */
export function metadata(dice: Dice): Record<string, string> {
  const found: Record<string, string> = {};
  for (const key of dice.some(keys, 0.25)) found[key] = labelValue(dice);
  for (const key of dice.some(oddKeys, 0.04)) found[key] = labelValue(dice);
  for (const key of dice.some(localityKeys, 0.12)) {
    // A slash in one of the others is torn apart in slime, differently at each look.
    found[key] = key === "istio-locality" ? dice.one(localities) : dice.one(["r", "z", "r.1", ""]);
  }
  return found;
}

/** slime's environment variables. */
export function environment(dice: Dice): Record<string, string> {
  const variables = dice.options(0.2, {
    MESH_REG_ISTIO_REVISION: () => dice.one(["1-22", ""]),
    LOCALITY_LABELS: () => dice.one(["reg", "reg,zon", ",zon,sub", "reg,zon,sub,x", ""]),
    ENDPOINT_RELABEL_ITEMS: () =>
      dice.one(["env=stage", "env=stage,env=tier", "env=a=b,zone=area,x", "env=@class", ""]),
    SE_LABEL_SELECTOR_KEYS: () =>
      dice.one([
        "",
        "env",
        "app:x,env",
        "app:x:append",
        "app::append:y",
        "$host",
        "env,$host:h",
        "env:h,$host:h",
        "$x,app",
      ]),
    SKIP_VALIDATE_LABEL_VALUE: () => dice.one(["true", "1", "yes", ""]),
    REGISTRY_ID_META_KEY: () => dice.one(["registry", "reg"]),
  });
  return Object.fromEntries(Object.entries(variables).map(([key, value]) => [key, String(value)]));
}

/** The options of a source that both registries have. */
export function commonOptions(dice: Dice): Record<string, unknown> {
  const options = dice.options(0.2, {
    SvcProtocol: () => dice.one(["HTTP", "http", "grpc", "Dubbo", "DUBBO", "tcp"]),
    GenericProtocol: () => true,
    SvcPort: () => dice.one([0, 80, 8080, 20880]),
    ResourceNs: () => dice.one(["mesh", "other.ns"]),
    GatewayModel: () => true,
  });
  // Without any service port slime does not start.
  if (options["SvcPort"] !== 0 && options["SvcPort"] !== undefined && dice.chance(0.4)) {
    options["InstancePortAsSvcPort"] = false;
  }
  if (options["SvcPort"] === 0) delete options["GatewayModel"];
  if (dice.chance(0.15)) {
    Object.assign(options, { MockServiceEntryName: "all-ports", MockServiceName: "all.ports" });
    // Instances' ports are named at random where an instance has several service ports.
    Object.assign(options, dice.options(0.8, { MockServiceMergeServicePort: () => true }));
    if (options["InstancePortAsSvcPort"] === false) {
      options["MockServiceMergeInstancePort"] = dice.chance(0.5);
    }
  }
  return options;
}
