import type { RegistryKind } from "../../shared/collector/registry.ts";
import { enabledSources } from "../../shared/config/mod.ts";
import type { ZookeeperSource } from "../../shared/config/mod.ts";
import { openZooKeeper } from "../../shared/zookeeper/open-zookeeper.ts";
import { zooKeeperOptions } from "./client/zookeeper-options.ts";
import { ZooKeeperView } from "./view/zookeeper-view.ts";

/** ZooKeeper, as the collectors' frame sees it. */
export const zookeeper: RegistryKind<ZookeeperSource> = {
  name: "zookeeper",
  title: "ZooKeeper",
  service: "zk-collector",
  purpose:
    "Reads ZooKeeper (Dubbo, Spring Cloud) and publishes its services as ServiceEntries to the entry log in NATS.",
  httpAddress: "127.0.0.1:8083",
  configKey: "zookeeperSource",
  sourcesOf: (config) => enabledSources(config, "zookeeperSource"),
  patchesLabels: ({ labelPatch }) => labelPatch,
  dryRunThread: new URL("./dry-run/worker.ts", import.meta.url),
  open: async (source, context) => {
    const options = { ...await zooKeeperOptions(source), requested: context.requested };
    return new ZooKeeperView(source, openZooKeeper(source.driver, options), context);
  },
};
