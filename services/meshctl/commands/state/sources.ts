import { Sources } from "./answers.ts";
import type { Source } from "./answers.ts";
import { stateCommand } from "./state-command.ts";

/** `meshctl sources`: how each source is. */
export const sourcesCommand = stateCommand({
  name: "sources",
  summary: "Show each source: is it read, by which collectors, what is held back",
  canWatch: true,
  usage: "meshctl sources",
  purpose: `Shows each source of the aggregator: whether it was read, its resources, the losses that the
mass-deletion guard holds, when it was last proved to be read completely (its sync marker), its collectors, which
of them haven't published their share, and a remark if somebody should look at it.

Exit code: 0 if all sources are read and none has a remark, 3 if not, 1 if the aggregator can't be asked.`,
  async ask(api) {
    const data = await api.ask("/sources", Sources);
    const sources = Object.entries(data.sources);
    const isWell = data.open && data.entryLog.connected && data.servedStateOf === null &&
      sources.every(([, { state, remark }]) => state === "synced" && remark === null);
    return {
      data,
      titles: ["SOURCE", "STATE", "RESOURCES", "HELD", "UNCONFIRMED", "MARKER", "COLLECTORS", "REMARK"],
      rows: sources.map(([name, source]) => [
        name,
        source.state,
        String(source.resources),
        String(heldOf(source)),
        String(source.unconfirmed),
        source.marker?.at ?? "none",
        source.collectors.map(({ member, status }) => `${member}${stateOf(source, member, status)}`).join(
          ", ",
        ),
        source.remark ?? "",
      ]),
      none: "the aggregator has no sources; enable one in its configuration",
      exitCode: isWell ? 0 : 3,
    };
  },
});

/** What there is to say of a collector; nothing if it lives and has published its share. */
function stateOf({ unsettled }: Source, member: string, status: string): string {
  if (status !== "live") return ` (${status})`;
  return unsettled.includes(member) ? " (share not published)" : "";
}

/** How many losses are held: by the aggregator, or by the guards of the collectors, which hold the same ones. */
export function heldOf({ held, collectors }: Source): number {
  return Math.max(held, ...collectors.map((collector) => collector.held));
}
