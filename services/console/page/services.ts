import { h } from "preact";
import type { ComponentChild } from "preact";
import type { ServiceFlag, ServicePage, ServiceRow } from "../../../shared/api/services.ts";
import { Answers } from "./loader.ts";
import { linkTo, routeOf } from "./route.ts";
import { columns, filtered, sorted } from "./rows.ts";
import type { Column } from "./rows.ts";
import { serviceGrid } from "./service-grid.ts";
import { serviceTools } from "./service-tools.ts";
import { shellWord } from "./shell.ts";
import { known } from "./store.ts";
import { texts } from "./texts.ts";
import { sameInShell } from "./ui.ts";

const words = texts.services;
// A look into all endpoints costs the aggregator up to 70 ms.
const found = new Answers<ServicePage>({ restMs: 5_000 });

/** What was typed and isn't in the URL yet. */
let typing: number | undefined;

/** The live table of services: only the rows that can be seen are in the page. */
export function servicesView(parameters: Readonly<Record<string, string>>): ComponentChild {
  const { q = "", sort = "name", order = "" } = parameters;
  const sortedBy = columns.find((each) => each === sort) ?? "name";
  const isDescending = order === "down";
  const rows = rowsFor(parameters, sortedBy, isDescending);
  return h(
    "div",
    { class: "fill" },
    h(
      "div",
      { class: "title" },
      h("h1", {}, words.title),
      h("span", { class: "muted", role: "status" }, countText(rows.length)),
      serviceTools({ rows, parameters, go }),
    ),
    filters(parameters),
    rows.length === 0 ? nothingFits(q) : serviceGrid({ rows, sortedBy, isDescending, parameters, go }),
    sameInShell(commandOf(parameters)),
  );
}

/** The rows that were shown last, and what they were made of: most frames scroll, and change nothing of them. */
let last:
  | { readonly made: string; readonly page: ServicePage | undefined; readonly rows: readonly ServiceRow[] }
  | undefined;

function rowsFor(
  { q = "", source = "", flag = "" }: Readonly<Record<string, string>>,
  sortedBy: Column,
  isDescending: boolean,
): readonly ServiceRow[] {
  const page = insideOf(q);
  const made = JSON.stringify([known.servicesRevision, q, source, flag, sortedBy, isDescending]);
  if (last?.made === made && last.page === page) return last.rows;
  const inside = new Set(page?.services.map(({ name }) => name));
  const rows = sorted(
    filtered(known.services.values(), { text: q, source, flag, inside }),
    sortedBy,
    isDescending,
  );
  last = { made, page, rows };
  return rows;
}

/** What the aggregator finds by looking into endpoints, for what was typed. */
function insideOf(q: string): ServicePage | undefined {
  if (q.trim().length < 3) return undefined;
  return found.load(`/services?limit=1000&q=${encodeURIComponent(q.trim())}`).answer;
}

function countText(shown: number): string {
  return known.hasServices ? words.shown(shown, known.services.size) : texts.loading;
}

function go(parameters: Readonly<Record<string, string>>): void {
  location.replace(linkTo("services", parameters));
}

let lastSources: { readonly revision: number; readonly names: readonly string[] } | undefined;

/** The sources of all services. */
function sourceNames(): readonly string[] {
  const { services, servicesRevision: revision } = known;
  if (lastSources?.revision !== revision) {
    const names = [...new Set(services.values().flatMap(({ sources }) => sources))].sort();
    lastSources = { revision, names };
  }
  return lastSources.names;
}

function filters(parameters: Readonly<Record<string, string>>): ComponentChild {
  const sources = sourceNames();
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
        typing = window.setTimeout(() => go({ ...routeOf(location.hash).parameters, q: value }), 150);
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

function commandOf({ q = "", source = "", flag = "" }: Readonly<Record<string, string>>): string {
  const parts = [
    "meshctl get services",
    q === "" ? "" : shellWord(q),
    source === "" ? "" : `--source ${shellWord(source)}`,
    flag === "" ? "" : `--flag ${flag}`,
  ];
  return parts.filter((part) => part !== "").join(" ");
}
