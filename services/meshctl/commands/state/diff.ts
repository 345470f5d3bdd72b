import { ServiceDiff } from "../../../../shared/api/history.ts";
import { differenceText } from "./history.ts";
import { servicePath } from "./service-path.ts";
import { stateCommand } from "./state-command.ts";

const parameters = ["source", "from", "to"] as const;

/** `meshctl diff`: what two states of a service differ in. */
export const diffCommand = stateCommand({
  name: "diff",
  summary: "Show what a source's record and what is served differ in, or two states of a record",
  usage: "meshctl diff [NAMESPACE/]NAME [--source REGISTRY[/NAME]] [--from POSITION [--to POSITION]]",
  takes: 1,
  options: {
    source: {
      type: "string",
      value: "REGISTRY[/NAME]",
      help: "Whose record, if several sources have the service",
    },
    from: { type: "string", value: "POSITION", help: "The state before this change, see meshctl history" },
    to: { type: "string", value: "POSITION", help: "The state after this change; default: now" },
  },
  purpose:
    `Compares what a source publishes with what clients get: merged endpoints, virtual addresses, what is left out.
With --from it compares two states of the record.

Exit code: 0 if nothing differs, 3 if something does, 1 if there is no such state or the aggregator can't be
asked.`,
  async ask(api, line) {
    const query = new URLSearchParams();
    for (const name of parameters) {
      const value = line.text(name);
      if (value !== undefined) query.set(name, value);
    }
    const path = await servicePath(api, line, "diff");
    const data = await api.askApi(`${path}/diff?${query.toString()}`, ServiceDiff);
    const { before, after, differences, left } = data;
    const lines = [
      `--- ${before}`,
      `+++ ${after}`,
      ...differences.map(differenceText),
      ...(left > 0 ? [`and ${left} more`] : []),
    ];
    return {
      data,
      titles: [],
      rows: [],
      none: "",
      text: differences.length === 0 ? `${before} and ${after}: no difference\n` : `${lines.join("\n")}\n`,
      exitCode: differences.length === 0 ? 0 : 3,
    };
  },
});
