import { h } from "preact";
import type { ComponentChild, ComponentChildren } from "preact";
import { texts } from "./texts.ts";

/** How something is, for colour and shape: never by colour alone. */
export type Tone = "ok" | "note" | "problem" | "unknown" | "plain";

/** A word in a coloured frame. */
export function badge(text: string, tone: Tone = "plain"): ComponentChild {
  return h("span", { class: `badge ${tone}` }, text);
}

/** A dot beside a word that says the same. */
export function dot(tone: Tone): ComponentChild {
  return h("span", { class: `dot ${tone}`, "aria-hidden": "true" });
}

/** Copies a text, and says so for a moment. */
async function copy(button: HTMLElement, text: string, label: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = texts.copied;
  } catch {
    // Browsers refuse it without TLS, but for the machine's own pages.
    button.textContent = texts.notCopied;
  }
  setTimeout(() => button.textContent = label, 1_200);
}

/** A button that copies a text, which is asked for when it is pressed. `what`: for who hears the page. */
export function copyButton(text: () => string, label: string = texts.copy, what = label): ComponentChild {
  return h("button", {
    type: "button",
    class: "small",
    "aria-label": what === label ? undefined : what,
    onClick: (event: MouseEvent) => {
      if (event.currentTarget instanceof HTMLElement) void copy(event.currentTarget, text(), label);
    },
  }, label);
}

/** A line for the shell, with a button that copies it. */
export function commandLine(command: string): ComponentChild {
  return h(
    "div",
    { class: "command" },
    h("code", {}, command),
    copyButton(() => command, texts.copy, `${texts.copy}: ${command}`),
  );
}

/** The foot of a view: the same in a shell, and a link that shows another person the same. */
export function sameInShell(command: string): ComponentChild {
  return h(
    "footer",
    { class: "same" },
    h("span", { class: "muted" }, texts.sameInShell),
    commandLine(command),
    copyButton(() => location.href, texts.copyLink),
  );
}

/** A titled part of a view. */
export function section(title: string, ...children: readonly ComponentChildren[]): ComponentChild {
  return h("section", { class: "card" }, h("h2", {}, title), ...children);
}

/** A table with these columns; scrolls sideways where the window is narrow. */
export function table(
  columns: readonly string[],
  rows: readonly (readonly ComponentChildren[])[],
  label: string,
): ComponentChild {
  return h(
    "div",
    { class: "scroll", tabIndex: 0, role: "region", "aria-label": label },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell))))),
    ),
  );
}

/** Said in place of something that isn't there. */
export function nothing(text: string): ComponentChild {
  return h("p", { class: "muted" }, text);
}

/** Said while something is being read, or if it can't be. */
export function pending(error: string | undefined): ComponentChild {
  return error === undefined
    ? h("p", { class: "muted", role: "status" }, texts.loading)
    : h("p", { class: "failed", role: "alert" }, `${texts.failed} ${error}`);
}

/** A time of day and date in the reader's own form. */
export function timeText(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : date.toLocaleString();
}

/** What a person has put into a field of a form. */
export function fieldOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value.trim() : "";
}
