import { readOnce } from "../../../shared/collector/read-once.ts";
import type { ZookeeperSource } from "../../../shared/config/mod.ts";
import type { ZooKeeper } from "../../../shared/zookeeper/zookeeper.ts";
import { zookeeper } from "../registry.ts";
import { ZooKeeperView } from "../view/zookeeper-view.ts";
import type {
  Conversion,
  ConversionConfig,
  ConvertSource,
} from "../../../shared/collector/dry-run/convert-source.ts";
import { readDump } from "./convert-zookeeper-dump.ts";
import { ZooKeeperDump } from "./zookeeper-dump.ts";

/** ZooKeeper, for `meshctl convert`. */
export const zookeeperConvertSource: ConvertSource = {
  section: "zookeeperSource",
  convert: async (input, loaded, signal) => {
    const malformed: Conversion["invalidRecords"][number][] = [];
    const dump = new ZooKeeperDump(readDump(input, (record) => malformed.push(record)));
    const { config: { zookeeperSource } } = loaded;
    const { manifests, invalidRecords } = await convertDump(dump, zookeeperSource, loaded, signal);
    const asks = dump.hasApplications(zookeeperSource.applicationRoots) &&
      zookeeperSource.metadataServiceTimeout > 0;
    return {
      manifests,
      invalidRecords: [...malformed, ...invalidRecords],
      notes: asks ? ["a collector would also ask instances of applications; this reads the dump only"] : [],
    };
  },
  convertLive: async (address, loaded, signal) => {
    const source = { ...loaded.config.zookeeperSource, address: [...address] };
    const read = await readOnce((context) => zookeeper.open(source, context), loaded, "ZooKeeper", signal);
    return {
      manifests: read.manifests,
      invalidRecords: Array.from(read.invalidRecords, ([path, reason]) => ({ path, reason })),
      notes: [`read ${address.join(",")}`],
    };
  },
  convertAnew: async (loaded, running, signal) => {
    const { address, connectionTimeout, driver, username, password, tls, maxFrameBytes } =
      running.config.zookeeperSource;
    const connection = { address, connectionTimeout, driver, username, password, tls, maxFrameBytes };
    const source = { ...loaded.config.zookeeperSource, ...connection };
    const read = await readOnce((context) => zookeeper.open(source, context), loaded, "ZooKeeper", signal);
    const invalidRecords = Array.from(read.invalidRecords, ([path, reason]) => ({ path, reason }));
    return { manifests: read.manifests, invalidRecords, notes: [] };
  },
  isEnabled: ({ config }) => config.zookeeperSource.enabled,
  // The address is never asked, but a source without one is a mistake everywhere else.
  defaultConfig: JSON.stringify({ zookeeperSource: { enabled: true, address: ["localhost:2181"] } }),
};

async function convertDump(
  dump: ZooKeeper,
  source: ZookeeperSource,
  loaded: ConversionConfig,
  signal: AbortSignal,
): Promise<Pick<Conversion, "manifests" | "invalidRecords">> {
  // No instance runs that could be asked, and one reading is enough.
  const once: ZookeeperSource = {
    ...source,
    metadataServiceTimeout: 0,
    mode: "watching",
    watchingResyncCron: "",
  };
  const read = await readOnce(
    (context) => new ZooKeeperView(once, dump, context),
    loaded,
    "ZooKeeper",
    signal,
  );
  return {
    manifests: read.manifests,
    invalidRecords: Array.from(read.invalidRecords, ([path, reason]) => ({ path, reason })),
  };
}
