import { History } from "../../../../shared/api/history.ts";
import type { Difference, HistoryChange } from "../../../../shared/api/history.ts";
import { servicePath } from "./service-path.ts";
import { stateCommand } from "./state-command.ts";

/** `meshctl history`: what changed of a service, and when. */
export const historyCommand = stateCommand({
  name: "history",
  summary: "Show the last changes of a service: when, which source, what",
  canWatch: true,
  usage: "meshctl history [NAMESPACE/]NAME",
  takes: 1,
  purpose:
    `Shows the changes of a service that the aggregator remembers since its start, the newest first. How many it
keeps is history.versions in its configuration. A service that is gone needs its namespace: shop/orders.

Exit code: 0 if there is a change, 3 if none is kept, 1 if there is no such service or the aggregator can't be
asked.`,
  async ask(api, line) {
    const data = await api.askApi(`${await servicePath(api, line, "history")}/history`, History);
    const { changes, keptSince, versions } = data;
    return {
      data,
      titles: ["AT", "CHANGE", "SOURCE", "POSITION", "WHAT"],
      rows: changes.flatMap(rowsOf),
      none: versions === 0
        ? "changes are not kept: history.versions is 0 in the aggregator's configuration"
        : `no change since ${keptSince ?? "the start"}; earlier ones are not kept`,
      exitCode: changes.length === 0 ? 3 : 0,
    };
  },
});

function rowsOf({ at, change, source, position, differences, left }: HistoryChange): string[][] {
  const lines = differences.map(differenceText);
  if (left > 0) lines.push(`and ${left} more`);
  const [first = "", ...others] = lines;
  return [[at, change, source, position, first], ...others.map((text) => ["", "", "", "", text])];
}

/** A difference in one line. */
export function differenceText({ path, before, after }: Difference): string {
  if (before === null) return `+ ${path} ${JSON.stringify(after)}`;
  if (after === null) return `- ${path} ${JSON.stringify(before)}`;
  return `~ ${path} ${JSON.stringify(before)} -> ${JSON.stringify(after)}`;
}
