import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { NacosCatalogue } from "../../services/nacos-collector/conversion/nacos-catalogue.ts";
import { recordKey } from "../../services/nacos-collector/conversion/service-record.ts";
import type { NacosServiceRecord } from "../../services/nacos-collector/conversion/service-record.ts";
import { InvalidRecords } from "../../shared/collector/invalid-records.ts";
import { nacosServersOf, namespaceGroupsOf } from "../../shared/config/mod.ts";
import type { LoadedConfig, NacosSource } from "../../shared/config/mod.ts";
import { decodeInstances } from "../../shared/nacos/wire/service-info.ts";
import { namespaceId, parseServiceKey } from "../../shared/nacos/wire/service-key.ts";
import type { Manifest } from "../../shared/model/manifest.ts";
import { createLogger } from "../../shared/runtime/log.ts";

const silentLog = createLogger("test");
silentLog.level = "silent";

/* What slime's Nacos source was given in its golden cases, as records of ours. */

const Host = z.looseObject({ serviceName: z.string() });
const Doms = z.array(z.object({ dom: z.string(), hosts: z.array(Host).nullish() }));
const Servers = z.record(
  z.string(),
  z.object({
    namespaces: z.array(z.object({ namespace: z.string(), namespaceShowName: z.string() })).nullish(),
    services: z.record(z.string(), z.array(z.string())),
    catalog: z.record(z.string(), z.array(z.object({ name: z.string(), groupName: z.string() }))).default({}),
    instances: z.record(z.string(), z.object({ hosts: z.array(Host) })),
  }),
);

/** The services of slime's client, merged over groups: each instance tells its own. */
export function recordsOfClient(json: unknown): NacosServiceRecord[] {
  const records = new Map<string, { record: NacosServiceRecord; hosts: unknown[] }>();
  for (const { dom, hosts } of Doms.parse(json)) {
    for (const host of hosts ?? []) {
      const { group } = parseServiceKey(host.serviceName);
      const record = {
        registryId: "",
        namespace: "public",
        group,
        name: dom,
        instances: [],
        invalid: [],
        protected: false,
      };
      const key = recordKey(record);
      const known = records.get(key) ?? { record, hosts: [] };
      known.hosts.push(host);
      records.set(key, known);
    }
  }
  return [...records.values()].map(({ record, hosts }) => ({ ...record, ...decodeInstances(hosts) }));
}

/** What the collector's view would read of these servers. */
export function recordsOfServers(json: unknown, source: NacosSource): NacosServiceRecord[] {
  const servers = Servers.parse(json);
  return nacosServersOf(source).flatMap((options) => {
    const server = options.address.map((address) => servers[new URL(address).host]).find((each) =>
      each !== undefined
    );
    if (server === undefined) return [];
    const { registryId } = options;
    const idOf = (name: string) =>
      server.namespaces?.find(({ namespaceShowName }) => namespaceShowName === name)?.namespace ?? name;
    const wanted = options.allNamespaces
      ? Object.entries(server.catalog).flatMap(([id, services]) =>
        services.map(({ name, groupName }) => ({ id, group: groupName, name }))
      )
      : [...namespaceGroupsOf(options)].flatMap(([namespace, groups]) =>
        groups.flatMap((group) => {
          const id = idOf(namespace);
          return (server.services[`${id}|${group}`] ?? []).map((name) => ({ id, group, name }));
        })
      );
    return wanted.flatMap(({ id, group, name }) => {
      const answer = server.instances[`${id}|${group}|${name}`];
      if (answer === undefined) return [];
      const service = {
        registryId,
        namespace: namespaceId(id),
        group: group === "" ? "DEFAULT_GROUP" : group,
        name,
      };
      return [{ ...service, ...decodeInstances(answer.hosts), protected: false }];
    });
  });
}

/** A catalogue that takes one state of the registry after the other, and answers all its resources. */
export function statesOf({ config, environment }: Pick<LoadedConfig, "config" | "environment">) {
  const records = new InvalidRecords("Nacos", { inc: () => {} }, silentLog);
  const catalogue = new NacosCatalogue({
    source: config.nacosSource,
    profile: config.profile,
    environment,
    records,
    changed: () => {},
    readConfig: () => Promise.resolve(undefined),
    signal: new AbortController().signal,
  });
  return (
    state: readonly NacosServiceRecord[],
  ): { manifests: Manifest[]; invalid: ReadonlyMap<string, string> } => {
    const keys = new Set(state.map(recordKey));
    const gone = Array.from(catalogue.records).filter((known) => !keys.has(recordKey(known)));
    for (const known of gone) catalogue.remove(known);
    for (const record of state) catalogue.put(record);
    for (const unit of catalogue.units()) catalogue.observe(unit);
    return {
      manifests: [...catalogue.units()].flatMap((unit) => [...catalogue.convert(unit)]),
      invalid: records.shown,
    };
  };
}

/** Content of a file of slime's, as JSON. */
export async function readJson(folder: string, file: string): Promise<unknown> {
  return JSON.parse(await readFile(join(folder, file), "utf8"));
}
