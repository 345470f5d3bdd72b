import { h } from "preact";
import type { ComponentChild } from "preact";
import type { MomentPlace } from "../../../shared/api/moments.ts";
import { cursorOf, sequenceIn, streamIdIn } from "../../../shared/model/cursor.ts";
import { linkTo } from "./route.ts";
import { changed } from "./store.ts";
import { texts } from "./texts.ts";
import { fieldOf, timeText } from "./ui.ts";

const words = texts.time;

/** The moments to choose from, and the one that is chosen. */
export interface TimeSliderOptions {
  readonly parameters: Readonly<Record<string, string>>;
  readonly first: MomentPlace;
  readonly last: MomentPlace;
  /** How many changes lie in equal parts of the way from first to last. */
  readonly parts: readonly number[];
  /** The last change before the chosen moment; undefined: it is now, or not known yet. */
  readonly moment: MomentPlace | undefined;
  /** True if there is no such moment. */
  readonly isUnknown: boolean;
}

/** The step at which a person holds the slider; undefined: it stands where the URL says. */
let dragged: number | undefined;
let waiting: number | undefined;

/**
 * Chooses a moment between the first that is kept and now: a step for each message of the stream. The slider counts
 * from the first, since a stream may begin at any number.
 */
export function timeSlider(options: TimeSliderOptions): ComponentChild {
  const { parameters, first, last, moment } = options;
  const { at = "" } = parameters;
  const start = sequenceIn(first.position);
  const steps = Math.max(0, sequenceIn(last.position) - start);
  const place = at === "" ? last : moment;
  const position = sequenceIn(at) > 0 && streamIdIn(at) === streamIdIn(last.position) ? at : place?.position;
  const chosen = position === undefined ? steps : Math.max(0, Math.min(steps, sequenceIn(position) - start));
  const step = dragged ?? chosen;
  const shown = cursorOf(streamIdIn(last.position), start + step);
  const isNow = dragged === undefined ? at === "" : dragged === steps;
  const when = isNow
    ? words.now
    : dragged === undefined && place !== undefined
    ? timeText(place.at)
    : options.isUnknown
    ? words.unknownMoment
    : texts.loading;
  const move = (next: number) => {
    dragged = next;
    clearTimeout(waiting);
    waiting = window.setTimeout(() => {
      dragged = undefined;
      const wanted = next === steps ? "" : cursorOf(streamIdIn(last.position), start + next);
      location.replace(linkTo("time", { ...parameters, at: wanted }));
      changed();
    }, 150);
    changed();
  };
  return h(
    "section",
    { class: "card slider", "aria-label": words.slider },
    bars(options.parts),
    h("input", {
      type: "range",
      min: 0,
      max: steps,
      step: 1,
      value: step,
      disabled: steps === 0,
      "aria-label": words.slider,
      "aria-valuetext": `${when}, ${shown}`,
      onInput: (event: Event) => {
        if (event.currentTarget instanceof HTMLInputElement) move(event.currentTarget.valueAsNumber);
      },
    }),
    h(
      "p",
      { class: "ends muted" },
      h("time", { dateTime: first.at, title: first.position }, timeText(first.at)),
      h("span", {}, words.now),
    ),
    h("p", { class: "chosen", role: "status" }, h("strong", {}, when), " ", h("code", {}, shown)),
    h(
      "form",
      {
        class: "filters",
        onSubmit: (event: Event) => {
          event.preventDefault();
          if (!(event.currentTarget instanceof HTMLFormElement)) return;
          const time = new Date(fieldOf(new FormData(event.currentTarget), "time"));
          if (Number.isNaN(time.getTime())) return;
          location.assign(linkTo("time", { ...parameters, at: time.toISOString() }));
        },
      },
      h("label", { for: "time" }, words.time),
      h("input", { id: "time", name: "time", type: "datetime-local", step: 1, required: true }),
      h("button", { type: "submit" }, words.go),
      h("a", { class: "button", href: linkTo("time", { ...parameters, at: "" }) }, words.toNow),
    ),
  );
}

/** Where changes lie on the way. */
function bars(parts: readonly number[]): ComponentChild {
  const most = Math.max(1, ...parts);
  return h(
    "svg",
    {
      class: "bars",
      viewBox: `0 0 ${Math.max(1, parts.length)} 20`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    },
    parts.map((count, index) => {
      const height = count === 0 ? 0 : 2 + 18 * count / most;
      return h("rect", { x: index, y: 20 - height, width: 0.8, height });
    }),
  );
}
