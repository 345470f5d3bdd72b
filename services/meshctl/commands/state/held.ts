import { MeshError } from "../../../../shared/runtime/errors.ts";
import type { DebugApi } from "../../clients/debug-api.ts";
import { NotAnswered } from "../../clients/debug-api.ts";
import type { Command } from "../../command.ts";
import { Held, Released, Sources } from "./answers.ts";
import type { Source } from "./answers.ts";
import { heldOf } from "./sources.ts";
import { stateCommand } from "./state-command.ts";

const list = stateCommand({
  name: "held",
  summary: "Show what the mass-deletion guard holds back; held release lets it go",
  canWatch: true,
  usage: "meshctl held [release --source REGISTRY[/NAME]]",
  options: {
    source: { type: "string", value: "REGISTRY[/NAME]", help: "Only this source (release needs one)" },
  },
  purpose:
    `Shows the resources that registries have lost and the mass-deletion guard still serves, and for how
long. \`meshctl held release --source eureka\` lets go those of a source: istiods then delete them.

Exit code: 0 if nothing is held, 3 if something is, 1 if the aggregator can't be asked.`,
  async ask(api, line) {
    const wanted = line.text("source");
    const { sources } = await api.ask("/sources", Sources);
    const chosen = wanted === undefined
      ? Object.entries(sources)
      : [[wanted, sourceNamed(sources, wanted)] as const];
    const data = [];
    for (const [name, source] of chosen) {
      if (heldOf(source) === 0) continue;
      const { held } = await api.ask(`${pathOf(source)}/held`, Held);
      // A collector elsewhere knows which: the aggregator only knows how many.
      data.push({ source: name, count: Math.max(held.length, heldOf(source)), held });
    }
    return {
      data,
      titles: ["SOURCE", "SUBJECT", "HELD FOR"],
      rows: data.flatMap(({ source, held, count }) =>
        held.length > 0
          ? held.map(({ subject, heldMs }) => [source, subject, `${Math.round(heldMs / 1000)} s`])
          : [[source, `${count} by the collectors: ask one of them, --api http://…:8082`, ""]]
      ),
      none: "nothing is held back",
      exitCode: data.length === 0 ? 0 : 3,
    };
  },
});

const release = stateCommand({
  name: "held release",
  summary: "",
  usage: "meshctl held release --source REGISTRY[/NAME]",
  options: { source: { type: "string", value: "REGISTRY[/NAME]", help: "The source (needed)" } },
  purpose:
    `Lets go what the mass-deletion guard holds of a source, on all replicas and aggregators: istiods then
delete it. The log of each names the caller.`,
  async ask(api: DebugApi, line) {
    const wanted = line.text("source");
    if (wanted === undefined) {
      throw new MeshError(
        "configuration",
        "--source is missing: name the source whose losses are to be let go",
      );
    }
    const { sources } = await api.ask("/sources", Sources);
    const source = sourceNamed(sources, wanted);
    const count = heldOf(source);
    const data = await api.ask(`${pathOf(source)}/held/release`, Released, "POST");
    return { data, titles: ["SOURCE", "RELEASED"], rows: [[wanted, String(count)]], none: "" };
  },
});

/** `meshctl held`, and `meshctl held release`. */
export const heldCommand: Command = {
  ...list,
  run: async (args, io) => {
    const [word, ...rest] = args;
    return await (word === "release" ? release.run(rest, io) : list.run(args, io));
  },
};

function sourceNamed(sources: Readonly<Record<string, Source>>, name: string): Source {
  const found = sources[name] ?? sources[name.replace(/\/default$/, "")];
  if (found !== undefined) return found;
  throw new NotAnswered(
    `there is no source "${name}"; the aggregator has ${Object.keys(sources).join(", ")}`,
  );
}

function pathOf({ registry, source }: Source): string {
  return `/collectors/${encodeURIComponent(registry)}/${encodeURIComponent(source)}`;
}
