import { describe, expect, it } from "vitest";
import { readConversionEnvironment } from "./conversion-environment.ts";
import { loadConfig } from "./load-config.ts";
import { editDistance, nearest } from "./nearest.ts";
import { eurekaServersOf, nacosServersOf, namespaceGroupsOf, sourcesOf } from "./sources.ts";

function load(data: unknown) {
  return loadConfig(JSON.stringify(data), { env: {}, fileName: "f.json" }).config;
}

describe("sources", () => {
  it("names the enabled ones with their wait times", () => {
    const config = load({
      eurekaSource: { enabled: true, address: ["http://a"], waitTime: "10s" },
      k8sSource: { clusters: [{ id: "east", kubeConfig: "/etc/east" }] },
      k8sSources: { secrets: { clusterSecretsNamespace: "mesh", waitTime: "1m" } },
    });
    expect(sourcesOf(config)).toEqual([
      { registry: "eureka", source: "default", waitTimeMs: 10_000 },
      { registry: "kubernetes", source: "default", waitTimeMs: 0 },
      { registry: "kubernetes", source: "secrets", waitTimeMs: 60_000 },
    ]);
    expect(sourcesOf(load({}))).toEqual([]);
  });

  it("takes the servers, or the one written into the source", () => {
    const one = load({
      eurekaSource: { address: ["http://a"], registryId: "r" },
      nacosSource: { group: "g" },
    });
    expect(eurekaServersOf(one.eurekaSource)).toEqual([{ registryId: "r", address: ["http://a"] }]);
    expect(nacosServersOf(one.nacosSource)).toMatchObject([{ group: "g", namespaceGroups: [] }]);
    const many = load({ eurekaSource: { servers: [{ address: ["http://b"] }] } });
    expect(eurekaServersOf(many.eurekaSource)).toEqual([{ registryId: "", address: ["http://b"] }]);
  });

  it.each([
    [{ namespace: "n", group: "g" }, [["n", ["g"]]]],
    [{}, [["", [""]]]],
    [{ namespace: "n", namespaceGroups: ["a:x, y", "b", "a:z:1"] }, [["a", ["z:1"]], ["b", [
      "DEFAULT_GROUP",
    ]]]],
    [{ namespaceGroups: ["a:x, y"] }, [["a", ["x", " y"]]]],
  ])("reads the groups of %j", (server, expected) => {
    const [first] = nacosServersOf(load({ nacosSource: server }).nacosSource);
    expect(first === undefined ? [] : [...namespaceGroupsOf(first)]).toEqual(expected);
  });
});

describe("readConversionEnvironment", () => {
  it("has slime's defaults", () => {
    expect(readConversionEnvironment({})).toEqual({
      seLabelSelectorKeys: [{ key: "app", label: "app", append: false }],
      localityLabels: { region: "", zone: "", subzone: "" },
      endpointRelabelItems: [],
      skipValidateLabelValue: false,
      registryIdMetaKey: "registry-id",
      istioRevision: "",
      nacosClientHeaders: {},
      podName: "",
      podNamespace: "istio-system",
      clusterId: "Kubernetes",
    });
  });

  it("reads slime's little languages", () => {
    expect(readConversionEnvironment({
      SE_LABEL_SELECTOR_KEYS: "app,env:stage,v:version:append,w::append:x,$host:h,$host",
      LOCALITY_LABELS: "r,,s,t",
      ENDPOINT_RELABEL_ITEMS: "a=x,skipped,c=d=e,a=b",
      SKIP_VALIDATE_LABEL_VALUE: "T",
      NACOS_CLIENT_HEADERS: "Authorization=Basic a==,x=1",
      REGISTRY_ID_META_KEY: "",
    })).toMatchObject({
      seLabelSelectorKeys: [
        { key: "app", label: "app", append: false },
        { key: "env", label: "stage", append: false },
        { key: "v", label: "version", append: true },
        { key: "w", label: "w", append: false },
        { key: "$host", label: "h", append: false },
        { key: "$host", label: "host", append: false },
      ],
      localityLabels: { region: "r", zone: "", subzone: "s,t" },
      endpointRelabelItems: [{ from: "a", to: "b" }, { from: "c", to: "d" }],
      skipValidateLabelValue: true,
      nacosClientHeaders: { Authorization: "Basic a==", x: "1" },
      registryIdMetaKey: "",
    });
    expect(readConversionEnvironment({ SE_LABEL_SELECTOR_KEYS: "" }).seLabelSelectorKeys).toEqual([]);
  });
});

describe("nearest", () => {
  it("counts insertions, deletions, replacements and swaps", () => {
    expect(editDistance("adress", "address")).toBe(1);
    expect(editDistance("adderss", "address")).toBe(1);
    expect(editDistance("", "abc")).toBe(3);
  });

  it("knows a misspelling from another word", () => {
    expect(nearest("adress", ["address", "appSuffix"])).toBe("address");
    expect(nearest("whatever", ["address", "appSuffix"])).toBeUndefined();
  });
});
