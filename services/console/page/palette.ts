import { h } from "preact";
import type { ComponentChild } from "preact";
import type { ServicePage } from "../../../shared/api/services.ts";
import { Answers } from "./loader.ts";
import { linkTo } from "./route.ts";
import type { ViewName } from "./route.ts";
import { changed } from "./store.ts";
import { texts } from "./texts.ts";

const words = texts.palette;
const found = new Answers<ServicePage>(false);

let text = "";
let chosen = 0;

interface Choice {
  readonly label: string;
  readonly hint: string;
  readonly href: string;
}

const views: readonly ViewName[] = [
  "overview",
  "services",
  "trace",
  "dependencies",
  "clients",
  "problems",
  "dryrun",
];

/** Opens the dialog that finds services and views, and starts traces. */
export function openPalette(): void {
  text = "";
  chosen = 0;
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
  const fitting = views
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
  chosen = Math.max(0, Math.min(chosen, all.length - 1));
  return h(
    "dialog",
    {
      class: "palette",
      "aria-label": words.title,
      onClick: (event: MouseEvent) => {
        if (event.target === event.currentTarget) close();
      },
      onKeyDown: (event: KeyboardEvent) => onKey(event, all),
    },
    h("input", {
      type: "text",
      role: "combobox",
      "aria-expanded": "true",
      "aria-controls": "choices",
      "aria-activedescendant": all.length === 0 ? undefined : `choice-${chosen}`,
      "aria-label": words.label,
      placeholder: words.label,
      autocomplete: "off",
      spellcheck: false,
      onInput: (event: Event) => {
        if (event.currentTarget instanceof HTMLInputElement) text = event.currentTarget.value;
        chosen = 0;
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
            "aria-selected": index === chosen,
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

function onKey(event: KeyboardEvent, all: readonly Choice[]): void {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    chosen += event.key === "ArrowDown" ? 1 : -1;
    chosen = (chosen + all.length) % Math.max(1, all.length);
    changed();
  } else if (event.key === "Enter") {
    event.preventDefault();
    const choice = all[chosen];
    if (choice !== undefined) go(choice.href);
  }
}
