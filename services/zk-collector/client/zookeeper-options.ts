import { readFile } from "node:fs/promises";
import type { ZookeeperSource } from "../../../shared/config/mod.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import type { ZooKeeperOptions } from "../../../shared/zookeeper/zookeeper.ts";

/**
 * How a source reaches its ensemble, with the TLS files read.
 * @throws MeshError `configuration` for a file that can't be read.
 */
export async function zooKeeperOptions(source: ZookeeperSource): Promise<ZooKeeperOptions> {
  const { username, password, tls } = source;
  return {
    servers: source.address,
    sessionTimeoutMs: source.connectionTimeout,
    digest: username === "" ? undefined : { username, password },
    tls: tls && {
      ca: await readPem(tls.caFile, "caFile"),
      cert: await readPem(tls.certFile, "certFile"),
      key: await readPem(tls.keyFile, "keyFile"),
    },
    maxFrameBytes: source.maxFrameBytes,
  };
}

async function readPem(path: string, key: string): Promise<string | undefined> {
  if (path === "") return undefined;
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new MeshError("configuration", `zookeeperSource.tls.${key}: cannot read ${path}`, { cause: error });
  }
}
