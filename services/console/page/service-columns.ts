import { h } from "preact";
import type { ComponentChild } from "preact";
import type { Column } from "./rows.ts";
import { texts } from "./texts.ts";

/** What the heads of the columns show. */
export interface ServiceColumnsProps {
  readonly columns: readonly Column[];
  readonly sortedBy: Column;
  readonly isDescending: boolean;
  readonly onSort: (key: Column) => void;
}

/** The heads of the table of services; each sorts by its column. */
export function ServiceColumns(
  { columns, sortedBy, isDescending, onSort }: ServiceColumnsProps,
): ComponentChild {
  return h(
    "div",
    { class: "row head", role: "row", "aria-rowindex": 1 },
    columns.map((key) =>
      h(
        "span",
        {
          role: "columnheader",
          "aria-sort": key === sortedBy ? isDescending ? "descending" : "ascending" : "none",
          class: key === "endpoints" ? "number" : undefined,
        },
        h(
          "button",
          { type: "button", onClick: () => onSort(key) },
          texts.services.columns[key],
          h(
            "span",
            { class: "arrow-mark", "aria-hidden": "true" },
            key === sortedBy ? isDescending ? "↓" : "↑" : "",
          ),
        ),
      )
    ),
  );
}
