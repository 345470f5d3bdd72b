import { h } from "preact";
import type { ComponentChild } from "preact";
import type { Conflict, Rejection } from "../../../shared/api/services.ts";
import type { ActionList } from "../../../shared/api/actions.ts";
import type { HeldList } from "../../../shared/api/state.ts";
import { Answers } from "./loader.ts";
import { linkTo } from "./route.ts";
import { texts } from "./texts.ts";
import { badge, nothing, pending, sameInShell, section, table, timeText } from "./ui.ts";

const words = texts.problems;
const heldAnswers = new Answers<HeldList>();
const rejectionAnswers = new Answers<{ readonly rejections: readonly Rejection[] }>();
const actionAnswers = new Answers<ActionList>();
const conflictAnswers = new Answers<{ readonly conflicts: readonly Conflict[] }>();

/** Maximum number of rows of one kind. */
const maxRows = 500;

/** What is held back, rejected or in conflict. */
export function problemsView(): ComponentChild {
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, words.title),
    heldSection(),
    rejectedSection(),
    conflictSection(),
    actionSection(),
    sameInShell("meshctl held; meshctl get rejections; meshctl conflicts; meshctl get actions"),
  );
}

function heldSection(): ComponentChild {
  const { answer, error } = heldAnswers.load("/held");
  if (answer === undefined) return section(words.held, pending(error));
  const { held, collectors } = answer;
  if (held.length + collectors.length === 0) return section(words.held, nothing(words.heldNone));
  const sources = new Set([...held, ...collectors].map(({ source }) => source));
  return section(
    words.held,
    nothing(words.heldHelp),
    table(words.heldColumns, [
      ...held.slice(0, maxRows).map((
        { source, name, heldMs },
      ) => [source, name, `${Math.round(heldMs / 1000)} s`]),
      ...collectors.map(({ source, member, held: count }) => [source, words.byCollector(member, count), ""]),
    ], words.held),
    [...sources].map((source) =>
      h("a", { class: "button", href: linkTo("release", { source }) }, words.release(source))
    ),
  );
}

function rejectedSection(): ComponentChild {
  const { answer, error } = rejectionAnswers.load("/rejections");
  if (answer === undefined) return section(words.rejected, pending(error));
  if (answer.rejections.length === 0) return section(words.rejected, nothing(words.rejectedNone));
  return section(
    words.rejected,
    table(
      words.rejectedColumns,
      answer.rejections.slice(0, maxRows).map(({ name, source, serving, violations }) => [
        h("a", { href: linkTo("trace", { by: "service", text: name }) }, name),
        source,
        badge(serving, serving === "nothing" ? "problem" : "note"),
        violations[0]?.rule ?? "",
        violations.map(({ message }) => message).join("; "),
      ]),
      words.rejected,
    ),
  );
}

function conflictSection(): ComponentChild {
  const { answer, error } = conflictAnswers.load("/conflicts");
  if (answer === undefined) return section(words.conflicts, pending(error));
  if (answer.conflicts.length === 0) return section(words.conflicts, nothing(words.conflictsNone));
  return section(
    words.conflicts,
    table(
      words.conflictColumns,
      answer.conflicts.slice(0, maxRows).map(({ host, outcome, claimedBy, served, why }) => [
        served[0] === undefined ? host : h("a", { href: linkTo("service", { name: served[0].name }) }, host),
        badge(outcomeText(outcome), outcome === "unmergeable" ? "problem" : "plain"),
        claimedBy.map(({ source, endpoints }) => `${source} (${endpoints})`).join(", "),
        why,
      ]),
      words.conflicts,
    ),
  );
}

function actionSection(): ComponentChild {
  const { answer, error } = actionAnswers.load("/actions");
  if (answer === undefined) return section(words.actions, pending(error));
  if (answer.actions.length === 0) return section(words.actions, nothing(words.actionsNone));
  return section(
    words.actions,
    table(
      words.actionColumns,
      answer.actions.map(({ at, by, action, source, detail }) => [
        timeText(at),
        by,
        words.actionNames[action],
        source,
        detail,
      ]),
      words.actions,
    ),
  );
}

function outcomeText(outcome: string): string {
  return Object.entries(words.outcomes).find(([key]) => key === outcome)?.[1] ?? outcome;
}
