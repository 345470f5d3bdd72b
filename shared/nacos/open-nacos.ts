import { NacosClient } from "./client.ts";
import type { Nacos, NacosOptions } from "./nacos.ts";

/**
 * Opens a client of a Nacos cluster. Nothing is asked before something is wanted.
 * @throws MeshError `configuration` for servers that are none, or a driver that isn't to be had here.
 */
export function openNacos(options: NacosOptions): Nacos {
  return new NacosClient(options);
}
