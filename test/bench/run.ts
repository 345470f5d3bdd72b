import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { helpText, parseCommandLine } from "../../shared/runtime/command-line.ts";
import type { OptionSpec } from "../../shared/runtime/command-line.ts";
import { errorText, isMeshError } from "../../shared/runtime/errors.ts";
import { describeMachine, loadAverage } from "./machine.ts";
import type { Bench, Figure } from "./measurement.ts";
import { measurements } from "./measurements.ts";
import { reportText } from "./report.ts";
import type { Report } from "./report.ts";
import { runIsolated } from "./run-isolated.ts";

const options: Readonly<Record<string, OptionSpec>> = {
  quick: { type: "boolean", help: "Small sizes, a minute in all: shows that everything runs" },
  only: { type: "string", value: "NAME", help: "One measurement" },
  out: {
    type: "string",
    value: "FILE",
    help: "Where the JSON goes (default test/bench/results/<date>.json)",
  },
};

const usage = "npm run bench -- [--quick] [--only NAME] [--out FILE]";

const purpose = `Measures what docs/benchmarks.md describes; prints one table and writes JSON. Nothing else
should work on the machine meanwhile. Takes about an hour.

Measurements:
${measurements.map(({ name, about }) => `  ${name.padEnd(16)} ${about}`).join("\n")}`;

/** `npm run bench`. Answers the exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const line = parseCommandLine(args, options, `Usage: ${usage}`);
    if (line.flag("help")) {
      process.stdout.write(helpText(usage, purpose, options));
      return 0;
    }
    const only = line.text("only");
    const chosen = measurements.filter(({ name }) => only === undefined || name === only);
    if (chosen.length === 0) {
      process.stderr.write(`There is no measurement "${only}"; --help lists them\n`);
      return 2;
    }
    return await run(chosen.map(({ name }) => name), line.flag("quick"), line.text("out"));
  } catch (error) {
    if (!isMeshError(error, "configuration")) throw error;
    process.stderr.write(`${errorText(error)}\n`);
    return 2;
  }
}

async function run(names: readonly string[], quick: boolean, out: string | undefined): Promise<number> {
  const begin = new Date();
  const machine = describeMachine();
  const before = loadAverage();
  const file = out ?? join(import.meta.dirname, "results", `${fileDate(begin)}.json`);
  mkdirSync(dirname(file), { recursive: true });
  const figures: Figure[] = [];
  const notes: string[] = [];
  let failures = 0;
  /** After each figure, so that a run that is broken off leaves what it has. */
  const save = (): Report => {
    const load = { before, after: loadAverage() };
    const report: Report = { date: begin.toISOString(), machine, load, quick, notes, figures };
    writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
    return report;
  };
  for (const name of names) {
    const progress = (text: string) => void process.stderr.write(`${name}: ${text}\n`);
    const bench: Bench = {
      quick,
      report: (figure) => {
        figures.push(figure);
        save();
      },
      note: (text) => void notes.push(text),
      progress,
    };
    try {
      await runIsolated(name, bench);
    } catch (error) {
      failures++;
      notes.push(`${name} failed: ${errorText(error)}`);
      progress(`failed: ${errorText(error)}`);
    }
    save();
  }
  process.stdout.write(`${reportText(save())}\nwritten to ${relative(process.cwd(), file)}\n`);
  return failures === 0 ? 0 : 1;
}

/** A file name that sorts by time: `2026-11-22T17-05-09`. */
function fileDate(date: Date): string {
  return date.toISOString().slice(0, 19).replaceAll(":", "-");
}

process.exitCode = await main(process.argv.slice(2));
