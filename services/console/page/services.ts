import { h } from "preact";
import type { ComponentChild } from "preact";
import type { ServiceFlag, ServicePage, ServiceRow } from "../../../shared/api/services.ts";
import { ServiceColumns } from "./service-columns.ts";
import { Answers } from "./loader.ts";
import { filtered, sorted, sortKeys, windowOf } from "./rows.ts";
import type { SortKey } from "./rows.ts";
import { linkTo } from "./route.ts";
import { changed, known } from "./store.ts";
import { texts } from "./texts.ts";
import { badge, sameInShell } from "./ui.ts";

const words = texts.services;
const rowHeight = 40;
const found = new Answers<ServicePage>();
const nobody: ReadonlySet<string> = new Set();

let scrollTop = 0;
let height = 600;
let selected = "";
/** What was typed and isn't in the URL yet. */
let typing: number | undefined;

/** The live table of services: only the rows that can be seen are in the page. */
export function servicesView(parameters: Readonly<Record<string, string>>): ComponentChild {
  const { q = "", source = "", flag = "", sort = "name", order = "" } = parameters;
  const key = sortKeys.find((each) => each === sort) ?? "name";
  const inside = insideOf(q);
  const rows = sorted(
    filtered(known.services.values(), { text: q, source, flag, inside }),
    key,
    order === "down",
  );
  return h(
    "div",
    { class: "fill" },
    h(
      "div",
      { class: "title" },
      h("h1", {}, words.title),
      h("span", { class: "muted", role: "status" }, countText(rows.length)),
    ),
    filters(parameters),
    rows.length === 0 ? nothingFits(q) : grid(rows, key, order === "down", parameters),
    sameInShell(commandOf(parameters)),
  );
}

/** Names that the aggregator finds by looking into endpoints, for what was typed. */
function insideOf(q: string): ReadonlySet<string> {
  if (q.trim().length < 3) return nobody;
  const { answer } = found.load(`/services?limit=1000&q=${encodeURIComponent(q.trim())}`);
  return answer === undefined ? nobody : new Set(answer.services.map(({ name }) => name));
}

function countText(shown: number): string {
  return known.hasServices ? words.shown(shown, known.services.size) : texts.loading;
}

function go(parameters: Readonly<Record<string, string>>): void {
  location.replace(linkTo("services", parameters));
}

function filters(parameters: Readonly<Record<string, string>>): ComponentChild {
  const sources = [...new Set([...known.services.values()].flatMap((row) => row.sources))].sort();
  const flagNames: readonly ServiceFlag[] = ["empty", "conflict", "rejected", "held", "unconfirmed"];
  return h(
    "form",
    { class: "filters", role: "search", onSubmit: (event: Event) => event.preventDefault() },
    h("input", {
      id: "filter",
      type: "search",
      // While a person types, the field is that person's: what comes in between draws the page anew.
      ref: (element: HTMLInputElement | null) => {
        const { q = "" } = parameters;
        if (element !== null && element !== document.activeElement && element.value !== q) element.value = q;
      },
      placeholder: words.filter,
      "aria-label": words.filter,
      autocomplete: "off",
      spellcheck: false,
      onInput: (event: Event) => {
        if (!(event.currentTarget instanceof HTMLInputElement)) return;
        const { value } = event.currentTarget;
        clearTimeout(typing);
        typing = window.setTimeout(() => go({ ...parameters, q: value }), 150);
      },
    }),
    choice(words.source, parameters["source"] ?? "", [
      ["", words.anySource],
      ...sources.map((each) => [each, each] as const),
    ], (source) => go({ ...parameters, source })),
    choice(words.flag, parameters["flag"] ?? "", [
      ["", words.anyFlag],
      ...flagNames.map((each) => [each, words.flags[each]] as const),
    ], (flag) => go({ ...parameters, flag })),
  );
}

