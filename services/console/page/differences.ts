import { h } from "preact";
import type { ComponentChild } from "preact";
import type { Difference } from "../../../shared/api/history.ts";
import { texts } from "./texts.ts";

const words = texts.differences;

/** What two states differ in, a line for each thing: said in words too, for who can't see the colours. */
export function differenceList(
  { differences, left }: { readonly differences: readonly Difference[]; readonly left: number },
  label: string,
): ComponentChild {
  return h(
    "ul",
    { class: "diff", "aria-label": label },
    differences.map(lineOf),
    left === 0 ? undefined : h("li", { class: "muted" }, words.more(left)),
  );
}

function lineOf({ path, before, after }: Difference): ComponentChild {
  const [kind, mark] = before === null
    ? ["added", "+"]
    : after === null
    ? ["removed", "−"]
    : ["changed", "~"];
  return h(
    "li",
    { class: kind },
    h("span", { class: "sign", "aria-hidden": "true" }, mark),
    h(
      "span",
      { class: "hidden" },
      `${kind === "added" ? words.added : kind === "removed" ? words.removed : words.changed} `,
    ),
    h("code", { class: "path" }, path === "" ? words.whole : path),
    before === null ? undefined : h("del", {}, valueText(before)),
    after === null ? undefined : h("ins", {}, valueText(after)),
  );
}

/** A value as text; what would fill the page is cut, since the manifest shows all of it. */
function valueText(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}
