import { Comparison } from "../../../../shared/api/compare.ts";
import type { Manifest } from "../../../../shared/model/manifest.ts";
import type { CommandLine } from "../../../../shared/runtime/command-line.ts";
import { DebugApi, NotAnswered } from "../../clients/debug-api.ts";
import type { CommandIo } from "../../command.ts";
import { differenceText } from "../state/history.ts";

/**
 * Has the aggregator compare what a registry's answer becomes with what the source has published, and prints what would
 * change. Answers the exit code.
 */
export async function printDiff(
  source: string,
  manifests: readonly Manifest[],
  line: CommandLine,
  io: CommandIo,
): Promise<number> {
  let comparison: Comparison;
  try {
    comparison = await new DebugApi(line, io.signal).postApi("/compare", { source, manifests }, Comparison);
  } catch (error) {
    if (!(error instanceof NotAnswered)) throw error;
    io.stderr(`${error.message}\n`);
    return 1;
  }
  const { counts, entries } = comparison;
  for (const { kind, name, outcome, violations, differences, left } of entries) {
    io.stdout(`${outcome} ${kind} ${name}\n`);
    for (const { rule, path, message } of violations) io.stdout(`  ! ${path}: ${message} [rule ${rule}]\n`);
    for (const difference of differences) io.stdout(`  ${differenceText(difference)}\n`);
    if (left > 0) io.stdout(`  and ${left} more\n`);
  }
  io.stderr(`${Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`).join(", ")}\n`);
  return entries.length === 0 ? 0 : 3;
}
