import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isMeshError } from "../runtime/errors.ts";
import { formatIssue } from "./config-issue.ts";
import { collectedRegistries } from "../model/collected-registries.ts";
import { inspectConfig, loadConfig } from "./load-config.ts";
import type { Config } from "./schema/schema.ts";

function report(text: string, env: Record<string, string> = {}) {
  const { loaded, errors, warnings } = inspectConfig(text, { env, fileName: "f.yaml" });
  return { config: loaded?.config, errors: errors.map(formatIssue), warnings: warnings.map(formatIssue) };
}

function load(text: string, env: Record<string, string> = {}): Config {
  return loadConfig(text, { env, fileName: "f.yaml" }).config;
}

/** A slime module file with this LEGACY block, in JSON (which is YAML too). */
function slime(legacy: unknown): string {
  return JSON.stringify({ name: "meshregistry", kind: "meshregistry", general: { LEGACY: legacy } });
}

describe("our own file", () => {
  it("has a default for everything", () => {
    const config = load("");
    expect(config).toMatchObject({
      profile: "istio",
      mcp: { serverUrl: "xds://0.0.0.0:16010", enableAnnoResVer: true, enableIncPush: false },
      k8s: { clusterId: "Kubernetes", clusterRegistriesNamespace: "istio-system" },
      eurekaSource: {
        enabled: false,
        refreshPeriod: 30_000,
        svcPort: 80,
        deltaPeriod: 1000,
        maxResponseBytes: 1_073_741_824,
        requestTimeout: 30_000,
      },
      zookeeperSource: {
        refreshPeriod: 10_000,
        ignoreLabel: ["pid", "timestamp", "dubbo"],
        svcProtocol: "DUBBO",
      },
      http: { address: "127.0.0.1:8081", token: "" },
      nats: { servers: [], stream: "MESH_ENTRIES", replicas: 1 },
      push: { minInterval: 0 },
      guard: { maxShrinkPercent: 30, minEndpoints: 10, holdTime: 300_000 },
      retention: { emptyServices: 86_400_000 },
    });
    expect(config.nats.tls).toBeUndefined();
  });

  it("keeps empty services for ever in the slime profile, unless told otherwise", () => {
    expect(load("profile: slime").retention.emptyServices).toBe(0);
    expect(load("{profile: slime, retention: {emptyServices: 1h}}").retention.emptyServices).toBe(3_600_000);
  });

  it("takes defaults from the environment, where an empty variable counts", () => {
    expect(load("", { CLUSTER_ID: "c1", POD_NAMESPACE: "mesh" }).k8s).toMatchObject({
      clusterId: "c1",
      clusterRegistriesNamespace: "mesh",
    });
    expect(load("", { CLUSTER_ID: "" }).k8s.clusterId).toBe("");
    expect(load("k8s: {clusterId: mine}", { CLUSTER_ID: "c1" }).k8s.clusterId).toBe("mine");
  });

  it("is frozen all the way down", () => {
    const config = load("");
    expect(Object.isFrozen(config.eurekaSource.address)).toBe(true);
  });

  it("reports everything at once, with place, expectation and what was found", () => {
    const text = [
      "profile: envoy",
      "eurekasource: {}",
      "eurekaSource:",
      "  enabled: true",
      "  refreshPeriode: 5s",
      "  refreshPeriod: 0s",
      "  svcPort: 80.5",
      "  address: http://me:secret@host/eureka",
      "http:",
      "  address: 8081",
      "nats: {user: me, replicas: 9}",
    ].join("\n");
    expect(report(text).errors).toEqual([
      'f.yaml:1:10: profile: expected "istio" or "slime", found "envoy" (a string)',
      'f.yaml:2:1: eurekasource: unknown key; did you mean "eurekaSource"?',
      'f.yaml:5:19: eurekaSource.refreshPeriode: unknown key; did you mean "refreshPeriod"?',
      'f.yaml:6:18: eurekaSource.refreshPeriod: expected a duration above 0, such as "30s", found 0s',
      "f.yaml:7:12: eurekaSource.svcPort: expected a whole number, found 80.5 (a number)",
      'f.yaml:8:12: eurekaSource.address: expected a list, found "http://***@host/eureka" (a string)',
      "f.yaml:10:12: http.address: expected text (put it in quotes), found 8081 (a number)",
      "f.yaml:11:1: nats.password: expected user and password together, found only the other one",
      "f.yaml:11:28: nats.replicas: expected a number from 1 to 5, found 9",
    ]);
  });

  it("throws them as one configuration error", () => {
    try {
      load("a: 1\nb: 2");
      expect.unreachable();
    } catch (error) {
      expect(isMeshError(error, "configuration")).toBe(true);
      expect(String(error)).toMatch(/configuration f\.yaml can't be used:\n {2}f\.yaml:1:.*\n {2}f\.yaml:2:/);
    }
  });

  it("never shows a secret", () => {
    const text = "nats: {password: 31337, token: [hunter2], nkeySeed: {a: hunter2}}\nhttp: {token: 4711}\n";
    const all = report(text).errors.join("\n") + report(`${text} password: "hunter2`).errors.join("\n");
    expect(all).not.toMatch(/31337|hunter2|4711/);
  });

  it.each([
    ["mcp: {serverUrl: 'tcp://0.0.0.0:1'}", 'expected "xds://address:port"'],
    ["eurekaSource: {enabled: true}", "expected at least one URL"],
    ["eurekaSource: {enabled: true, servers: [{address: []}]}", "expected at least one URL"],
    ["eurekaSource: {enabled: true, address: [ftp://a]}", "expected a URL such as"],
    ["zookeeperSource: {enabled: true}", 'expected at least one "host:port"'],
    ["nats: {servers: ['nats://a b']}", "expected a NATS server"],
    ["nats: {token: a, credsFile: b}", "expected one way to log in, found token and credsFile"],
    [
      `nats: {nkeySeedFile: SU${"A".repeat(56)}}`,
      "nats.nkeySeedFile: expected the path of a file, found a seed",
    ],
    ["nats: {tls: {certFile: a}}", "expected certFile and keyFile together"],
    ["guard: {maxShrinkPercent: 130}", "expected a number of at most 100"],
    ["push: {minInterval: -1s}", "expected a duration of 0 or more"],
    [
      "nacosSource: {enabled: true, address: [http://a], serviceNaming: {items: [{kind: x}]}}",
      'expected "$", "meta" or "static"',
    ],
    ["nacosSource: {enabled: true, address: [http://a], mockServiceEntryName: x}", "expected a host"],
    [
      "eurekaSource: {enabled: true, address: [http://a], gatewayModel: true, svcPort: 0}",
      "expected a port above 0",
    ],
    ["[1, 2]", "expected an object, found a list"],
    ["a: 1\na: 2", "Map keys must be unique"],
    ["a: 1\n---\nb: 2", "expected one document"],
    ["{", "expected YAML or JSON"],
  ])("refuses %s", (text, message) => {
    expect(report(text).errors.join("\n")).toContain(message);
  });

  it("lets a disabled source be incomplete", () => {
    expect(report("eurekaSource: {refreshPeriod: '0', svcPort: 0, instancePortAsSvcPort: false}").errors)
      .toEqual([]);
  });

  it("enables a source that has an address, unless the file says otherwise", () => {
    const enabled = (text: string) => {
      const { eurekaSource, nacosSource, zookeeperSource } = load(text);
      return [eurekaSource.enabled, nacosSource.enabled, zookeeperSource.enabled];
    };
    expect(enabled("eurekaSource: {address: [http://a]}")).toEqual([true, false, false]);
    expect(enabled("{eurekaSource: {servers: [{address: [http://a]}]}, nacosSource: {address: [http://b]}}"))
      .toEqual([true, true, false]);
    expect(enabled("zookeeperSource: {address: ['a:2181']}")).toEqual([false, false, true]);
    expect(enabled("eurekaSource: {enabled: false, address: [http://a]}")).toEqual([false, false, false]);
    expect(enabled("eurekaSource: {address: []}")).toEqual([false, false, false]);
  });

  it("warns about keys without effect", () => {
    expect(report("revision: a").warnings).toEqual([
      "f.yaml:1:11: revision: this key has no effect: slime never read it either; " +
      "set the environment variable MESH_REG_ISTIO_REVISION; remove it",
    ]);
  });

  it("says nothing of a switch without effect that is off", () => {
    expect(report("eurekaSource: {labelPatch: false}").warnings).toEqual([]);
    expect(report("eurekaSource: {labelPatch: true}").warnings).toHaveLength(1);
  });
});

describe("what a service is started with", () => {
  const started = (text: string, env: Record<string, string> = {}) => {
    const { loaded, errors, warnings } = inspectConfig(text, { env, fileName: "f.yaml", toRun: true });
    return { loaded, errors: errors.map(formatIssue), warnings: warnings.map(formatIssue) };
  };

  it.each(["", "{}", "# nothing", "eurekaSource: {}", "eurekaSource: {enabled: false, address: [http://a]}"])(
    "has to name a registry: %j is refused",
    (text) => {
      expect(started(text).errors).toEqual([
        expect.stringContaining("no registry is enabled, so there is nothing"),
      ]);
    },
  );

  it("is refused with a registry that has no collector", () => {
    const text =
      "{k8sSource: {clusterSecretsNamespace: mesh, enabled: true}, eurekaSource: {address: [http://a]}}";
    const { errors } = started(text);
    const known = [...collectedRegistries].join(", ");
    if (collectedRegistries.has("kubernetes")) expect(errors).toEqual([]);
    else {
      expect(errors).toEqual([
        `f.yaml:1:54: k8sSource.enabled: cannot read kubernetes: this version has collectors for ${known} only; set it to false`,
      ]);
    }
  });

  it("slime's: a source with addresses that isn't enabled is named", () => {
    const text = slime({
      EurekaSource: { Address: ["http://a"] },
      ZookeeperSource: { Address: ["a"], Enabled: false },
    });
    const { errors, warnings } = started(text);
    expect(errors).toEqual([expect.stringContaining("no registry is enabled")]);
    expect(warnings).toEqual([
      expect.stringContaining(
        "LEGACY.EurekaSource: this source isn't read, though it has addresses: set Enabled",
      ),
    ]);
  });

  it("slime's: LabelPatch, which is on by default, is named unless it is switched off", () => {
    const named = (more: object) =>
      started(slime({ EurekaSource: { Enabled: true, Address: ["http://a"], ...more } }));
    expect(named({}).warnings).toEqual([
      expect.stringContaining("LabelPatch is on by default and has no effect"),
    ]);
    expect(named({ LabelPatch: false }).warnings).toEqual([]);
    expect(named({ LabelPatch: true }).warnings).toHaveLength(1);
  });

  it("names environment variables of slime that do nothing here", () => {
    const { warnings } = started("eurekaSource: {address: [http://a]}", {
      DYNAMIC_CONFIG_MAP: "m",
      POD_NAME: "p",
    });
    expect(warnings).toEqual([
      "the environment variable DYNAMIC_CONFIG_MAP has no effect here: the configuration is read once, at the start; restart after a change",
    ]);
  });

  it.each([
    ["mcp: {serverUrl: 'xds://:65530'}\nxds: {shards: 16}", "there are no 16 from 65530 on"],
    ["mcp: {serverUrl: 'http://:8432'}\nxds: {shards: 2}", "expected 1, because mcp.serverUrl is http://"],
    ["mcp: {serverUrl: 'xds://:65530'}\nxds: {formerShards: 16}", "there are no 16 from 65530 on"],
    [
      "mcp: {serverUrl: 'http://:8432'}\nxds: {formerShards: 2}",
      "expected 1, because mcp.serverUrl is http://",
    ],
    ["xds: {shards: 8, formerShards: 16, trustShards: true}", "expected xds.trustShards to be false"],
    ["mcp: {serverUrl: 'http://:8432?pollInterval=60'}", "expected pollInterval to be a duration"],
  ])("is refused with what the server could not listen by: %j", (text, message) => {
    expect(report(text).errors.join("\n")).toContain(message);
  });
});

describe("a file that is none", () => {
  it("tells the first syntax errors, and how many more there are", () => {
    const { errors } = report(Array.from({ length: 300 }, () => "a: b: c").join("\n"));
    expect(errors.length).toBeLessThanOrEqual(4);
    expect(errors.at(-1)).toMatch(/^and \d+ more places that are no YAML$/);
  });

  it("names the first unknown keys, and how many more there are", () => {
    const { errors } = report(Array.from({ length: 3000 }, (_, index) => `key${index}: 1`).join("\n"));
    expect(errors).toHaveLength(21);
    expect(errors.join("\n")).toContain("and 2980 more unknown keys");
  });

  it("nested deeper than any is an error like others", () => {
    expect(report("[".repeat(100_000)).errors.join("\n")).toContain("expected YAML or JSON");
  });
});

describe("Go's decoding rules in a LEGACY block", () => {
  it("has slime's defaults", () => {
    expect(load(slime({}))).toMatchObject({
      profile: "slime",
      mcp: { enableIncPush: true },
      retention: { emptyServices: 0 },
    });
    expect(load(slime({ PROFILE: "istio" })).retention.emptyServices).toBe(86_400_000);
  });

  it.each([
    ["keys in any case", { EUREKASOURCE: { nshost: false } }, { eurekaSource: { nsHost: false } }],
    ["odd spellings", { MCP: { serverurl: "xds://:1" }, HTTPServerAddr: ":2" }, {
      mcp: { serverUrl: "xds://:1" },
      httpServerAddr: ":2",
    }],
    ["objects merge", { Mcp: { EnableIncPush: false } }, {
      mcp: { enableIncPush: false, enableAnnoResVer: true, serverUrl: "xds://0.0.0.0:16010" },
    }],
    ["lists replace", { ZookeeperSource: { IgnoreLabel: ["a"] } }, {
      zookeeperSource: { ignoreLabel: ["a"] },
    }],
    ["an empty list empties", { Snapshots: [] }, { snapshots: [] }],
    ["zero values replace", { EurekaSource: { SvcPort: 0, LabelPatch: false, ResourceNs: "" } }, {
      eurekaSource: { svcPort: 0, labelPatch: false, resourceNs: "" },
    }],
    ["null leaves a value", { EurekaSource: { SvcPort: null }, Mcp: null }, {
      eurekaSource: { svcPort: 80 },
      mcp: { enableAnnoResVer: true },
    }],
    ["null empties a list", { ZookeeperSource: { IgnoreLabel: null } }, {
      zookeeperSource: { ignoreLabel: [] },
    }],
    ["durations", { EurekaSource: { RefreshPeriod: "1m30s" } }, { eurekaSource: { refreshPeriod: 90_000 } }],
    ["our keys", { Http: { Address: ":1" }, EurekaSource: { DeltaPeriod: "2s" } }, {
      http: { address: ":1" },
      eurekaSource: { deltaPeriod: 2000 },
    }],
    ["selectors", {
      NacosSource: { EndpointSelectors: [{ MatchLabels: {}, ExcludeIPRanges: { IPS: ["10.0.0.1"] } }] },
    }, {
      nacosSource: {
        endpointSelectors: [{ matchLabels: {}, excludeIpRanges: { ips: ["10.0.0.1"], cidrs: [] } }],
      },
    }],
  ])("%s", (_, legacy, expected) => {
    expect(load(slime(legacy))).toMatchObject(expected);
  });

  it("doesn't care about the case of any key", () => {
    const plain = { EurekaSource: { SvcPort: 8, Servers: [{ RegistryID: "r" }] }, K8S: { ClusterID: "c" } };
    const expected = load(slime(plain));
    fc.assert(fc.property(fc.infiniteStream(fc.boolean()), (upper) => {
      const text = slime(plain).replaceAll(/"([A-Z]\w+)":/g, (all, key: string) => {
        if (key === "LEGACY") return all;
        return `"${
          key.split("").map((c) => upper.next().value === true ? c.toUpperCase() : c.toLowerCase()).join("")
        }":`;
      });
      expect(load(text)).toEqual(expected);
    }));
  });

  it.each([
    [{ EurekaSource: { Enabled: "true" } }, "expected true or false"],
    [{ EurekaSource: { SvcPort: "80" } }, "expected a whole number"],
    [{ EurekaSource: { SvcPort: -1 } }, "expected a number of at least 0"],
    [{ EurekaSource: { SvcPort: 4_294_967_296 } }, "expected a number of at most 4294967295"],
    [{ EurekaSource: { WaitTime: 0 } }, "expected a duration as Go writes it"],
    [{ EurekaSource: { WaitTime: "" } }, 'invalid duration ""'],
    [{ EurekaSource: { WaitTime: "15" } }, 'missing unit in duration "15"'],
    [{ EurekaSource: "x" }, "expected an object"],
    [{ Snapshots: "default" }, "expected a list"],
    [[], "general.LEGACY: expected an object, found an empty list"],
    [{ Mcp: { EnableAnnoResVer: false } }, "expected true because enableIncPush is on"],
  ])("refuses %j", (legacy, message) => {
    expect(report(slime(legacy)).errors.join("\n")).toContain(message);
  });

  it("writes paths as the file does", () => {
    const text =
      "kind: meshregistry\ngeneral:\n  Legacy:\n    eurekasource:\n      ENABLED: yes\n      waittime: 3\n";
    expect(report(text).errors).toEqual([
      "f.yaml:4:5: general.Legacy.eurekasource.Address: expected at least one URL because the source is enabled, " +
      "found an empty list; set address or servers",
      "f.yaml:6:17: general.Legacy.eurekasource.waittime: expected a duration as Go writes it, in quotes and with a " +
      'unit, such as "15s" or "1m30s", found 3 (a number)',
    ]);
  });

  it("warns about unknown and repeated keys, and lets the key win that sorts last", () => {
    for (const keys of ["svcport: 3, SvcPort: 2", "SvcPort: 2, svcport: 3"]) {
      const line = `    EurekaSource: {SvcPrt: 1, ${keys}}`;
      const { config, warnings } = report(`kind: meshregistry\ngeneral:\n  LEGACY:\n${line}\n`);
      expect(config?.eurekaSource.svcPort).toBe(3);
      const column = line.indexOf("3") + 1;
      expect(warnings).toEqual([
        'f.yaml:4:28: general.LEGACY.EurekaSource.SvcPrt: unknown key; did you mean "SvcPort"?',
        `f.yaml:4:${column}: general.LEGACY.EurekaSource.svcport: this key is given twice in different case; ` +
        "the one that sorts last wins (lower case is after upper case), so remove the other",
      ]);
    }
  });

  it("takes null for an empty list or map inside another", () => {
    const { config, errors } = report(
      slime({ ZookeeperSource: { ServicedEndpointSelectors: { "a.B": null } } }),
    );
    expect(errors).toEqual([]);
    expect(config?.zookeeperSource.servicedEndpointSelectors).toEqual({ "a.B": [] });
  });

  it("reads switches and merge keys as Go's YAML does", () => {
    const text = [
      "kind: meshregistry",
      "general:",
      "  LEGACY:",
      "    EurekaSource: &shared {LabelPatch: off}",
      "    NacosSource: {<<: *shared, Group: 12:30, Namespace: 2001-01-01}",
    ].join("\n");
    const { config } = report(text);
    expect(config?.nacosSource).toMatchObject({ labelPatch: false, group: "12:30", namespace: "2001-01-01" });
  });
});
