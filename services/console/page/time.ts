import { h } from "preact";
import type { ComponentChild } from "preact";
import type { ChangePage, MomentDiff, MomentRow, RecordPage, Timeline } from "../../../shared/api/moments.ts";
import { Answers } from "./loader.ts";
import { linkTo } from "./route.ts";
import { shellWord } from "./shell.ts";
import { texts } from "./texts.ts";
import { timeSlider } from "./time-slider.ts";
import { badge, nothing, pending, sameInShell, section, table, timeText } from "./ui.ts";
import type { Tone } from "./ui.ts";

const words = texts.time;
/** These look at all that is kept, 30 ms of the aggregator together: so one open view stays below 1% of a processor. */
const restMs = 5_000;

const timelines = new Answers<Timeline>({ restMs });
const diffs = new Answers<MomentDiff>({ restMs });
const records = new Answers<RecordPage>({ restMs });
const changes = new Answers<ChangePage>({ restMs });

/** Maximum number of rows of each table. */
const maxRows = 200;

const tones: Readonly<Record<MomentRow["change"], Tone>> = {
  added: "ok",
  changed: "note",
  removed: "problem",
};

/** The catalogue at a moment, what differs from it now, and what happened until then. */
export function timeView(parameters: Readonly<Record<string, string>>): ComponentChild {
  const { at = "", q = "" } = parameters;
  const { answer: timeline, error } = timelines.load("/timeline");
  const query = `at=${encodeURIComponent(at)}&limit=${maxRows}`;
  const diff = at === "" ? undefined : diffs.load(`/moment?${query}`);
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, words.title),
    h("p", { class: "muted lead" }, words.intro),
    timeline === undefined
      ? pending(error)
      : timeline.versions === 0
      ? nothing(texts.history.notKept)
      : timeline.first === null || timeline.last === null
      ? nothing(words.notYet)
      : timeSlider({
        parameters,
        first: timeline.first,
        last: timeline.last,
        parts: timeline.parts,
        moment: diff?.answer?.moment,
        isUnknown: diff?.error !== undefined,
      }),
    diff === undefined ? undefined : section(
      words.different,
      diff.answer === undefined ? pending(diff.error) : difference(diff.answer, at),
    ),
    at === "" || diff?.answer === undefined ? undefined : catalogue(query, q, parameters),
    section(at === "" ? words.lately : words.happened, happened(at)),
    sameInShell(at === "" ? "meshctl changes" : `meshctl changes --since ${shellWord(at)} --net`),
  );
}

function difference({ counts, rows, left }: MomentDiff, at: string): ComponentChild {
  const named = (["added", "changed", "removed"] as const).map((change) =>
    badge(`${counts[change]} ${words.since[change]}`, counts[change] === 0 ? "plain" : tones[change])
  );
  return h(
    "div",
    {},
    h("p", { class: "labels" }, named),
    counts.unknown === 0 ? undefined : h("p", { class: "remark" }, words.unknown(counts.unknown)),
    rows.length === 0 ? nothing(words.same) : table(
      words.differenceColumns,
      rows.map((row) => [
        badge(words.since[row.change], tones[row.change]),
        recordLink(row, at),
        row.source,
        endpointsOf(row),
      ]),
      words.different,
    ),
    left === 0 ? undefined : nothing(words.more(left)),
  );
}

function catalogue(
  query: string,
  q: string,
  parameters: Readonly<Record<string, string>>,
): ComponentChild {
  const filter = q === "" ? "" : `&q=${encodeURIComponent(q)}`;
  const { answer, error } = records.load(`/records?${query}${filter}`);
  const { at = "" } = parameters;
  return section(
    words.catalogue,
    h(
      "form",
      {
        class: "filters",
        role: "search",
        onSubmit: (event: Event) => {
          event.preventDefault();
          if (!(event.currentTarget instanceof HTMLFormElement)) return;
          const value = new FormData(event.currentTarget).get("q");
          location.replace(linkTo("time", { ...parameters, q: typeof value === "string" ? value : "" }));
        },
      },
      h("input", {
        id: "filter",
        name: "q",
        type: "search",
        defaultValue: q,
        placeholder: words.filter,
        "aria-label": words.filter,
        autocomplete: "off",
        spellcheck: false,
      }),
      h("button", { type: "submit" }, words.filterGo),
    ),
    answer === undefined ? pending(error) : answer.records.length === 0 ? nothing(words.noRecords) : table(
      words.catalogueColumns,
      answer.records.map((record) => [
        recordLink(record, at),
        record.source,
        record.endpoints,
        record.since === "same" ? words.since.same : badge(words.since[record.since], tones[record.since]),
      ]),
      words.catalogue,
    ),
    answer?.next == null ? undefined : nothing(words.moreRecords),
  );
}

function happened(at: string): ComponentChild {
  const until = at === "" ? "" : `&until=${encodeURIComponent(at)}`;
  const { answer, error } = changes.load(`/changes?limit=50${until}`);
  if (answer === undefined) return pending(error);
  if (answer.changes.length === 0) {
    return nothing(texts.history.none(answer.completeSince === null ? "" : timeText(answer.completeSince)));
  }
  return h(
    "div",
    {},
    table(
      words.happenedColumns,
      answer.changes.map((change) => [
        h(
          "a",
          { href: linkTo("time", { at: change.position }), title: change.position },
          h("time", { dateTime: change.at }, timeText(change.at)),
        ),
        badge(texts.history.changes[change.change], tones[change.change]),
        recordLink(change, at),
        change.source,
        endpointsOf(change),
      ]),
      words.happened,
    ),
    answer.left === 0 ? undefined : nothing(words.more(answer.left)),
  );
}

/** Leads to the service, with what differs between the moment and now. */
function recordLink(
  { kind, name, source }: Pick<MomentRow, "kind" | "name" | "source">,
  at: string,
): ComponentChild {
  return kind === "Sidecar"
    ? `${name} (${kind})`
    : h("a", { href: linkTo("service", at === "" ? { name } : { name, at, source }) }, name);
}

function endpointsOf({ kind, endpointsBefore, endpointsAfter }: MomentRow): string {
  if (kind === "Sidecar") return "";
  return endpointsBefore === endpointsAfter
    ? String(endpointsAfter)
    : `${endpointsBefore} → ${endpointsAfter}`;
}