function choice(
  label: string,
  value: string,
  options: readonly (readonly [string, string])[],
  onChoice: (value: string) => void,
): ComponentChild {
  return h(
    "select",
    {
      "aria-label": label,
      value,
      onChange: (event: Event) => {
        if (event.currentTarget instanceof HTMLSelectElement) onChoice(event.currentTarget.value);
      },
    },
    options.map(([each, text]) => h("option", { value: each, selected: each === value }, text)),
  );
}

function nothingFits(q: string): ComponentChild {
  if (!known.hasServices) return h("p", { class: "muted" }, texts.loading);
  return h(
    "div",
    { class: "card empty" },
    h("p", {}, known.services.size === 0 ? words.noneYet : words.none),
    q === "" ? undefined : h("p", {}, h("a", { href: linkTo("trace", { text: q }) }, words.trace)),
  );
}

function grid(
  rows: readonly ServiceRow[],
  key: SortKey,
  isDescending: boolean,
  parameters: Readonly<Record<string, string>>,
): ComponentChild {
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
      ref: (element: HTMLElement | null) => {
        if (element !== null && element.clientHeight !== 0 && element.clientHeight !== height) {
          height = element.clientHeight;
          changed();
        }
      },
      onScroll: (event: Event) => {
        if (!(event.currentTarget instanceof HTMLElement)) return;
        ({ scrollTop } = event.currentTarget);
        changed();
      },
      onKeyDown: (event: KeyboardEvent) => move(event, rows),
    },
    h(ServiceColumns, {
      sortedBy: key,
      isDescending,
      onSort: (column) =>
        go({ ...parameters, sort: column, order: column === key && !isDescending ? "down" : "" }),
    }),
    h("div", { class: "space", role: "presentation", style: { height: `${before}px` } }),
    rows.slice(first, first + count).map((row, index) => rowOf(row, first + index, now)),
    h("div", { class: "space", role: "presentation", style: { height: `${after}px` } }),
  );
}

function rowId(name: string): string {
  return `row-${name}`;
}

function rowOf(row: ServiceRow, index: number, now: number): ComponentChild {
  const { name, hosts, sources, endpoints, flags } = row;
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
    h(
      "span",
      { role: "gridcell", class: "name" },
      h("a", { href: linkTo("service", { name }), tabIndex: -1 }, name),
    ),
    h(
      "span",
      { role: "gridcell", class: "muted" },
      hosts[0] ?? "",
      hosts.length > 1 ? ` +${hosts.length - 1}` : "",
    ),
    h("span", { role: "gridcell" }, sources.join(", ")),
    h("span", { role: "gridcell", class: "number" }, endpoints),
    h(
      "span",
      { role: "gridcell" },
      flags.map((flag) => badge(words.flags[flag], flag === "rejected" ? "problem" : "note")),
    ),
  );
}

/** Arrows, Home and End choose a row, Enter opens it. */
function move(event: KeyboardEvent, rows: readonly ServiceRow[]): void {
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
  if (event.key === "Enter" && index !== -1) location.assign(linkTo("service", { name: selected }));
  const wanted = steps[event.key];
  if (wanted === undefined || !(event.currentTarget instanceof HTMLElement)) return;
  event.preventDefault();
  const next = Math.max(0, Math.min(rows.length - 1, wanted));
  selected = rows[next]?.name ?? "";
  const grid = event.currentTarget;
  const top = next * rowHeight;
  const header = rowHeight;
  if (top < grid.scrollTop) grid.scrollTop = top;
  else if (top + rowHeight + header > grid.scrollTop + grid.clientHeight) {
    grid.scrollTop = top + rowHeight + header - grid.clientHeight;
  }
  changed();
}

function commandOf({ q = "", source = "", flag = "" }: Readonly<Record<string, string>>): string {
  const parts = [
    "meshctl get services",
    q === "" ? "" : shellWord(q),
    source === "" ? "" : `--source ${shellWord(source)}`,
    flag === "" ? "" : `--flag ${flag}`,
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** A word that a shell takes as it is. */
export function shellWord(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
