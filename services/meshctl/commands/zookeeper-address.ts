import { loadConfig, readSettingsFile } from "../../../shared/config/mod.ts";
import type { LoadedConfig } from "../../../shared/config/mod.ts";
import type { CommandLine } from "../../../shared/runtime/command-line.ts";

/**
 * The configuration to reach ZooKeeper with: that of `--config` (its credentials and TLS, too), at the servers of
 * `--address`, if that is given.
 * @throws MeshError `configuration`
 */
export async function configWithAddress(line: CommandLine): Promise<LoadedConfig> {
  const file = line.text("config");
  const address = line.text("address")?.split(",");
  const byDefault = { zookeeperSource: { enabled: true, address: address ?? ["127.0.0.1:2181"] } };
  if (file === undefined) {
    return loadConfig(JSON.stringify(byDefault), { env: process.env, fileName: "--address" });
  }
  const loaded = await readSettingsFile(file, process.env);
  if (address === undefined) return loaded;
  const { config } = loaded;
  return { ...loaded, config: { ...config, zookeeperSource: { ...config.zookeeperSource, address } } };
}
