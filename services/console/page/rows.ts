import type { ServiceRow } from "../../../shared/api/services.ts";

/** The columns of the table of services, each of which sorts it. */
export const columns = ["name", "host", "sources", "endpoints", "flags", "version", "position"] as const;
export type Column = (typeof columns)[number];

/** The columns that are shown unless a person chooses others. */
export const usualColumns: readonly Column[] = ["name", "host", "sources", "endpoints", "flags"];

/** The columns that a text names, in the order of the table; the name is always there. Empty: the usual ones. */
export function columnsIn(text: string): readonly Column[] {
  if (text === "") return usualColumns;
  const named = new Set(text.split(","));
  return columns.filter((column) => column === "name" || named.has(column));
}

/** The text that names these columns; empty for the usual ones. */
export function columnsText(chosen: readonly Column[]): string {
  const text = columns.filter((column) => column !== "name" && chosen.includes(column)).join(",");
  if (text === usualColumns.filter((column) => column !== "name").join(",")) return "";
  return text === "" ? "name" : text;
}

/** What is shown of all services. */
export interface RowFilter {
  readonly text: string;
  readonly source: string;
  readonly flag: string;
  /** Names that the aggregator has found by looking into endpoints. */
  readonly inside: ReadonlySet<string>;
}

/** The rows that fit. */
export function filtered(
  rows: Iterable<ServiceRow>,
  { text, source, flag, inside }: RowFilter,
): ServiceRow[] {
  const part = text.trim().toLowerCase();
  const fitting: ServiceRow[] = [];
  for (const row of rows) {
    if (source !== "" && !row.sources.includes(source)) continue;
    if (flag !== "" && !row.flags.some((each) => each === flag)) continue;
    if (
      part === "" || row.name.toLowerCase().includes(part) || row.hosts.some((host) => host.includes(part)) ||
      inside.has(row.name)
    ) fitting.push(row);
  }
  return fitting;
}

/** The rows in order; ties are decided by name. */
export function sorted(rows: readonly ServiceRow[], key: Column, isDescending: boolean): ServiceRow[] {
  const sign = isDescending ? -1 : 1;
  return rows.toSorted((a, b) => sign * (compare(a, b, key) || (a.name < b.name ? -1 : 1)));
}

function compare(a: ServiceRow, b: ServiceRow, key: Column): number {
  switch (key) {
    case "name":
      return 0;
    case "endpoints":
      return a.endpoints - b.endpoints;
    case "version":
      return compareTexts(a.version, b.version);
    case "position":
      return compareTexts(a.position, b.position);
    case "host":
      return compareTexts(a.hosts[0] ?? "", b.hosts[0] ?? "");
    case "sources":
      return compareTexts(a.sources.join(), b.sources.join());
    case "flags":
      return compareTexts(a.flags.join(), b.flags.join());
  }
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Which rows of a long table have to be there, and how much room stands for the others. */
export interface RowWindow {
  readonly first: number;
  readonly count: number;
  readonly before: number;
  readonly after: number;
}

/** The rows that can be seen, and some above and below. All lengths in pixels. */
export function windowOf(
  rows: number,
  rowHeight: number,
  scrollTop: number,
  height: number,
  margin = 12,
): RowWindow {
  const first = Math.max(0, Math.min(rows, Math.floor(scrollTop / rowHeight)) - margin);
  const last = Math.min(rows, Math.ceil((scrollTop + height) / rowHeight) + margin);
  const count = Math.max(0, last - first);
  return { first, count, before: first * rowHeight, after: (rows - first - count) * rowHeight };
}
