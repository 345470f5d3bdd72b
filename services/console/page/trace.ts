import { h } from "preact";
import type { ComponentChild } from "preact";
import type { StageName, Trace, TraceStage, TraceVerdict } from "../../../shared/api/trace.ts";
import { Answers } from "./loader.ts";
import { linkTo } from "./route.ts";
import { shellWord } from "./shell.ts";
import { changed } from "./store.ts";
import { texts } from "./texts.ts";
import { badge, fieldOf, pending, sameInShell } from "./ui.ts";

const words = texts.trace;
const traces = new Answers<Trace>();
const helps = new Answers<
  { readonly reasons: readonly { readonly code: string; readonly title: string; readonly help: string }[] }
>({ isLive: false });

/** Ways to ask; `auto` takes an address for an instance, and everything else for a service. */
const ways = ["auto", "instance", "host", "service", "application"] as const;

/** The way of an instance or a service, station by station. */
export function traceView({ by = "auto", text = "" }: Readonly<Record<string, string>>): ComponentChild {
  const path = pathOf(by, text);
  const { answer, error, isLoading } = text === ""
    ? { answer: undefined, error: undefined, isLoading: false }
    : traces.load(path);
  return h(
    "div",
    {},
    h("h1", {}, words.title),
    h("p", { class: "muted lead" }, words.intro),
    question(by, text),
    text === ""
      ? undefined
      : answer === undefined
      ? isLoading ? pending(undefined) : pending(error)
      : result(answer),
    sameInShell(
      text === "" ? "meshctl trace 10.0.0.7:20880" : `meshctl trace --${wayOf(by, text)} ${shellWord(text)}`,
    ),
  );
}

function wayOf(by: string, text: string): string {
  return by === "auto" ? guess(text) : by;
}

function pathOf(by: string, text: string): string {
  return `/trace?${wayOf(by, text)}=${encodeURIComponent(text)}`;
}

/** What a text most likely is. */
function guess(text: string): string {
  const isAddress = /^\d+\.\d+\.\d+\.\d+(?::\d+)?$/.test(text) || /^\[.*\](?::\d+)?$/.test(text) ||
    (/^[0-9a-f:]+$/i.test(text) && text.split(":").length > 2);
  return isAddress ? "instance" : "service";
}

function question(by: string, text: string): ComponentChild {
  return h(
    "form",
    {
      class: "filters",
      onSubmit: (event: Event) => {
        event.preventDefault();
        if (!(event.currentTarget instanceof HTMLFormElement)) return;
        const form = new FormData(event.currentTarget);
        const [by, wanted] = [fieldOf(form, "by"), fieldOf(form, "text")];
        // The same question asks again.
        traces.forget(pathOf(by, wanted));
        location.assign(linkTo("trace", { by, text: wanted }));
        changed();
      },
    },
    h(
      "select",
      { name: "by", "aria-label": words.byLabel },
      ways.map((way) => h("option", { value: way, selected: way === by }, words.by[way])),
    ),
    h("input", {
      id: "filter",
      name: "text",
      type: "search",
      key: text,
      defaultValue: text,
      placeholder: words.placeholder,
      "aria-label": words.label,
      autocomplete: "off",
      spellcheck: false,
    }),
    h("button", { type: "submit", class: "primary" }, words.go),
  );
}

/** The stages of the collector, of the aggregator and of the clients. */
const groups: Readonly<Record<keyof typeof words.groups, readonly StageName[]>> = {
  collector: ["registry", "selection", "name", "conversion", "rules", "publishing"],
  aggregator: ["stream", "check", "doubt", "conflicts", "address"],
  client: ["push", "acknowledgement", "istiod"],
};

function result({ verdict, summary, services, stages }: Trace): ComponentChild {
  return h(
    "div",
    {},
    h(
      "div",
      { class: `verdict card ${verdict}`, role: "status" },
      badge(words.verdicts[verdict], verdict),
      h("strong", {}, summary),
      services.length === 0 ? undefined : h(
        "span",
        { class: "muted" },
        `${words.serves} `,
        services.map((name) => h("a", { href: linkTo("service", { name }) }, name)),
      ),
    ),
    h(
      "div",
      { class: "line" },
      (["collector", "aggregator", "client"] as const).map((group) =>
        h(
          "section",
          { class: "leg" },
          h("h2", {}, words.groups[group]),
          h(
            "ol",
            { class: "stations" },
            stages.filter(({ stage }) => groups[group].includes(stage)).map(stationOf),
          ),
        )
      ),
    ),
  );
}

function stationOf({ stage, verdict, verdicts }: TraceStage): ComponentChild {
  return h(
    "li",
    { class: `stop ${verdict}` },
    h("span", { class: "mark", "aria-hidden": "true" }, marks[verdict]),
    h(
      "div",
      { class: "what" },
      h("h3", {}, words.stages[stage], h("span", { class: "hidden" }, `: ${words.verdicts[verdict]}`)),
      verdict === "skipped" ? h("p", { class: "muted" }, words.skipped) : grouped(verdicts).map(verdictOf),
    ),
  );
}

const marks: Readonly<Record<TraceStage["verdict"], string>> = {
  ok: "✓",
  note: "i",
  problem: "!",
  unknown: "?",
  skipped: "",
};

/** Findings of several records with one code and one source: the first, and the others below it. */
interface Findings {
  readonly first: TraceVerdict;
  readonly others: readonly TraceVerdict[];
}

function grouped(verdicts: readonly TraceVerdict[]): readonly Findings[] {
  const groups = Object.values(Object.groupBy(verdicts, ({ code, source }) => `${code} ${source}`));
  return groups.flatMap((group = []) => {
    const [first, ...rest] = group;
    if (first === undefined) return [];
    const texts = new Set([first.text]);
    const others = rest.filter(({ text }) => !texts.has(text) && texts.add(text));
    return [{ first, others }];
  });
}

function verdictOf({ first: { code, text, source, details, verdict }, others }: Findings): ComponentChild {
  const entries = Object.entries(details);
  const help = helps.load("/reasons").answer?.reasons.find((reason) => reason.code === code);
  return h(
    "div",
    { class: "finding" },
    h(
      "p",
      {},
      source === null ? undefined : h("span", { class: "label" }, source),
      text,
      h("span", { class: "code" }, code),
    ),
    verdict === "ok" && entries.length + others.length === 0 ? undefined : h(
      "details",
      { open: verdict === "problem" },
      h("summary", {}, verdict === "ok" ? words.more(others.length) : words.mend),
      others.map((other) => h("p", {}, other.text)),
      help === undefined ? undefined : h("p", {}, help.help),
      h(
        "dl",
        { class: "details" },
        entries.map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value))),
      ),
    ),
  );
}
