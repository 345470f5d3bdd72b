import { h } from "preact";
import type { ComponentChild, ComponentChildren } from "preact";
import type { Notice, Overview, SourceState } from "../../../shared/api/state.ts";
import { Answers } from "./loader.ts";
import { linkTo } from "./route.ts";
import type { Rates } from "./rates.ts";
import { changed, known } from "./store.ts";
import { duration, texts } from "./texts.ts";
import { commandLine, dot, pending, sameInShell } from "./ui.ts";
import type { Tone } from "./ui.ts";

const words = texts.overview;
const sourceAnswers = new Answers<{ readonly sources: readonly SourceState[] }>({ everyMs: 5_000 });

/** Maximum number of replicas that are shown of a source. */
const maxReplicas = 6;

/** The installation as one picture: sources, entry log, aggregator, clients; above it what needs a person. */
export function overviewView(): ComponentChild {
  const { overview } = known;
  if (overview === undefined) return pending(undefined);
  const rates = known.rates.at(performance.now());
  redraw(rates);
  return h(
    "div",
    {},
    h("h1", {}, words.title),
    noticeList(overview.notices),
    h(
      "div",
      { class: "flow" },
      sourcesStation(),
      h("div", { class: "arrow", "aria-hidden": "true" }),
      logStation(overview, rates),
      h("div", { class: "arrow", "aria-hidden": "true" }),
      aggregatorStation(overview, rates),
      h("div", { class: "arrow", "aria-hidden": "true" }),
      clientsStation(overview, rates),
    ),
    h(
      "div",
      { class: "figures" },
      figure(overview.conflicts, words.conflicts, linkTo("problems")),
      figure(overview.held, words.held, linkTo("problems")),
      figure(overview.rejected, words.rejected, linkTo("problems")),
    ),
    sameInShell("meshctl doctor"),
  );
}

let due: number | undefined;

/** Rates fall while nothing comes in. */
function redraw(rates: Rates | undefined): void {
  clearTimeout(due);
  if (rates === undefined || rates.read + rates.changes + rates.pushes > 0) {
    due = window.setTimeout(changed, 1_000);
  }
}

function noticeList(notices: readonly Notice[]): ComponentChild {
  if (notices.length === 0) return h("p", { class: "well" }, dot("ok"), words.well);
  return h(
    "section",
    { class: "notices", "aria-label": words.notices },
    notices.map(({ severity, code, text, command }) =>
      h(
        "div",
        { class: `notice ${severity === "problem" ? "problem" : "note"}` },
        dot(severity === "problem" ? "problem" : "note"),
        h("span", { class: "code" }, code),
        h("span", { class: "grow" }, text),
        commandLine(command),
      )
    ),
  );
}

function station(
  title: string,
  href: string,
  tone: Tone,
  state: string,
  ...children: readonly ComponentChildren[]
): ComponentChild {
  return h(
    "section",
    { class: `station card ${tone}` },
    h("h2", {}, href === "" ? title : h("a", { href }, title)),
    h("p", { class: "state" }, dot(tone), state),
    ...children,
  );
}

function sourcesStation(): ComponentChild {
  const { answer, error } = sourceAnswers.load("/sources");
  if (answer === undefined) return h("section", { class: "station card" }, pending(error));
  return h(
    "section",
    { class: "station card" },
    h("h2", {}, words.sources),
    h("ul", { class: "list" }, answer.sources.map(sourceLine)),
  );
}

function sourceLine({ key, state, resources, remark, collectors, unsettled }: SourceState): ComponentChild {
  const live = collectors.filter(({ status }) => status === "live").length;
  const replicas = collectors.filter(({ status }) => status !== "left");
  const tone: Tone = state === "synced" && live > 0
    ? remark === null && unsettled.length === 0 ? "ok" : "note"
    : "problem";
  return h(
    "li",
    {},
    h("a", { class: "source", href: linkTo("services", { source: key }) }, dot(tone), h("strong", {}, key)),
    h(
      "span",
      { class: "muted" },
      `${state}, ${resources} ${words.resources}, ${live === 0 ? words.noCollector : words.collectors(live)}`,
    ),
    live === 0 ? undefined : h("span", { class: "muted" }, readText(collectors)),
    ...replicas.slice(0, maxReplicas).map(replicaLine),
    replicas.length > maxReplicas
      ? h("span", { class: "muted" }, words.moreReplicas(replicas.length - maxReplicas))
      : undefined,
    unsettled.length === 0
      ? undefined
      : h("span", { class: "muted", title: words.unsettledHelp }, words.unsettled(unsettled)),
    remark === null ? undefined : h("span", { class: "remark" }, remark),
  );
}

