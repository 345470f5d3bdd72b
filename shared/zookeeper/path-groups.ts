/** A node that is to be read. */
export interface NodeToRead {
  /** The client's path. */
  readonly path: string;
  /** The same on the server, with the chroot. */
  readonly onServer: string;
}

/** More paths in a request make it little faster, and answers unwieldy: servers take and send each in one piece. */
const mostPaths = 100;

/** Servers hang up on requests above `jute.maxbuffer`, 1 MiB by default. */
const mostBytes = 512 * 1024;

/** Splits nodes, in their order, into those that one request may ask for. A node with a long path is alone. */
export function pathGroups(nodes: readonly NodeToRead[]): NodeToRead[][] {
  const groups: NodeToRead[][] = [];
  let group: NodeToRead[] = [];
  let bytes = 0;
  for (const node of nodes) {
    // A unit of UTF-16 takes three bytes at most; with each path there are 14 more.
    const size = node.onServer.length * 3 + 14;
    if (group.length > 0 && (group.length === mostPaths || bytes + size > mostBytes)) {
      groups.push(group);
      group = [];
      bytes = 0;
    }
    group.push(node);
    bytes += size;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
