import { h } from "preact";
import type { ComponentChild } from "preact";
import type { History, HistoryChange, ServiceDiff } from "../../../shared/api/history.ts";
import { differenceList } from "./differences.ts";
import { Answers } from "./loader.ts";
import { linkTo } from "./route.ts";
import { texts } from "./texts.ts";
import { badge, nothing, pending, section, timeText } from "./ui.ts";
import type { Tone } from "./ui.ts";

const words = texts.history;
const histories = new Answers<History>();
const diffs = new Answers<ServiceDiff>();

const tones: Readonly<Record<HistoryChange["change"], Tone>> = {
  added: "ok",
  changed: "note",
  removed: "problem",
};

/** What happened to a service, the newest first; and, from a change on that was chosen, what differs to now. */
export function historySection(
  path: string,
  name: string,
  { from = "", at = "", source = "" }: Readonly<Record<string, string>>,
): ComponentChild {
  const { answer, error } = histories.load(`${path}/history`);
  return h(
    "div",
    { class: "stack" },
    from === "" ? undefined : diffSection(path, name, { from }, source, words.since(from)),
    at === "" ? undefined : diffSection(path, name, { at }, source, words.sinceMoment(at)),
    section(words.title, answer === undefined ? pending(error) : timeline(name, answer)),
  );
}

function timeline(name: string, { changes, versions, keptSince }: History): ComponentChild {
  if (versions === 0) return nothing(words.notKept);
  if (changes.length === 0) return nothing(words.none(keptSince === null ? "" : timeText(keptSince)));
  return h(
    "ol",
    { class: "timeline" },
    changes.map((change) => {
      const { at, change: what, source, position, differences } = change;
      return h(
        "li",
        {},
        h(
          "p",
          {},
          h("time", { dateTime: at }, timeText(at)),
          badge(words.changes[what], tones[what]),
          h("span", { class: "label" }, source),
          h("code", { class: "muted" }, position),
          h("a", { href: linkTo("service", { name, from: position, source }) }, words.sinceThen),
        ),
        differences.length === 0 ? undefined : differenceList(change, words.changes[what]),
      );
    }),
  );
}

function diffSection(
  path: string,
  name: string,
  moment: Readonly<Record<string, string>>,
  source: string,
  title: string,
): ComponentChild {
  const query = new URLSearchParams(source === "" ? moment : { ...moment, source }).toString();
  const { answer, error } = diffs.load(`${path}/diff?${query}`);
  return section(
    title,
    answer === undefined
      ? pending(error)
      : answer.differences.length === 0
      ? nothing(words.same)
      : differenceList(answer, title),
    h("p", {}, h("a", { href: linkTo("service", { name }) }, words.close)),
  );
}
