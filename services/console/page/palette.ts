import { h } from "preact";
import type { ComponentChild } from "preact";
import type { ServicePage } from "../../../shared/api/services.ts";
import { Answers } from "./loader.ts";
import { linkTo, tabs } from "./route.ts";
import { changed } from "./store.ts";
import { texts } from "./texts.ts";

const words = texts.palette;
const found = new Answers<ServicePage>({ isLive: false });

let text = "";
/** The choice that a person has moved to; undefined: the first one. What comes in meanwhile doesn't replace it. */
let chosen: string | undefined;

interface Choice {
  readonly label: string;
  readonly hint: string;
  readonly href: string;
}

/** Opens the dialog that finds services and views, and starts traces. */
export function openPalette(): void {
  text = "";
  chosen = undefined;
  const dialog = document.querySelector("dialog");
  if (dialog === null || dialog.open) return;
  dialog.showModal();
  changed();
  const input = dialog.querySelector("input");
  if (input !== null) input.value = "";
  input?.focus();
}

function close(): void {
  document.querySelector("dialog")?.close();
}

function choices(): readonly Choice[] {
  const wanted = text.trim();
  const fitting = tabs
    .filter((view) => wanted === "" || texts.views[view].toLowerCase().startsWith(wanted.toLowerCase()))
    .map((view) => ({ label: texts.views[view], hint: words.view, href: linkTo(view) }));
  if (wanted === "") return fitting;
  const services = found.load(`/services?limit=12&q=${encodeURIComponent(wanted)}`).answer?.services ?? [];
  return [
    ...services.map(({ name }) => ({ label: name, hint: words.service, href: linkTo("service", { name }) })),
    { label: words.traceIt(wanted), hint: texts.views.trace, href: linkTo("trace", { text: wanted }) },
    ...fitting,
  ];
}

/** The dialog; closed it costs nothing. */
export function palette(): ComponentChild {
  const isOpen = document.querySelector("dialog")?.open === true;
  const all = isOpen ? choices() : [];
  const current = placeIn(all);
  return h(
    "dialog",
    {
      class: "palette",
      "aria-label": words.title,
      onClick: (event: MouseEvent) => {
        if (event.target === event.currentTarget) close();
      },
      onKeyDown: onKey,
    },
    h("input", {
      type: "text",
      role: "combobox",
      "aria-expanded": "true",
      "aria-controls": "choices",
      "aria-activedescendant": all.length === 0 ? undefined : `choice-${current}`,
      "aria-label": words.label,
      placeholder: words.label,
      autocomplete: "off",
      spellcheck: false,
      onInput: (event: Event) => {
        if (event.currentTarget instanceof HTMLInputElement) text = event.currentTarget.value;
        chosen = undefined;
        changed();
      },
    }),
    h(
      "ul",
      { id: "choices", role: "listbox", "aria-label": words.title },
      all.map(({ label, hint, href }, index) =>
        h(
          "li",
          {
            id: `choice-${index}`,
            role: "option",
            "aria-selected": index === current,
            onClick: () => go(href),
          },
          h("span", {}, label),
          h("span", { class: "muted" }, hint),
        )
      ),
    ),
  );
}

function go(href: string): void {
  close();
  location.assign(href);
}

/** The place of the chosen one; 0 if it isn't there any more. */
function placeIn(all: readonly Choice[]): number {
  return Math.max(0, all.findIndex(({ href }) => href === chosen));
}

function onKey(event: KeyboardEvent): void {
  if (!["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return;
  event.preventDefault();
  // Also of letters that aren't drawn yet.
  const all = choices();
  const current = placeIn(all);
  if (event.key === "Enter") {
    const choice = all[current];
    if (choice !== undefined) go(choice.href);
  } else {
    const step = event.key === "ArrowDown" ? 1 : -1;
    chosen = all.at((current + step) % Math.max(1, all.length))?.href;
    changed();
  }
}
