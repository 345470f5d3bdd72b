import { describe } from "vitest";
import { openZooKeeper } from "../../shared/zookeeper/open-zookeeper.ts";
import { requireReal, useServer } from "../servers/find.ts";
import { startZooKeeper, zooKeeperServerName, zooKeeperVersions } from "../servers/zookeeper.ts";
import { zooKeeperSuite } from "./zookeeper-suite.ts";

for (const version of zooKeeperVersions) {
  describe.skipIf(requireReal(zooKeeperServerName(version)).skip)("With a real server", () => {
    zooKeeperSuite(`ZooKeeper ${version}, pure driver`, {
      start: () => startZooKeeper({ version }),
      open: (options) => openZooKeeper("pure", options),
      hasTreeWatches: version !== "3.4",
      crowd: version === "3.4" ? 100_000 : 10_000,
    });
  });
}

describe.skipIf(requireReal("zookeeper-3.9", "zookeeper-native").skip)("With a real server", () => {
  zooKeeperSuite("ZooKeeper 3.9, native driver", {
    start: () => {
      useServer("zookeeper-native");
      return startZooKeeper();
    },
    // Node finds the package by NODE_PATH, which vitest.config.ts sets.
    open: (options) => openZooKeeper("native", options),
    hasTreeWatches: false,
    crowd: 10_000,
  });
});
