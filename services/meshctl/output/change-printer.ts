import type { Change } from "./resource.ts";
import { WideLines } from "./wide-line.ts";
import { yamlText } from "./write-yaml.ts";

/** How changes are printed. */
export const outputForms = ["wide", "yaml", "json"] as const;
export type OutputForm = (typeof outputForms)[number];

/**
 * Makes text of changes. `wide`: one line each, times by the local clock. `yaml`: one document each, what happened in a
 * comment. `json`: one line each, the manifest with `change` (and where it was seen) in front.
 */
export class ChangePrinter {
  readonly #form: OutputForm;
  readonly #wide = new WideLines();

  constructor(form: OutputForm) {
    this.#form = form;
  }

  /** The text of changes that came together at a time; empty for none. */
  text(changes: readonly Change[], now: Date): string {
    switch (this.#form) {
      case "wide":
        return this.#wide.text(changes, clockText(now));
      case "yaml":
        return changes.map((change) => yamlDocument(change, now)).join("");
      case "json":
        return changes.map(jsonLine).join("");
    }
  }
}

function jsonLine({ change, origin, resource }: Change): string {
  return `${JSON.stringify({ change, ...origin, ...resource })}\n`;
}

function yamlDocument({ change, origin, resource }: Change, now: Date): string {
  const where = Object.entries(origin).map(([name, value]) => `, ${name} ${value}`).join("");
  return `---\n# ${change} at ${now.toISOString()}${where}\n${yamlText(resource)}`;
}

/** `12:00:01.123`, local time. */
function clockText(time: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const milliseconds = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${milliseconds}`;
}
