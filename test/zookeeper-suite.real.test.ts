import { describe } from "vitest";
import { openZooKeeper } from "../shared/zookeeper/open-zookeeper.ts";
import { loadNativePackage } from "../shared/zookeeper/native-package.ts";
import { requireReal } from "./servers/find.ts";
import { startZooKeeper, zooKeeperServerName, zooKeeperVersions } from "./servers/zookeeper.ts";
import { zooKeeperSuite } from "./zookeeper-suite.ts";

/** The package is nobody's dependency: who has it installed, tests it. */
function hasNativePackage(): boolean {
  try {
    loadNativePackage();
    return true;
  } catch {
    process.stderr.write('skipping tests of driver "native": package "zookeeper" is not installed\n');
    return false;
  }
}

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

describe.skipIf(requireReal("zookeeper-3.9").skip || !hasNativePackage())("With a real server", () => {
  zooKeeperSuite("ZooKeeper 3.9, native driver", {
    start: () => startZooKeeper(),
    open: (options) => openZooKeeper("native", options),
    hasTreeWatches: false,
    crowd: 10_000,
  });
});
