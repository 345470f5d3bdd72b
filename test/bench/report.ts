import type { Machine } from "./machine.ts";
import type { Figure } from "./measurement.ts";

/** Everything that a run found, as it is written to the file. */
export interface Report {
  /** RFC 3339, when the run began. */
  readonly date: string;
  readonly machine: Machine;
  /** Load average over one minute before and after: above 0.2 before, others worked on the machine. */
  readonly load: { readonly before: number; readonly after: number };
  readonly quick: boolean;
  readonly notes: readonly string[];
  readonly figures: readonly Figure[];
}

/** The table that a person reads. */
export function reportText({ date, machine, load, quick, notes, figures }: Report): string {
  const rows = figures.map(({ what, size, figure, unit }) => [what, size, figureText(figure), unit] as const);
  const width = (column: 0 | 1 | 2) => Math.max(...rows.map((row) => row[column].length), 0);
  const [what, size, figure] = [width(0), width(1), width(2)];
  const lines = rows.map((row) =>
    [row[0].padEnd(what), row[1].padStart(size), row[2].padStart(figure), row[3]].join("  ").trimEnd()
  );
  const head = [
    `${
      date.slice(0, 10)
    }, ${machine.cores} cores (${machine.model}), ${machine.memoryGiB} GiB, Node ${machine.node}` +
    (machine.commit === undefined ? "" : `, commit ${machine.commit}`),
    `load average ${load.before} before, ${load.after} after` +
    (load.before > 0.5 ? ": others worked on this machine, times are upper bounds" : ""),
    ...(quick ? ["--quick: small sizes, these figures say only that everything runs"] : []),
    ...notes,
  ];
  return `${head.join("\n")}\n\n${lines.join("\n")}\n`;
}

/** Three digits that count; nobody measures more. */
function figureText(figure: number): string {
  if (!Number.isFinite(figure)) return "-";
  if (Math.abs(figure) >= 100 || Number.isInteger(figure)) return Math.round(figure).toLocaleString("en");
  return figure.toPrecision(3);
}
