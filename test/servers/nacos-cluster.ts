import { freePortWith } from "./free-port.ts";
import { nacosPortDistances, startNacos } from "./nacos.ts";
import type { NacosLine, NacosServer } from "./nacos.ts";

/**
 * Starts a real Nacos cluster of so many nodes on loopback, with storage of its own. A node waits for its database no
 * longer than 30 seconds, and its start takes all processors: so the next node begins when the one before has made its
 * tables. Needs half a gigabyte of memory for each node.
 */
export async function startNacosCluster(line: NacosLine, nodes: number): Promise<readonly NacosServer[]> {
  const ports: number[] = [];
  while (ports.length < nodes) ports.push(await freePortWith(nacosPortDistances));
  const members = ports.map((port) => `127.0.0.1:${port}`);
  const starting: Promise<NacosServer>[] = [];
  for (const port of ports) {
    const { promise: hasDatabase, resolve: onDatabase } = Promise.withResolvers<void>();
    const node = startNacos({ line, port, cluster: { members, onDatabase } });
    starting.push(node);
    // One that fails is looked at below.
    await Promise.race([hasDatabase, Promise.allSettled([node])]);
  }
  const started = await Promise.allSettled(starting);
  const servers = started.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
  if (servers.length === nodes) return servers;
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  throw new AggregateError(started.flatMap((one) => one.status === "rejected" ? [one.reason] : []));
}
