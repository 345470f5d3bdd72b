import { describe, expect, it } from "vitest";
import { loadConfig } from "../load-config.ts";
import { maskSecrets } from "../secrets.ts";
import { toSlimeArgs } from "./slime-args.ts";

function load(legacy: unknown) {
  const text = JSON.stringify({ kind: "meshregistry", general: { LEGACY: legacy } });
  return loadConfig(text, { env: { POD_NAMESPACE: "mesh-operator" }, fileName: "cfg" }).config;
}

/** What a running slime answered at `/args`, as text: the order of keys counts. */
const answered = `{
  "ExcludedResourceKinds": [
    "Endpoints",
    "Namespace",
    "Node",
    "Pod",
    "Service"
  ],
  "Snapshots": [
    "default"
  ],
  "Mcp": {
    "ServerUrl": "xds://127.0.0.1:28010",
    "EnableAnnoResVer": true
  },
  "K8S": {
    "ClusterID": "Kubernetes",
    "ClusterRegistriesNamespace": "mesh-operator",
    "ApiServerUrlForDeploy": "http://127.0.0.1:41601"
  },
  "K8SSource": {},
  "ZookeeperSource": {
    "RefreshPeriod": "10s",
    "LabelPatch": true,
    "SvcProtocol": "DUBBO",
    "InstancePortAsSvcPort": true,
    "ResourceNs": "dubbo",
    "IgnoreLabel": [
      "pid",
      "timestamp",
      "dubbo"
    ],
    "ConnectionTimeout": "30s",
    "RegistryRootNode": "/dubbo",
    "Mode": "polling",
    "WatchingWorkerCount": 10,
    "EnableDubboSidecar": true,
    "TrimDubboRemoveDepInterval": "24h0m0s",
    "DubboWorkloadAppLabel": "app",
    "ConsumerPath": "/consumers"
  },
  "EurekaSource": {
    "Enabled": true,
    "RefreshPeriod": "2s",
    "LabelPatch": true,
    "SvcProtocol": "HTTP",
    "SvcPort": 80,
    "InstancePortAsSvcPort": true,
    "DefaultServiceNs": "eureka",
    "ResourceNs": "eureka",
    "Address": [
      "http://127.0.0.1:28761/eureka"
    ],
    "K8SDomainSuffix": true,
    "NsHost": true
  },
  "NacosSource": {
    "RefreshPeriod": "30s",
    "LabelPatch": true,
    "SvcProtocol": "HTTP",
    "SvcPort": 80,
    "InstancePortAsSvcPort": true,
    "DefaultServiceNs": "nacos",
    "ResourceNs": "nacos",
    "Mode": "polling",
    "K8SDomainSuffix": true,
    "NsHost": true
  },
  "RegistryStartDelay": "5s"
}`;

describe("toSlimeArgs", () => {
  it("prints what a running slime answered, to the byte", () => {
    const config = load({
      // The one default that differs: without a word about it, ZooKeeper is watched.
      ZookeeperSource: { Mode: "polling" },
      Mcp: { ServerUrl: "xds://127.0.0.1:28010", EnableIncPush: false },
      K8S: { ApiServerUrlForDeploy: "http://127.0.0.1:41601" },
      EurekaSource: { Enabled: true, RefreshPeriod: "2s", Address: ["http://127.0.0.1:28761/eureka"] },
    });
    expect(JSON.stringify(toSlimeArgs(config), null, 2)).toBe(answered);
  });

  it("gives back what slime's own spelling gave, through a second reading", () => {
    const config = load({
      NacosSource: {
        Servers: [{ RegistryID: "r", Address: ["http://a"], NamespaceGroups: ["n:g"] }],
        EndpointSelectors: [{
          matchLabels: { b: "1", a: "2" },
          ExcludeIPRanges: { IPs: ["10.0.0.1"], CIDRs: ["::/0"] },
        }],
        ServicedEndpointSelectors: {
          s: [{ matchExpressions: [{ key: "k", operator: "In", values: ["v"] }] }],
        },
        ServiceNaming: { Sep: ".", Items: [{ Kind: "static", Value: "x" }] },
        InstanceMetaRelabel: { Items: [{ Key: "a", TargetKey: "b", ValuesMapping: { x: "y" } }] },
      },
      ZookeeperSource: {
        WatchingDebounce: { TriggerCount: 3, Delay: "1.5s" },
        MethodLBServiceSelectors: [{ matchLabels: { a: "b" }, Invert: true }],
      },
    });
    expect(load(toSlimeArgs(config))).toEqual(config);
    const text = JSON.stringify(toSlimeArgs(config));
    for (
      const part of [
        '"RegistryID":"r"',
        '"ExcludeIPRanges":{"IPs"',
        '"MethodLBServiceSelectors"',
        '"Delay":"1.5s"',
      ]
    ) {
      expect(text).toContain(part);
    }
  });
});

describe("maskSecrets", () => {
  it("replaces passwords, tokens, seeds and user information, and nothing else", () => {
    const config = load({
      EurekaSource: {
        Address: ["https://me:pa@ss@host:1/eureka"],
        Servers: [{ Address: ["http://user@host/eureka"] }],
      },
      NacosSource: {
        Username: "me",
        Password: "hunter2",
        Servers: [{ Address: ["http://a"], Password: "hunter2" }],
      },
      Http: { Token: "hunter2", OperatorToken: "hunter2" },
      Nats: { Token: "hunter2" },
    });
    const servers = ["nats://token@n:4222", "token@n"];
    const masked = maskSecrets({ ...config, nats: { ...config.nats, servers } });
    expect(masked.nats.servers).toEqual(["nats://***@n:4222", "***@n"]);
    expect(JSON.stringify(masked)).not.toMatch(/hunter2|pa@ss|token@|user@/);
    expect(masked.eurekaSource.address).toEqual(["https://***@host:1/eureka"]);
    expect(masked.nacosSource).toMatchObject({ username: "me", password: "***" });
    expect(masked.http).toEqual({ address: "127.0.0.1:8081", token: "***", operatorToken: "***" });
    expect(masked.nats.password).toBe("");
    expect(config.http.token).toBe("hunter2");
  });
});
