import type { DependencyEdge, DependencyNode } from "../../../shared/api/dependencies.ts";

/** Where a node stands, in pixels. */
export interface Placed {
  readonly node: DependencyNode;
  readonly x: number;
  readonly y: number;
}

/** A picture of a graph. */
export interface Layout {
  readonly placed: ReadonlyMap<string, Placed>;
  readonly width: number;
  readonly height: number;
}

/** The size of a node, and the room between nodes, in pixels. */
export const boxWidth = 210;
export const boxHeight = 24;
const columnStep = boxWidth + 90;
const rowStep = boxHeight + 8;

/**
 * Puts nodes into columns: two for each hop, since an application stands beside the services that it provides. Within a
 * column a node stands near the middle of those it is connected with in the column before, so that lines cross less.
 */
export function layoutOf(nodes: readonly DependencyNode[], edges: readonly DependencyEdge[]): Layout {
  const first = nodes[0]?.kind ?? "service";
  const columns: DependencyNode[][] = [];
  for (const node of nodes) (columns[columnOf(node, first)] ??= []).push(node);
  const neighbours = new Map<string, string[]>();
  for (const { from, to } of edges) {
    for (const [one, other] of [[from, to], [to, from]] as const) {
      const known = neighbours.get(one);
      if (known === undefined) neighbours.set(one, [other]);
      else known.push(other);
    }
  }
  const placed = new Map<string, Placed>();
  let height = 0;
  let x = 0;
  for (const column of columns) {
    if (column === undefined) continue;
    const middleOf = ({ id }: DependencyNode) => {
      const ys = (neighbours.get(id) ?? []).flatMap((other) => placed.get(other)?.y ?? []);
      return ys.length === 0 ? 0 : ys.reduce((sum, y) => sum + y, 0) / ys.length;
    };
    const sorted = column.map((node) => ({ node, at: middleOf(node) })).sort((a, b) => a.at - b.at);
    for (const [row, { node }] of sorted.entries()) placed.set(node.id, { node, x, y: row * rowStep });
    height = Math.max(height, column.length * rowStep);
    x += columnStep;
  }
  return { placed, width: Math.max(0, x - columnStep + boxWidth), height };
}

function columnOf({ hop, kind }: DependencyNode, first: DependencyNode["kind"]): number {
  // What was asked for stands alone; then, for each hop, what calls or is called, and what belongs to it.
  if (hop === 0) return kind === first ? 0 : 1;
  return 2 * hop + (kind === "application" ? 0 : 1);
}
