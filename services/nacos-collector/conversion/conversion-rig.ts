import { InvalidRecords } from "../../../shared/collector/invalid-records.ts";
import { loadConfig } from "../../../shared/config/mod.ts";
import type { ConfigInput, Profile } from "../../../shared/config/mod.ts";
import type { Manifest, ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import type { ConfigName, NacosInstance } from "../../../shared/nacos/nacos.ts";
import { createLogger } from "../../../shared/runtime/log.ts";
import { NacosCatalogue } from "./nacos-catalogue.ts";
import type { UnitChange } from "./nacos-catalogue.ts";
import type { NacosServiceRecord } from "./service-record.ts";

/** Test code: records of Nacos with little to write, and what they become. */

const silentLog = createLogger("test");
silentLog.level = "silent";

/** An instance like any other but for the fields given; `at` is its address, with a port if it isn't 8080. */
export function instance(at: string, fields: Partial<NacosInstance> = {}): NacosInstance {
  const [, ip = at, port = "8080"] = /^(.*)\|(-?[0-9]+)$/.exec(at) ?? [];
  return {
    ip,
    port: Number(port),
    weight: 1,
    healthy: true,
    enabled: true,
    ephemeral: true,
    cluster: "DEFAULT",
    metadata: {},
    instanceId: undefined,
    ...fields,
  };
}

/** A service of the public namespace and the default group, unless its fields say otherwise. */
export function record(
  name: string,
  instances: readonly NacosInstance[],
  fields: Partial<NacosServiceRecord> = {},
): NacosServiceRecord {
  return {
    registryId: "",
    namespace: "public",
    group: "DEFAULT_GROUP",
    name,
    instances,
    invalid: [],
    protected: false,
    ...fields,
  };
}

/** A catalogue, and what it tells. */
export class CatalogueRig {
  readonly catalogue: NacosCatalogue;
  readonly records = new InvalidRecords("Nacos", { inc: () => {} }, silentLog);
  readonly changed: UnitChange[] = [];
  /** Reads a configuration; there are none unless a test says so. */
  readConfig: (config: ConfigName) => Promise<string | undefined> = () => Promise.resolve(undefined);

  constructor(source: ConfigInput["nacosSource"] = {}, profile: Profile = "istio") {
    const nacosSource = { address: ["http://localhost:8848"], enabled: true, ...source };
    const { config, environment } = loadConfig(JSON.stringify({ profile, nacosSource }), {
      env: {},
      fileName: "the test",
    });
    this.catalogue = new NacosCatalogue({
      source: config.nacosSource,
      profile,
      environment,
      records: this.records,
      changed: (change) => void this.changed.push(change),
      readConfig: (_registryId, name) => this.readConfig(name),
      signal: new AbortController().signal,
    });
  }

  /** Takes in records, in this order. Returns the units that this changes. */
  put(...records: readonly NacosServiceRecord[]): UnitChange[] {
    return records.flatMap((each) => [...this.catalogue.put(each)]);
  }

  /** All resources, by name. */
  manifests(): Map<string, Manifest> {
    for (const unit of this.catalogue.units()) this.catalogue.observe(unit);
    const all = [...this.catalogue.units()].flatMap((unit) => [...this.catalogue.convert(unit)]);
    return new Map(all.map((manifest) => [manifest.metadata.name, manifest]));
  }

  /** All ServiceEntries, sorted by name. */
  entries(): ServiceEntryManifest[] {
    return [...this.manifests().values()].filter((manifest) => manifest.kind === "ServiceEntry")
      .sort((a, b) => a.metadata.name < b.metadata.name ? -1 : 1);
  }

  /** What was left out: `place reason`. */
  get reports(): string[] {
    return Array.from(this.records.shown, ([path, reason]) => `${path} ${reason}`).sort();
  }
}

/** What one service becomes, if it is the only one. */
export function convertOne(
  instances: readonly NacosInstance[],
  source: ConfigInput["nacosSource"] = {},
  profile: Profile = "istio",
) {
  const rig = new CatalogueRig(source, profile);
  rig.put(record("orders", instances));
  const [entry] = rig.entries();
  return {
    entry,
    hosts: entry?.spec.hosts,
    ports: entry?.spec.ports?.map(({ number, protocol }) => `${protocol} ${number}`),
    endpoints: entry?.spec.endpoints,
    addresses: entry?.spec.endpoints?.map(({ address }) => address),
    reports: rig.reports,
  };
}
