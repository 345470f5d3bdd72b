import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CatalogueRig, instance, record } from "../../services/nacos-collector/conversion/conversion-rig.ts";
import type { NacosServiceRecord } from "../../services/nacos-collector/conversion/service-record.ts";
import { rulesOf } from "../../shared/dubbo/conversion/conversion-rig.ts";
import { convertInterface } from "../../shared/dubbo/conversion/convert-interface.ts";
import type { DubboUrl } from "../../shared/dubbo/conversion/dubbo-url.ts";
import { parseDubboUrl } from "../../shared/dubbo/conversion/parse-dubbo-url.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { decodeServiceInfo } from "../../shared/nacos/wire/service-info.ts";
import { atOnce } from "../../shared/runtime/turns.ts";

/*
 * Dubbo's services become the same entries, with the same hosts, whichever registry they are in. What real applications
 * wrote into ZooKeeper is brought into Nacos as Dubbo's registry for Nacos does it.
 */

const zookeeper = join(import.meta.dirname, "../data/zookeeper/real");
const nacos = join(import.meta.dirname, "../data/nacos/dubbo");

interface Registered {
  readonly category: string;
  readonly interfaceName: string;
  /** Raw name of the node. */
  readonly name: string;
}

/** Nodes below `providers` and `consumers`. */
function registeredIn(file: string): Registered[] {
  const nodes: { path: string }[] = JSON.parse(readFileSync(join(zookeeper, file), "utf8"));
  return nodes.flatMap(({ path }) => {
    const [, interfaceName, category, name] = /^\/dubbo\/([^/]+)\/(providers|consumers)\/(.+)$/.exec(path) ??
      [];
    return interfaceName === undefined || category === undefined || name === undefined
      ? []
      : [{ category, interfaceName, name }];
  });
}

function ofZooKeeper(registered: readonly Registered[]) {
  const rules = rulesOf("istio");
  return [...Map.groupBy(registered, ({ interfaceName }) => interfaceName)].flatMap(([name, members]) => {
    const namesIn = (category: string) =>
      members.filter((member) => member.category === category).map((member) => member.name);
    const interfaceRecord = {
      name,
      providers: namesIn("providers"),
      consumers: namesIn("consumers"),
      configurators: [],
      applicationProviders: [],
    };
    return convertInterface(interfaceRecord, rules, () => {}).services.map(({ manifest }) => manifest);
  });
}

/** One service for each interface, version and group; the URL's parts are metadata. */
function asNacos(registered: readonly Registered[]): NacosServiceRecord[] {
  const named = registered.map(({ category, interfaceName, name }) => {
    const url = parseDubboUrl(name);
    if (typeof url === "string") throw new RangeError(`${name}: ${url}`);
    const { version = "", group = "" } = url.parameters;
    return { service: `${category}:${interfaceName}:${version}:${group}`, category, url };
  });
  return [...Map.groupBy(named, ({ service }) => service)].map(([service, members]) =>
    record(service, members.map(({ url, category }) => instanceOf(url, category)))
  );
}

function instanceOf({ protocol, host, port, path, parameters }: DubboUrl, category: string) {
  return instance(host, { port, metadata: { ...parameters, category, protocol, path } });
}

function ofNacos(records: readonly NacosServiceRecord[]) {
  const rig = new CatalogueRig();
  rig.put(...records);
  const entries = rig.entries();
  expect(rig.reports).toEqual([]);
  const plan = rig.catalogue.sidecars?.plan(1_000_000, () => true);
  return { entries, consumers: plan && [...atOnce(plan).upserts] };
}

/** All but the name of the registry. */
function inOrder(manifests: readonly ServiceEntryManifest[]) {
  return manifests.map((manifest) => ({
    ...manifest,
    metadata: { ...manifest.metadata, labels: { ...manifest.metadata.labels, registry: "any" } },
  })).sort((a, b) => a.metadata.name < b.metadata.name ? -1 : 1);
}

describe("what a real ZooKeeper held", () => {
  const files = readdirSync(zookeeper).filter((file) => file.endsWith(".json") && !file.includes("root-dev"));

  test.each(files)("%s", (file) => {
    const registered = registeredIn(file);
    const expected = inOrder(ofZooKeeper(registered));
    const { entries } = ofNacos(asNacos(registered));
    expect(inOrder(entries)).toEqual(expected);
    expect(entries.length > 0).toBe(!file.includes("stopped.json") || file.includes("plain-stopped"));
  });
});

test("what a real Nacos held has the hosts, endpoints, protocols and weights that ZooKeeper's has", () => {
  const files = readdirSync(nacos).filter((file) => file.startsWith("instances-providers"));
  const records = files.map((file) => {
    const { service, instances } = decodeServiceInfo(JSON.parse(readFileSync(join(nacos, file), "utf8")));
    return record(service.name, instances, { group: service.group });
  });
  const { entries } = ofNacos(records);
  expect(entries.map(({ metadata, spec }) => ({
    host: spec.hosts[0],
    ports: spec.ports?.map(({ name }) => name),
    endpoints: spec.endpoints?.map(({ address, weight, labels }) => [address, weight, labels?.["dubboTag"]]),
    namespace: metadata.namespace,
  }))).toMatchInlineSnapshot(`
    [
      {
        "endpoints": [
          [
            "10.9.10.1",
            undefined,
            undefined,
          ],
        ],
        "host": "lab.api.order-service.1-0-0.v",
        "namespace": "dubbo",
        "ports": [
          "dubbo-20901",
          "tri-50061",
        ],
      },
      {
        "endpoints": [
          [
            "10.9.10.2",
            undefined,
            undefined,
          ],
        ],
        "host": "lab.api.order-service.g1.1-0-0.gv",
        "namespace": "dubbo",
        "ports": [
          "dubbo-20902",
        ],
      },
      {
        "endpoints": [
          [
            "10.9.10.2",
            undefined,
            undefined,
          ],
        ],
        "host": "lab.api.stock-service",
        "namespace": "dubbo",
        "ports": [
          "dubbo-20902",
        ],
      },
      {
        "endpoints": [
          [
            "10.9.10.1",
            undefined,
            "gray",
          ],
        ],
        "host": "lab.api.user-service.blue.2-0-0.gv",
        "namespace": "dubbo",
        "ports": [
          "dubbo-20901",
          "tri-50061",
        ],
      },
    ]
  `);
});
