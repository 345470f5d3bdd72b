import { h } from "preact";
import type { ComponentChild } from "preact";
import type { HeldEntry, HeldPreview, Released } from "../../../shared/api/actions.ts";
import { act, hasOperatorToken, NoAnswer, setOperatorToken } from "./api.ts";
import { Answers } from "./loader.ts";
import { linkTo } from "./route.ts";
import { shellWord } from "./shell.ts";
import { changed, known } from "./store.ts";
import { texts } from "./texts.ts";
import { badge, fieldOf, nothing, pending, sameInShell, section, table } from "./ui.ts";

const words = texts.release;
// A collector converts what it holds for each answer, so it isn't asked again for every change of a service.
const previews = new Answers<HeldPreview>({ isLive: false });

/** Maximum number of rows. */
const maxRows = 500;

/** How many losses were held when the preview was asked for. */
let heldThen: number | undefined;

/** What has become of the last attempt. */
let outcome:
  | { readonly source: string; readonly done?: Released; readonly error?: string }
  | "running"
  | undefined;

/** What releasing the held losses of a source would do, and the button that does it. */
export function releaseView({ source = "" }: Readonly<Record<string, string>>): ComponentChild {
  const path = `/held/preview?source=${encodeURIComponent(source)}`;
  if (known.overview?.held !== heldThen) {
    heldThen = known.overview?.held;
    previews.forget(path);
  }
  const { answer, error } = previews.load(path);
  return h(
    "div",
    { class: "stack" },
    h("p", { class: "crumb" }, h("a", { href: linkTo("problems") }, `← ${texts.views.problems}`)),
    h("h1", {}, words.title(source)),
    h("p", { class: "muted lead" }, words.intro),
    said(source),
    answer === undefined ? pending(error) : previewOf(answer),
    sameInShell(`meshctl held release --source ${shellWord(source)}`),
  );
}

function said(source: string): ComponentChild {
  if (outcome === undefined || outcome === "running" || outcome.source !== source) return undefined;
  const { done, error } = outcome;
  if (error !== undefined) return h("p", { class: "failed", role: "alert" }, error);
  if (done === undefined) return undefined;
  const held = done.released + done.collectors.reduce((sum, collector) => sum + collector.held, 0);
  return h("p", { class: "well", role: "status" }, words.done(held));
}

function previewOf(preview: HeldPreview): ComponentChild {
  const { source, entries, unnamed, clients } = preview;
  const count = entries.length + unnamed;
  if (count === 0) return section(words.preview, nothing(texts.problems.heldNone));
  return h(
    "div",
    { class: "stack" },
    section(
      words.preview,
      h("p", {}, words.clients(clients)),
      table(words.columns, entries.slice(0, maxRows).map(rowOf), words.preview),
      unnamed === 0 ? undefined : h("p", { class: "remark" }, words.unnamed(unnamed)),
    ),
    form(source, count),
  );
}

function rowOf({ name, heldBy, heldMs, outcome: becomes, endpoints, left, going }: HeldEntry) {
  return [
    h("a", { href: linkTo("service", { name }) }, name),
    badge(words.outcomes[becomes], becomes === "shrunk" ? "note" : "problem"),
    `${endpoints} → ${left}`,
    h("span", { class: "labels" }, going.map((endpoint) => h("span", { class: "label" }, endpoint))),
    heldBy,
    `${Math.round(heldMs / 1000)} s`,
  ];
}

function form(source: string, count: number): ComponentChild {
  return h(
    "form",
    {
      class: "card action",
      "aria-label": words.title(source),
      onSubmit: (event: Event) => {
        event.preventDefault();
        if (!(event.currentTarget instanceof HTMLFormElement)) return;
        const token = fieldOf(new FormData(event.currentTarget), "token");
        if (token !== "") setOperatorToken(token);
        void release(source);
      },
    },
    hasOperatorToken() ? undefined : h("label", { for: "operator" }, words.token),
    hasOperatorToken()
      ? undefined
      : h("input", { id: "operator", name: "token", type: "password", autocomplete: "off" }),
    h("button", { type: "submit", class: "danger", disabled: outcome === "running" }, words.go(count)),
    h("p", { class: "muted" }, words.tokenHelp),
  );
}

async function release(source: string): Promise<void> {
  outcome = "running";
  changed();
  try {
    outcome = { source, done: await act<Released>("/held/release", { source }) };
  } catch (error) {
    const isRefused = error instanceof NoAnswer && error.status === 401;
    if (isRefused) setOperatorToken("");
    const text = error instanceof Error ? error.message : String(error);
    outcome = { source, error: isRefused ? words.wrongToken : text };
  }
  heldThen = undefined;
  changed();
}
