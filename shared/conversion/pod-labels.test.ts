import { describe, expect, it } from "vitest";
import { loadConfig, readConversionEnvironment } from "../config/mod.ts";
import { consumer, converted, provider, rulesOf } from "../dubbo/conversion/conversion-rig.ts";
import { convertInterface } from "../dubbo/conversion/convert-interface.ts";
import { recordOf } from "../dubbo/conversion/conversion-rig.ts";
import type { FactLookup } from "../facts/fact-join.ts";
import type { Profile } from "../model/profile.ts";
import { convertInstanceService } from "./instance-service.ts";
import type { InstanceServiceRules } from "./instance-service.ts";

/** Pods at addresses: their labels, and those of their nodes. */
function pods(
  known: Readonly<Record<string, { labels?: Record<string, string>; nodeLabels?: Record<string, string> }>>,
): FactLookup {
  return (address) => {
    const pod = known[address];
    if (pod === undefined) return undefined;
    return { cluster: "home", namespace: "shop", name: "p", account: "", labels: {}, nodeLabels: {}, ...pod };
  };
}

function instanceRules(profile: Profile, env: Readonly<Record<string, string>> = {}): InstanceServiceRules {
  const text = JSON.stringify({ profile, eurekaSource: { address: ["http://a"] } });
  const { eurekaSource } = loadConfig(text, { env: {}, fileName: "test" }).config;
  return {
    ...eurekaSource,
    registry: "eureka",
    profile,
    environment: readConversionEnvironment(env),
    nameSuffix: "",
    place: (manifest) => manifest,
  };
}

function convertInstances(
  metadata: Readonly<Record<string, string>>,
  facts: FactLookup,
  profile: Profile = "slime",
  env: Readonly<Record<string, string>> = {},
) {
  const instance = { id: "1", address: "10.0.0.1", port: 80, metadata };
  const [entry] = convertInstanceService("orders", [instance], instanceRules(profile, env), { facts });
  return { entry, endpoint: entry?.spec.endpoints?.[0] };
}

const zoned = {
  "topology.kubernetes.io/region": "r1",
  "topology.kubernetes.io/zone": "z1",
  "topology.istio.io/subzone": "s1",
};

// The rules are those of slime-compat 3.2: label rule, relabelling, pod labels, locality, in this order.
describe.each(["slime", "istio"] as const)("LabelPatch in the %s profile", (profile) => {
  it("lays labels of the pod over those of the registry, and each of the pod's wins", () => {
    const facts = pods({ "10.0.0.1": { labels: { "security.istio.io/tlsMode": "istio", version: "pod" } } });
    expect(convertInstances({ version: "registry", team: "a" }, facts, profile).endpoint?.labels).toEqual({
      version: "pod",
      team: "a",
      "security.istio.io/tlsMode": "istio",
    });
  });

  it("comes after relabelling, which sees nothing of the pod", () => {
    const facts = pods({ "10.0.0.1": { labels: { version: "pod" } } });
    const env = { ENDPOINT_RELABEL_ITEMS: "version=copy" };
    expect(convertInstances({ version: "registry" }, facts, profile, env).endpoint?.labels)
      .toEqual({ version: "pod", copy: "registry" });
  });

  it("finds the locality among labels of the endpoint, and then among those of the node", () => {
    const onNode = pods({ "10.0.0.1": { nodeLabels: zoned } });
    expect(convertInstances({}, onNode, profile).endpoint).toMatchObject({
      locality: "r1/z1/s1",
      labels: { "istio-locality": "r1.z1.s1" },
    });
    const metadata = { "topology.kubernetes.io/zone": "z9" };
    expect(convertInstances(metadata, onNode, profile).endpoint?.locality).toBe("r1/z9/s1");
    const own = pods({ "10.0.0.1": { labels: { "istio-locality": "r5.z5" }, nodeLabels: zoned } });
    expect(convertInstances({}, own, profile).endpoint?.locality).toBe("r5/z5");
    const env = { LOCALITY_LABELS: "area,," };
    const named = pods({ "10.0.0.1": { nodeLabels: { ...zoned, area: "custom" } } });
    expect(convertInstances({}, named, profile, env).endpoint?.locality).toBe("custom/z1/s1");
  });

  it("knows nothing of an instance that has no pod", () => {
    const facts = pods({ "10.0.0.2": { labels: { version: "other" }, nodeLabels: zoned } });
    expect(convertInstances({ version: "own" }, facts, profile).endpoint)
      .toMatchObject({ labels: { version: "own" } });
    expect(convertInstances({}, facts, profile).endpoint?.locality).toBeUndefined();
  });

  it("tells the service's label and namespace, where a pod has those labels", () => {
    const facts = pods({ "10.0.0.1": { labels: { app: "shop", k8sNs: "team-a" } } });
    const { entry } = convertInstances({}, facts, profile);
    expect(entry?.metadata).toMatchObject({ labels: { app: "shop" }, namespace: "team-a" });
  });

  it("labels each provider of Dubbo by its own pod", () => {
    const facts = pods({
      "10.0.0.1": { labels: { "security.istio.io/tlsMode": "istio" }, nodeLabels: zoned },
      "10.0.0.3": { labels: { tier: "gold" } },
    });
    const record = recordOf({
      providers: ["10.0.0.1:20880", "10.0.0.2:20880", "10.0.0.3:20880"].map((host) => provider(host)),
    });
    const { services } = convertInterface(record, rulesOf(profile), () => {}, facts);
    const endpoints = services[0]?.manifest.spec.endpoints ?? [];
    expect(endpoints.map(({ labels, locality }) => [
      labels?.["security.istio.io/tlsMode"],
      labels?.["tier"],
      labels?.["application"],
      locality,
    ])).toEqual([
      ["istio", undefined, "app", "r1/z1/s1"],
      [undefined, undefined, "app", undefined],
      [undefined, "gold", "app", undefined],
    ]);
  });
});

describe("labels of pods that name another Dubbo service", () => {
  const facts = pods({ "10.0.0.1": { labels: { version: "canary", group: "g" } } });
  const record = { providers: [provider("10.0.0.1:20880"), provider("10.0.0.2:20880")] };

  it("change the service in the slime profile, as in slime", () => {
    const { services } = convertInterface(recordOf(record), rulesOf("slime"), () => {}, facts);
    expect(services.map(({ key }) => key)).toEqual(["a.B", "a.B:g:canary"]);
  });

  it("are labels and nothing else in the istio profile: callers ask for what the provider registered", () => {
    const { services } = convertInterface(recordOf(record), rulesOf("istio"), () => {}, facts);
    expect(services.map(({ key }) => key)).toEqual(["a.B"]);
    expect(services[0]?.manifest.spec.endpoints?.[0]?.labels).toMatchObject({
      version: "canary",
      group: "g",
    });
  });

  it("tell the application of a consumer in the slime profile only", () => {
    const byPod = pods({ "10.1.0.1": { labels: { application: "pod-app" } } });
    const consumers = { providers: [provider("10.0.0.1:20880")], consumers: [consumer("caller")] };
    const of = (profile: Profile) =>
      convertInterface(recordOf(consumers), rulesOf(profile), () => {}, byPod).services[0]
        ?.consumerApplications;
    expect([of("slime"), of("istio")]).toEqual([["pod-app"], ["caller"]]);
    expect(converted(consumers, rulesOf("slime")).services[0]?.consumerApplications).toEqual(["caller"]);
  });
});
