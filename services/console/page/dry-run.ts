import { h } from "preact";
import type { ComponentChild } from "preact";
import type { ComparedEntry, Comparison } from "../../../shared/api/compare.ts";
import type { Converted } from "../../../shared/api/convert.ts";
import type { SourceState } from "../../../shared/api/state.ts";
import { act, ask, hasOperatorToken, NoAnswer, setOperatorToken } from "./api.ts";
import { differenceList } from "./differences.ts";
import { dryRunQuestion } from "./dry-run-question.ts";
import { Answers } from "./loader.ts";
import { linkTo } from "./route.ts";
import { shellWord } from "./shell.ts";
import { changed } from "./store.ts";
import { texts } from "./texts.ts";
import { badge, fieldOf, nothing, sameInShell, section } from "./ui.ts";
import type { Tone } from "./ui.ts";

const words = texts.dryRun;
const sources = new Answers<{ readonly sources: readonly SourceState[] }>();

/** Maximum number of resources that are shown. */
const maxShown = 300;

let state:
  | { readonly is: "idle" }
  | { readonly is: "running" }
  | { readonly is: "failed"; readonly why: string }
  | { readonly is: "done"; readonly comparison: Comparison | Converted } = { is: "idle" };

/** Paste a registry's answer, or what a dry run produced, and see what it would change. Nothing is published. */
export function dryRunView({ source = "" }: Readonly<Record<string, string>>): ComponentChild {
  const keys = sources.load("/sources").answer?.sources.map(({ key }) => key) ?? [];
  const chosen = source === "" ? keys[0] ?? "" : source;
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, words.title),
    h("p", { class: "muted lead" }, words.intro),
    question(keys, chosen),
    h("div", { "aria-live": "polite", class: "stack" }, result()),
    sameInShell(
      `meshctl convert --source ${shellWord(chosen === "" ? "eureka" : chosen)} --input answer.json --diff`,
    ),
  );
}

function question(keys: readonly string[], chosen: string): ComponentChild {
  return h(
    "form",
    {
      class: "card form",
      onSubmit: (event: Event) => {
        event.preventDefault();
        if (event.currentTarget instanceof HTMLFormElement) void compare(new FormData(event.currentTarget));
      },
    },
    h("label", { for: "dry-source" }, words.source),
    h(
      "select",
      {
        id: "dry-source",
        name: "source",
        onChange: (event: Event) => {
          if (event.currentTarget instanceof HTMLSelectElement) {
            location.replace(linkTo("dryrun", { source: event.currentTarget.value }));
          }
        },
      },
      keys.map((key) => h("option", { value: key, selected: key === chosen }, key)),
    ),
    h("label", { for: "dry-text" }, words.paste),
    h("textarea", {
      id: "dry-text",
      name: "text",
      rows: 10,
      spellcheck: false,
      placeholder: words.placeholder,
    }),
    h("label", { for: "dry-file" }, words.file),
    h("input", { id: "dry-file", name: "file", type: "file", accept: ".json,.yaml,.yml" }),
    h(
      "details",
      {},
      h("summary", {}, words.otherConfiguration),
      h("label", { for: "dry-configuration" }, words.configuration),
      h("textarea", { id: "dry-configuration", name: "configuration", rows: 6, spellcheck: false }),
      hasOperatorToken() ? undefined : h("label", { for: "dry-token" }, words.token),
      hasOperatorToken()
        ? undefined
        : h("input", { id: "dry-token", name: "token", type: "password", autocomplete: "off" }),
    ),
    h("button", { type: "submit", class: "primary", disabled: state.is === "running" }, words.go),
  );
}

async function compare(form: FormData): Promise<void> {
  state = { is: "running" };
  changed();
  try {
    const file = form.get("file");
    const text = file instanceof File && file.size > 0 ? await file.text() : fieldOf(form, "text");
    const question = dryRunQuestion(fieldOf(form, "source"), text, fieldOf(form, "configuration"));
    const token = fieldOf(form, "token");
    if (token !== "") setOperatorToken(token);
    // Reading a registry anew is an action; a pasted text is a question.
    const comparison = "answer" in question.body || "manifests" in question.body
      ? await ask<Comparison | Converted>(question.path, question)
      : await act<Converted>(question.path, question.body);
    state = { is: "done", comparison };
  } catch (error) {
    state = { is: "failed", why: reasonOf(error) };
  }
  changed();
}

function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return `${words.noJson} ${error.message}`;
  if (!(error instanceof NoAnswer && error.status === 401)) {
    return error instanceof Error ? error.message : String(error);
  }
  setOperatorToken("");
  return texts.release.wrongToken;
}

function result(): ComponentChild {
  switch (state.is) {
    case "idle":
      return undefined;
    case "running":
      return nothing(texts.loading);
    case "failed":
      return h("p", { class: "failed", role: "alert" }, state.why);
    case "done":
      return [
        section(
          words.result,
          h(
            "div",
            { class: "labels" },
            outcomes.map((outcome) =>
              badge(
                `${state.is === "done" ? state.comparison.counts[outcome] ?? 0 : 0} ${
                  words.outcomes[outcome]
                }`,
                tones[outcome],
              )
            ),
          ),
          state.comparison.entries.length === 0 ? nothing(words.nothing) : undefined,
          "notes" in state.comparison ? remarks(state.comparison) : undefined,
        ),
        ...state.comparison.entries.slice(0, maxShown).map(entryOf),
        state.comparison.entries.length > maxShown
          ? nothing(words.more(state.comparison.entries.length - maxShown))
          : undefined,
      ];
  }
}

/** How the answer was understood, and the records that were left out. */
function remarks({ notes, invalidRecords, moreInvalidRecords }: Converted): ComponentChild {
  const left = Math.max(0, invalidRecords.length - maxShown) + moreInvalidRecords;
  const lines = [
    ...notes,
    ...invalidRecords.slice(0, maxShown).map(({ path, reason }) => words.leftOut(path, reason)),
    ...(left === 0 ? [] : [words.moreLeftOut(left)]),
  ];
  if (lines.length === 0) return undefined;
  return h(
    "ul",
    { "aria-label": words.remarks },
    lines.map((line) => h("li", { class: "remark" }, line)),
  );
}

const outcomes: readonly ComparedEntry["outcome"][] = ["new", "changed", "gone", "rejected", "same"];
const tones: Readonly<Record<ComparedEntry["outcome"], Tone>> = {
  new: "ok",
  changed: "note",
  gone: "problem",
  rejected: "problem",
  same: "plain",
};

function entryOf(entry: ComparedEntry): ComponentChild {
  const { kind, name, outcome, violations, differences } = entry;
  return h(
    "section",
    { class: "card compared", key: `${kind} ${name}` },
    h(
      "h2",
      {},
      badge(words.outcomes[outcome], tones[outcome]),
      h("span", { class: "label" }, kind),
      kind === "ServiceEntry" && outcome !== "new"
        ? h("a", { href: linkTo("service", { name }) }, name)
        : name,
    ),
    violations.length === 0 ? undefined : h(
      "ul",
      {},
      violations.map(({ rule, message }) => h("li", { class: "remark" }, `${rule}: ${message}`)),
    ),
    differences.length === 0 ? undefined : differenceList(entry, name),
  );
}
