import { ZooKeeperClient } from "./client.ts";
import { NativeZooKeeper } from "./native/driver.ts";
import type { ZooKeeper, ZooKeeperOptions } from "./zookeeper.ts";

/**
 * Opens a client with the driver that the configuration names: `pure` is ours, `native` the `zookeeper` package. It
 * connects in the background.
 * @throws MeshError `configuration` for servers that are none, or a driver that isn't to be had here.
 */
export function openZooKeeper(driver: "pure" | "native", options: ZooKeeperOptions): ZooKeeper {
  return driver === "native" ? new NativeZooKeeper(options) : new ZooKeeperClient(options);
}