/** A replica of a collector: whether it lives, and how it sees the registry. */
function replicaLine({ member, status, view, error }: SourceState["collectors"][number]): ComponentChild {
  const isWell = status === "live" && view === "ready" && error === null;
  const tone: Tone = isWell ? "ok" : status === "live" ? "note" : "problem";
  return h(
    "span",
    { class: "muted", title: error ?? undefined },
    dot(tone),
    ` ${member}: ${status === "live" ? view : status}`,
  );
}

/** When a living collector last read the registry. */
function readText(collectors: SourceState["collectors"]): string {
  const times = collectors.filter(({ status }) => status === "live")
    .flatMap(({ lastReadAt }) => lastReadAt === null ? [] : [Date.parse(lastReadAt)]);
  if (times.length === 0) return words.neverRead;
  return words.readAgo(Math.max(0, (Date.now() - Math.max(...times)) / 1_000));
}

function logStation({ entryLog, servedStateOf }: Overview, rates: Rates | undefined): ComponentChild {
  const tone: Tone = entryLog.connected ? servedStateOf === null ? "ok" : "note" : "problem";
  return station(
    words.log,
    "",
    tone,
    entryLog.connected ? words.reachable : words.unreachable,
    h("p", { class: "muted" }, entryLog.detail),
    entryLog.read ? undefined : h("p", { class: "remark" }, words.reading),
    h("dl", { class: "numbers" }, pair(rateText(rates?.read), words.readRate)),
  );
}

function aggregatorStation(
  { open, services, endpoints, version, position }: Overview,
  rates: Rates | undefined,
): ComponentChild {
  return station(
    words.aggregator,
    linkTo("services"),
    open ? "ok" : "problem",
    open ? words.serving : words.waiting,
    h(
      "dl",
      { class: "numbers" },
      pair(services, words.services),
      pair(endpoints, words.endpoints),
      pair(rateText(rates?.changes), words.changeRate),
    ),
    h("p", { class: "muted tiny" }, `${version} · ${position}`),
  );
}

function clientsStation(
  { clients, clientsBehind, clientsRefusing, furthestBehindMs }: Overview,
  rates: Rates | undefined,
): ComponentChild {
  const tone: Tone = clientsRefusing > 0 ? "problem" : clients === 0 || clientsBehind > 0 ? "note" : "ok";
  if (clients === 0) return station(words.clients, linkTo("clients"), tone, words.nobody);
  const state = clientsRefusing > 0 ? words.refusing : clientsBehind > 0 ? words.behind : words.upToDate;
  return station(
    words.clients,
    linkTo("clients"),
    tone,
    state,
    h(
      "dl",
      { class: "numbers" },
      pair(clients - clientsBehind, words.upToDate),
      pair(clientsBehind, words.behind),
      pair(clientsRefusing, words.refusing),
      pair(rateText(rates?.pushes), words.pushRate),
      pair(rates?.ackMs === undefined ? "–" : duration(rates.ackMs), words.ackTime),
      furthestBehindMs === null ? undefined : pair(duration(furthestBehindMs), words.furthestBehind),
    ),
  );
}

/** A rate in a second; small ones with their tenths. */
function rateText(rate: number | undefined): string {
  return rate === undefined
    ? "–"
    : rate.toLocaleString(undefined, { maximumFractionDigits: rate < 10 ? 1 : 0 });
}

function pair(value: number | string, label: string): ComponentChild {
  return h("div", {}, h("dd", {}, value.toLocaleString()), h("dt", {}, label));
}

function figure(value: number, label: string, href: string): ComponentChild {
  return h(
    "a",
    { class: `figure card${value > 0 ? " some" : ""}`, href },
    h("strong", {}, value.toLocaleString()),
    label,
  );
}
