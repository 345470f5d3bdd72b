import { h } from "preact";
import type { ComponentChild } from "preact";
import type { ServiceRow } from "../../../shared/api/services.ts";
import { csvOf } from "./export-rows.ts";
import { columns, columnsIn, columnsText } from "./rows.ts";
import { linkTo, routeOf } from "./route.ts";
import { savedViews, saveView } from "./saved-views.ts";
import { changed } from "./store.ts";
import { texts } from "./texts.ts";
import { fieldOf } from "./ui.ts";

const words = texts.services;

/** What the menus work on. */
export interface ServiceToolsOptions {
  /** The rows that fit, in their order. */
  readonly rows: readonly ServiceRow[];
  readonly parameters: Readonly<Record<string, string>>;
  /** Shows the table with other parameters. */
  readonly go: (parameters: Readonly<Record<string, string>>) => void;
}

let saveFailed = false;

/** The menus of the table: which columns it has, saved views, and files of what it shows. */
export function serviceTools({ rows, parameters, go }: ServiceToolsOptions): ComponentChild {
  return h(
    "div",
    { class: "tools" },
    menu(words.columnMenu, columnChoices(parameters, go)),
    menu(words.saved, saved(parameters)),
    menu(words.export, exports(rows)),
  );
}

function menu(title: string, ...content: readonly ComponentChild[]): ComponentChild {
  return h(
    "details",
    {
      class: "menu",
      name: "service-tools",
      onKeyDown: (event: KeyboardEvent) => {
        if (event.key !== "Escape" || !(event.currentTarget instanceof HTMLDetailsElement)) return;
        event.currentTarget.open = false;
        event.currentTarget.querySelector("summary")?.focus();
      },
    },
    h("summary", {}, title),
    h("div", { class: "card" }, ...content),
  );
}

function columnChoices(
  parameters: Readonly<Record<string, string>>,
  go: ServiceToolsOptions["go"],
): ComponentChild {
  const chosen = columnsIn(parameters["columns"] ?? "");
  return h(
    "fieldset",
    {},
    h("legend", { class: "hidden" }, words.columnMenu),
    columns.filter((column) => column !== "name").map((column) =>
      h(
        "label",
        {},
        h("input", {
          type: "checkbox",
          checked: chosen.includes(column),
          onChange: () => {
            const others = chosen.filter((each) => each !== column);
            const next = chosen.includes(column) ? others : [...chosen, column];
            go({ ...parameters, columns: columnsText(next) });
          },
        }),
        words.columns[column],
      )
    ),
  );
}

function saved(parameters: Readonly<Record<string, string>>): ComponentChild {
  const views = Object.entries(savedViews(localStorage));
  return h(
    "div",
    {},
    views.length === 0 ? h("p", { class: "muted" }, words.savedNone) : h(
      "ul",
      { class: "list" },
      views.map(([name, query]) =>
        h(
          "li",
          { class: "saved" },
          // Read and written anew: what is stored may be anything.
          h("a", { href: linkTo("services", routeOf(`#/services?${query}`).parameters) }, name),
          h("button", {
            type: "button",
            class: "small",
            "aria-label": words.forget(name),
            title: words.forget(name),
            onClick: () => keep(name, undefined),
          }, "×"),
        )
      ),
    ),
    h(
      "form",
      {
        onSubmit: (event: Event) => {
          event.preventDefault();
          if (!(event.currentTarget instanceof HTMLFormElement)) return;
          const name = fieldOf(new FormData(event.currentTarget), "name");
          if (name === "") return;
          // A view is what is looked for, not the row that is selected now.
          keep(name, linkTo("services", { ...parameters, row: "" }).split("?")[1] ?? "");
          event.currentTarget.reset();
        },
      },
      h("input", {
        name: "name",
        "aria-label": words.saveAs,
        placeholder: words.saveAs,
        maxLength: 100,
        autocomplete: "off",
        required: true,
      }),
      h("button", { type: "submit" }, words.save),
    ),
    saveFailed ? h("p", { class: "failed", role: "alert" }, words.noRoom) : undefined,
  );
}

function keep(name: string, query: string | undefined): void {
  saveFailed = !saveView(name, query, localStorage);
  changed();
}

function exports(rows: readonly ServiceRow[]): ComponentChild {
  const button = (form: string, name: string, type: string, content: () => string) =>
    h("button", {
      type: "button",
      onClick: () => saveFile(name, type, content()),
    }, words.exportAs(form, rows.length));
  return h(
    "div",
    { class: "stack" },
    button("CSV", "services.csv", "text/csv", () => csvOf(rows)),
    button("JSON", "services.json", "application/json", () => `${JSON.stringify(rows, undefined, 2)}\n`),
  );
}

/** Hands a file to the person. */
function saveFile(name: string, type: string, content: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
