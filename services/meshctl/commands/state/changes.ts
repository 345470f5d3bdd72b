import { ChangePage, MomentDiff } from "../../../../shared/api/moments.ts";
import type { MomentRow } from "../../../../shared/api/moments.ts";
import type { CommandLine, OptionSpec } from "../../../../shared/runtime/command-line.ts";
import { MeshError } from "../../../../shared/runtime/errors.ts";
import type { DebugApi } from "../../clients/debug-api.ts";
import { stateCommand } from "./state-command.ts";
import type { Findings } from "./state-command.ts";

const filters: Readonly<Record<string, OptionSpec>> = {
  source: { type: "string", value: "REGISTRY[/NAME]", help: "Only the records of this source" },
  namespace: { type: "string", value: "NAME", help: "Only services of this namespace" },
  kind: { type: "string", value: "KIND", help: "Only ServiceEntry or only Sidecar" },
  limit: { type: "string", value: "N", help: "List so many at most (default: 100; largest: 1000)" },
};

/** `meshctl changes`: what happened lately, in all services. */
export const changesCommand = stateCommand({
  name: "changes",
  summary: "Show what happened lately in all services, or what is different from a moment ago",
  usage:
    "meshctl changes [--since MOMENT [--net]] [--until MOMENT] [--source REGISTRY[/NAME]] [--namespace NAME] [--kind KIND] [--limit N]",
  options: {
    since: {
      type: "string",
      value: "MOMENT",
      help: "Only what happened after it (default: all that is kept)",
    },
    until: { type: "string", value: "MOMENT", help: "Only what happened up to it (default: now)" },
    net: { type: "boolean", help: "With --since: what is different between then and now, not each change" },
    ...filters,
  },
  purpose:
    `Shows the changes of all services and Sidecars that the aggregator remembers since its start, the newest first.
MOMENT is a duration such as 10m (so long ago), a time such as 2026-11-30T03:00:00Z, or a position in the entry log,
as this command and meshctl history print it. With --net a service that went and came back as it was is not listed.

Exit code: 0 if something happened, 3 if nothing did, 1 if the moment is before what is kept or the aggregator
can't be asked.`,
  async ask(api, line) {
    if (!line.flag("net")) return await changes(api, line);
    if (line.text("since") !== undefined) return await differences(api, line);
    throw new MeshError(
      "configuration",
      "--net compares now with a moment: add --since, such as --since 10m",
    );
  },
});

async function changes(api: DebugApi, line: CommandLine): Promise<Findings> {
  const query = queryOf(line, { since: "since", until: "until" });
  const data = await api.askApi(`/changes?${query}`, ChangePage);
  return {
    data,
    titles: ["AT", "CHANGE", "SERVICE", "SOURCE", "ENDPOINTS", "POSITION"],
    rows: data.changes.map((
      row,
    ) => [row.at, row.change, serviceIn(row), row.source, endpointsIn(row), row.position]),
    none: `nothing happened; changes are kept since ${data.completeSince ?? "the sources are read"}`,
    below: data.left > 0 ? `and ${data.left} earlier changes\n` : "",
    exitCode: data.changes.length === 0 ? 3 : 0,
  };
}

async function differences(api: DebugApi, line: CommandLine): Promise<Findings> {
  const query = queryOf(line, { since: "at", until: "to" });
  const data = await api.askApi(`/moment?${query}`, MomentDiff);
  const { counts, rows, left } = data;
  const below = [
    ...(left > 0 ? [`and ${left} more`] : []),
    ...(counts.unknown > 0
      ? [`${counts.unknown} changed more often since then than is kept (history.versions)`]
      : []),
  ];
  return {
    data,
    titles: ["CHANGE", "SERVICE", "SOURCE", "ENDPOINTS"],
    rows: rows.map((row) => [row.change, serviceIn(row), row.source, endpointsIn(row)]),
    none: ["nothing is different", ...below].join("\n"),
    below: below.map((text) => `${text}\n`).join(""),
    exitCode: rows.length === 0 ? 3 : 0,
  };
}

/** The query of the given options; moments under the names that the question has for them. */
function queryOf(line: CommandLine, moments: Readonly<Record<"since" | "until", string>>): string {
  const query = new URLSearchParams();
  const names = { ...moments, ...Object.fromEntries(Object.keys(filters).map((name) => [name, name])) };
  for (const [option, name] of Object.entries(names)) {
    const value = line.text(option);
    if (value !== undefined) query.set(name, value);
  }
  return query.toString();
}

function serviceIn({ kind, name }: MomentRow): string {
  return kind === "Sidecar" ? `${name} (Sidecar)` : name;
}

function endpointsIn({ kind, endpointsBefore, endpointsAfter }: MomentRow): string {
  if (kind === "Sidecar") return "";
  return endpointsBefore === endpointsAfter
    ? String(endpointsAfter)
    : `${endpointsBefore} -> ${endpointsAfter}`;
}
