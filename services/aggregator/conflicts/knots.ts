/** A node while its knot is looked for. */
interface Visit<Node> {
  readonly node: Node;
  readonly index: number;
  /** The earliest node of the path that it leads back to. */
  low: number;
  isOpen: boolean;
  readonly next: Iterator<Node>;
}

/**
 * Orders nodes so that each comes after all that it waits for. Nodes that wait for each other, directly or not, are one
 * list of the result, all others are lists of one (the strongly connected components, Tarjan 1972). Costs as much as
 * there are nodes and ways between them; a chain may be as long as memory lasts.
 */
export function knots<Node>(
  nodes: Iterable<Node>,
  waitsFor: (node: Node) => Iterable<Node>,
): readonly (readonly Node[])[] {
  const visits = new Map<Node, Visit<Node>>();
  const found: Node[][] = [];
  /** Nodes whose knot isn't complete, in the order of their visits. */
  const open: Visit<Node>[] = [];
  // In place of a recursion.
  const path: Visit<Node>[] = [];
  const begin = (node: Node) => {
    const index = visits.size;
    const visit = { node, index, low: index, isOpen: true, next: waitsFor(node)[Symbol.iterator]() };
    visits.set(node, visit);
    open.push(visit);
    path.push(visit);
  };
  for (const first of nodes) {
    if (visits.has(first)) continue;
    begin(first);
    for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
      const next = last.next.next();
      if (next.done !== true) {
        const known = visits.get(next.value);
        if (known === undefined) begin(next.value);
        else if (known.isOpen) last.low = Math.min(last.low, known.index);
        continue;
      }
      path.pop();
      const before = path.at(-1);
      if (before !== undefined) before.low = Math.min(before.low, last.low);
      if (last.low !== last.index) continue;
      const knot = open.splice(open.lastIndexOf(last));
      for (const visit of knot) visit.isOpen = false;
      found.push(knot.map(({ node }) => node));
    }
  }
  return found;
}
