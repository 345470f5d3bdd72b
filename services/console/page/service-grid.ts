import { h } from "preact";
import type { ComponentChild, ComponentChildren } from "preact";
import type { ServiceRow } from "../../../shared/api/services.ts";
import { linkTo, routeOf } from "./route.ts";
import { columnsIn, windowOf } from "./rows.ts";
import type { Column } from "./rows.ts";
import { ServiceColumns } from "./service-columns.ts";
import { changed, known } from "./store.ts";
import { texts } from "./texts.ts";
import { badge } from "./ui.ts";

const words = texts.services;
const rowHeight = 40;

/** Widths of the columns, as a grid of CSS has them. */
const widths: Readonly<Record<Column, string>> = {
  name: "minmax(220px, 2fr)",
  host: "minmax(220px, 2.4fr)",
  sources: "minmax(110px, 1fr)",
  endpoints: "110px",
  flags: "minmax(150px, 1.2fr)",
  version: "minmax(150px, 1.2fr)",
  position: "minmax(240px, 1.6fr)",
};

let scrollTop = 0;
let height = 600;
let selected = "";
/** The selection in the URL when it was looked at last. */
let selectedInUrl = "";
/** The selected row that was scrolled to last. */
let scrolledTo = "";
/** The selection is written to the URL when the keys rest: browsers refuse many changes of it in a row. */
let resting: number | undefined;

/** What the grid shows. */
export interface ServiceGridOptions {
  readonly rows: readonly ServiceRow[];
  readonly sortedBy: Column;
  readonly isDescending: boolean;
  readonly parameters: Readonly<Record<string, string>>;
  /** Shows the table with other parameters. */
  readonly go: (parameters: Readonly<Record<string, string>>) => void;
}

/** The rows that can be seen; arrows choose one, which is a part of the URL. */
export function serviceGrid(options: ServiceGridOptions): ComponentChild {
  const { rows, sortedBy, isDescending, parameters, go } = options;
  const { row: wanted = "" } = parameters;
  if (wanted !== selectedInUrl) selected = selectedInUrl = wanted;
  const chosen = columnsIn(parameters["columns"] ?? "");
  const { first, count, before, after } = windowOf(rows.length, rowHeight, scrollTop, height);
  const now = performance.now();
  return h(
    "div",
    {
      class: "grid card",
      role: "grid",
      tabIndex: 0,
      "aria-label": words.title,
      "aria-rowcount": rows.length + 1,
      "aria-activedescendant": selected === "" ? undefined : rowId(selected),
      style: { "--columns": chosen.map((column) => widths[column]).join(" ") },
      ref: (element: HTMLElement | null) => {
        if (element === null || element.clientHeight === 0) return;
        if (element.clientHeight !== height) {
          height = element.clientHeight;
          changed();
        }
        reveal(element, rows);
      },
      onScroll: (event: Event) => {
        if (!(event.currentTarget instanceof HTMLElement)) return;
        ({ scrollTop } = event.currentTarget);
        changed();
      },
      onKeyDown: (event: KeyboardEvent) => onKey(event, rows),
    },
    h(ServiceColumns, {
      columns: chosen,
      sortedBy,
      isDescending,
      onSort: (column) =>
        go({ ...parameters, sort: column, order: column === sortedBy && !isDescending ? "down" : "" }),
    }),
    h("div", { class: "space", role: "presentation", style: { height: `${before}px` } }),
    rows.slice(first, first + count).map((row, index) => rowOf(row, first + index, now, chosen)),
    h("div", { class: "space", role: "presentation", style: { height: `${after}px` } }),
  );
}

function rowId(name: string): string {
  return `row-${name}`;
}

function rowOf(row: ServiceRow, index: number, now: number, chosen: readonly Column[]): ComponentChild {
  const { name } = row;
  const isFresh = (known.changedAt.get(name) ?? -Infinity) > now - 1_500;
  const classes = ["row", name === selected ? "selected" : "", isFresh ? "fresh" : ""].filter((each) =>
    each !== ""
  );
  return h(
    "div",
    {
      key: name,
      id: rowId(name),
      class: classes.join(" "),
      role: "row",
      "aria-rowindex": index + 2,
      "aria-selected": name === selected,
      onClick: () => location.assign(linkTo("service", { name })),
    },
    chosen.map((column) => h("span", { role: "gridcell", class: classOf[column] }, cellOf(row, column))),
  );
}

const classOf: Partial<Readonly<Record<Column, string>>> = {
  name: "name",
  host: "muted",
  endpoints: "number",
  version: "mono",
  position: "mono",
};

function cellOf({ name, hosts, sources, endpoints, flags, version, position }: ServiceRow, column: Column) {
  const cells: Readonly<Record<Column, () => ComponentChildren>> = {
    name: () => h("a", { href: linkTo("service", { name }), tabIndex: -1 }, name),
    host: () => `${hosts[0] ?? ""}${hosts.length > 1 ? ` +${hosts.length - 1}` : ""}`,
    sources: () => sources.join(", "),
    endpoints: () => endpoints,
    flags: () => flags.map((flag) => badge(words.flags[flag], flag === "rejected" ? "problem" : "note")),
    version: () => version,
    position: () => position,
  };
  return cells[column]();
}

/** Scrolls to a selection that came with the URL, once it is there. */
function reveal(grid: HTMLElement, rows: readonly ServiceRow[]): void {
  if (selected === "" || selected === scrolledTo) return;
  const index = rows.findIndex(({ name }) => name === selected);
  if (index === -1) return;
  scrolledTo = selected;
  show(grid, index);
}

function show(grid: HTMLElement, index: number): void {
  const top = index * rowHeight;
  const header = rowHeight;
  if (top < grid.scrollTop) grid.scrollTop = top;
  else if (top + rowHeight + header > grid.scrollTop + grid.clientHeight) {
    grid.scrollTop = top + rowHeight + header - grid.clientHeight;
  }
}

/** Arrows, Home and End choose a row, Enter opens it. */
function onKey(event: KeyboardEvent, rows: readonly ServiceRow[]): void {
  // A head of a column takes its own keys.
  if (event.target !== event.currentTarget || !(event.currentTarget instanceof HTMLElement)) return;
  const index = rows.findIndex(({ name }) => name === selected);
  const page = Math.max(1, Math.floor(height / rowHeight) - 2);
  const steps: Readonly<Record<string, number>> = {
    ArrowDown: index + 1,
    ArrowUp: index - 1,
    PageDown: index + page,
    PageUp: index - page,
    Home: 0,
    End: rows.length - 1,
  };
  if (event.key === "Enter" && index !== -1) {
    keepSelection();
    location.assign(linkTo("service", { name: selected }));
  }
  const wanted = steps[event.key];
  if (wanted === undefined) return;
  event.preventDefault();
  const next = Math.max(0, Math.min(rows.length - 1, wanted));
  selected = scrolledTo = rows[next]?.name ?? "";
  show(event.currentTarget, next);
  clearTimeout(resting);
  resting = window.setTimeout(keepSelection, 200);
  changed();
}

/** Writes the selection to the URL, which is the one to come back to. */
function keepSelection(): void {
  clearTimeout(resting);
  const { view, parameters } = routeOf(location.hash);
  if (view !== "services" || selected === selectedInUrl) return;
  selectedInUrl = selected;
  history.replaceState(null, "", linkTo("services", { ...parameters, row: selected }));
  changed();
}
