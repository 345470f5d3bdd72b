import { Conflicts, HostConflict } from "./answers.ts";
import type { Conflict } from "./answers.ts";
import { stateCommand } from "./state-command.ts";

/** `meshctl conflicts`: hosts that several sources have. */
export const conflictsCommand = stateCommand({
  name: "conflicts",
  summary: "Show hosts that several sources have, and what is served of them",
  canWatch: true,
  usage: "meshctl conflicts [--host HOST]",
  options: { host: { type: "string", value: "HOST", help: "Only this host, with its endpoints by source" } },
  purpose: `Shows the hosts that several sources have: which rule applies, and what is served and why.

Exit code: 0, or 1 if the aggregator can't be asked or no entry has the host.`,
  async ask(api, line) {
    const host = line.text("host");
    if (host === undefined) {
      const data = await api.ask("/conflicts", Conflicts);
      return {
        data,
        titles,
        rows: Object.entries(data.hosts).map(([name, conflict]) => row(name, conflict)),
        none,
      };
    }
    const data = await api.ask(`/conflicts?host=${encodeURIComponent(host)}`, HostConflict);
    return { data, titles, rows: [row(data.host, data)], none };
  },
});

const titles = ["HOST", "OUTCOME", "SOURCES", "WHY"];
const none = "no host stands in several sources";

function row(host: string, { outcome, claimedBy, why }: Conflict): string[] {
  const sources = claimedBy.map(({ source, endpoints }) => `${source} (${countOf(endpoints)})`);
  return [host, outcome ?? "no conflict", sources.join(", "), why];
}

function countOf(endpoints: number | readonly string[]): string {
  return typeof endpoints === "number" ? String(endpoints) : endpoints.join(" ");
}
