import type { LoadedConfig } from "../../shared/config/mod.ts";
import { convertTree } from "../zk-collector/convert-tree.ts";
import type { TreeNode } from "../zk-collector/convert-tree.ts";
import type { Conversion, ConvertSource } from "./convert-source.ts";
import { readDump } from "./convert-zookeeper-dump.ts";
import { readTree } from "./zookeeper-tree.ts";

/** ZooKeeper, for `meshctl convert`. */
export const zookeeperConvertSource: ConvertSource = {
  convert: async (input, loaded) => {
    const invalidRecords: Conversion["invalidRecords"][number][] = [];
    const nodes = readDump(input, (record) => invalidRecords.push(record));
    return await conversionOf(nodes, loaded, invalidRecords);
  },
  convertLive: async (address, loaded, signal) => {
    const { config } = loaded;
    const source = { ...config.zookeeperSource, address: [...address] };
    const invalidRecords: Conversion["invalidRecords"][number][] = [];
    const nodes = await readTree(source, [source.registryRootNode, ...source.applicationRoots], {
      unreadable: (path, reason) => void invalidRecords.push({ path, reason }),
      progress: () => {},
    }, signal);
    const conversion = await conversionOf(nodes, loaded, invalidRecords);
    return {
      ...conversion,
      notes: [`read ${nodes.length} nodes of ${address.join(",")}`, ...conversion.notes],
    };
  },
  isEnabled: ({ config }) => config.zookeeperSource.enabled,
  // The address is never asked, but a source without one is a mistake everywhere else.
  defaultConfig: JSON.stringify({ zookeeperSource: { enabled: true, address: ["localhost:2181"] } }),
};

async function conversionOf(
  nodes: readonly TreeNode[],
  loaded: LoadedConfig,
  invalidRecords: Conversion["invalidRecords"][number][],
): Promise<Conversion> {
  const { manifests, applicationInstances } = await convertTree(
    nodes,
    loaded,
    (record) => invalidRecords.push(record),
  );
  const asks = applicationInstances > 0 && loaded.config.zookeeperSource.metadataServiceTimeout > 0;
  const notes = asks
    ? ["a collector would also ask instances of applications; this reads the dump only"]
    : [];
  return { manifests, invalidRecords, notes };
}
