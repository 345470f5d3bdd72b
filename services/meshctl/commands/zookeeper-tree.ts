import type { ZookeeperSource } from "../../../shared/config/mod.ts";
import { errorText, isMeshError } from "../../../shared/runtime/errors.ts";
import { openZooKeeper } from "../../../shared/zookeeper/open-zookeeper.ts";
import type { ZooKeeper } from "../../../shared/zookeeper/zookeeper.ts";
import { zooKeeperOptions } from "../../zk-collector/client/zookeeper-options.ts";
import type { TreeNode } from "../../zk-collector/dry-run/zookeeper-dump.ts";

/** How long to wait for a connection, in milliseconds. */
const connectTimeoutMs = 10_000;

/** Nodes that are read at the same time. */
const atOnce = 500;

/** What a reading tells on its way. */
export interface TreeReport {
  /** A node that can't be read; those below it are left out with it. */
  readonly unreadable: (path: string, reason: string) => void;
  /** So many nodes have been read. */
  readonly progress: (nodes: number) => void;
}

/**
 * Reads all nodes at and below some paths from a live ZooKeeper, sorted by path. Paths without a node are left out.
 * @throws MeshError `registry-unavailable` if there is no connection within 10 s, or it ends.
 */
export async function readTree(
  source: ZookeeperSource,
  roots: readonly string[],
  report: TreeReport,
  signal: AbortSignal,
): Promise<TreeNode[]> {
  await using zooKeeper = openZooKeeper(source.driver, await zooKeeperOptions(source));
  await zooKeeper.connected(AbortSignal.any([signal, AbortSignal.timeout(connectTimeoutMs)]));
  const nodes = new Map<string, TreeNode>();
  let level = [...new Set(roots)];
  while (level.length > 0) {
    const below: string[] = [];
    for (let from = 0; from < level.length; from += atOnce) {
      signal.throwIfAborted();
      const read = level.slice(from, from + atOnce).map((path) => readNode(zooKeeper, path, nodes, report));
      for (const children of await Promise.all(read)) below.push(...children);
      report.progress(nodes.size);
    }
    level = below.filter((path) => !nodes.has(path));
  }
  return [...nodes.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Adds a node; answers the paths of its children. */
async function readNode(
  zooKeeper: ZooKeeper,
  path: string,
  nodes: Map<string, TreeNode>,
  report: TreeReport,
): Promise<string[]> {
  try {
    const node = await zooKeeper.getData(path);
    if (node === undefined) return [];
    nodes.set(path, { path, data: Buffer.from(node.data).toString("utf8") });
    if (node.stat.childCount === 0) return [];
    const children = await zooKeeper.getChildren(path);
    return (children?.names ?? []).map((name) => `${path === "/" ? "" : path}/${name}`);
  } catch (error) {
    if (isMeshError(error, "registry-unavailable")) throw error;
    report.unreadable(path, errorText(error));
    return [];
  }
}
