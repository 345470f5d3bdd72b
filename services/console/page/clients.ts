import { h } from "preact";
import type { ComponentChild } from "preact";
import type { ClientState } from "../../../shared/api/state.ts";
import { Answers } from "./loader.ts";
import { linkTo } from "./route.ts";
import { texts } from "./texts.ts";
import { badge, nothing, pending, sameInShell, table, timeText } from "./ui.ts";

const words = texts.clients;
const answers = new Answers<{ readonly clients: readonly ClientState[] }>({ everyMs: 5_000 });

/** Each istiod: what it speaks, whether it is up to date, what it refused last. */
export function clientsView(): ComponentChild {
  const { answer, error } = answers.load("/clients");
  return h(
    "div",
    {},
    h("h1", {}, words.title),
    answer === undefined
      ? pending(error)
      : answer.clients.length === 0
      ? h("div", { class: "card empty" }, nothing(words.none))
      : h("div", { class: "card" }, table(words.columns, answer.clients.map(rowOf), words.title)),
    sameInShell("meshctl clients"),
  );
}

function rowOf(client: ClientState) {
  const { id, address, dialect, connectedAt, types, behindMs, changesBehind } = client;
  return [
    h("strong", {}, id),
    address,
    dialect ?? "",
    timeText(connectedAt),
    stateOf(client),
    behindMs === null ? "" : words.lag(changesBehind, behindMs),
    types.reduce((sum, { pushes }) => sum + pushes, 0),
    refusalOf(client),
  ];
}

/** What it refused last: it may have taken all since. */
function refusalOf({ lastRefusal }: ClientState): ComponentChild {
  if (lastRefusal === null) return "";
  const { at, message, names } = lastRefusal;
  return h(
    "div",
    { class: "refusal" },
    h("time", { class: "muted", dateTime: at }, timeText(at)),
    " ",
    message,
    h(
      "span",
      { class: "labels" },
      names.slice(0, 3).map((name) => h("a", { href: linkTo("service", { name }) }, name)),
    ),
  );
}

function stateOf({ dialect, upToDate, types }: ClientState): ComponentChild {
  const refused = types.reduce((sum, { refusedNow }) => sum + refusedNow.length, 0);
  if (refused > 0) return badge(words.refuses(refused), "problem");
  if (types.some(({ lastError }) => lastError !== null)) return badge(words.refusesLast, "problem");
  if (dialect === "longPolling") return badge(words.polls);
  if (upToDate) return badge(words.upToDate, "ok");
  const waiting = types.find(({ waitingForAckMs }) => waitingForAckMs !== null)?.waitingForAckMs ?? null;
  return badge(waiting === null ? words.behind : words.waiting(waiting), "note");
}
