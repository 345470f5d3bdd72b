import { readOnce } from "../../../shared/collector/read-once.ts";
import { nacosServersOf } from "../../../shared/config/mod.ts";
import type { NacosServer, NacosSource } from "../../../shared/config/mod.ts";
import { nacos } from "../registry.ts";
import { NacosView } from "../view/nacos-view.ts";
import type { Conversion, ConvertSource } from "../../../shared/collector/dry-run/convert-source.ts";
import { readNacosDump } from "./convert-nacos-dump.ts";
import { NacosDump } from "./nacos-dump.ts";

/** Nacos, for `meshctl convert`. */
export const nacosConvertSource: ConvertSource = {
  section: "nacosSource",
  convert: async (input, loaded, signal) => {
    const malformed: Conversion["invalidRecords"][number][] = [];
    const { services, configs } = readNacosDump(input, (record) => malformed.push(record));
    const { nacosSource } = loaded.config;
    const registryIds = new Set([...services, ...configs].map(({ registryId }) => registryId));
    const ofCluster = (id: string) => ({ registryId }: { readonly registryId: string }) => registryId === id;
    const read = await readOnce(
      (context) =>
        new NacosView(
          allOf(nacosSource, registryIds),
          ({ registryId }) =>
            new NacosDump(services.filter(ofCluster(registryId)), configs.filter(ofCluster(registryId))),
          context,
        ),
      loaded,
      "Nacos",
      signal,
    );
    return {
      manifests: read.manifests,
      invalidRecords: [...malformed, ...recordsOf(read.invalidRecords)],
      notes: [],
    };
  },
  convertLive: async (address, loaded, signal) => {
    const source = withAddress(loaded.config.nacosSource, address);
    const read = await readOnce((context) => nacos.open(source, context), loaded, "Nacos", signal);
    return {
      manifests: read.manifests,
      invalidRecords: recordsOf(read.invalidRecords),
      notes: [`read ${address.join(",")}`],
    };
  },
  convertAnew: async (loaded, running, signal) => {
    const { driver, generation, requestTimeout, tls } = running.config.nacosSource;
    const servers = [...nacosServersOf(running.config.nacosSource)];
    const connection = { driver, generation, requestTimeout, tls, servers };
    const source = { ...loaded.config.nacosSource, ...connection };
    const read = await readOnce((context) => nacos.open(source, context), loaded, "Nacos", signal);
    return { manifests: read.manifests, invalidRecords: recordsOf(read.invalidRecords), notes: [] };
  },
  isEnabled: ({ config }) => config.nacosSource.enabled,
  // The address is never asked, but a source without one is a mistake everywhere else.
  defaultConfig: JSON.stringify({ nacosSource: { address: ["http://localhost:8848"], allNamespaces: true } }),
};

/** A source at other servers: those of its first cluster. */
export function withAddress(source: NacosSource, address: readonly string[]): NacosSource {
  const [first] = nacosServersOf(source);
  return first === undefined ? source : { ...source, servers: [{ ...first, address: [...address] }] };
}

/** A source that reads everything there is in a dump. */
function allOf(source: NacosSource, registryIds: ReadonlySet<string>): NacosSource {
  const servers = nacosServersOf(source);
  const [first] = servers;
  if (first === undefined) return source;
  const ids = registryIds.size === 0 ? [first.registryId] : [...registryIds];
  const all = (registryId: string): NacosServer => ({
    ...servers.find((one) => one.registryId === registryId) ?? first,
    registryId,
    allNamespaces: true,
  });
  return { ...source, servers: ids.map(all) };
}

function recordsOf(records: ReadonlyMap<string, string>): Conversion["invalidRecords"] {
  return Array.from(records, ([path, reason]) => ({ path, reason }));
}
