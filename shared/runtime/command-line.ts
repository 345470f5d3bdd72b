import { parseArgs } from "node:util";
import { nearest } from "../config/nearest.ts";
import { parseGoDuration } from "../config/schema/duration.ts";
import { MeshError } from "./errors.ts";
import { maskUserInfo } from "./mask.ts";

/** One option of a command: `--name VALUE`, or a switch. */
export interface OptionSpec {
  readonly type: "string" | "boolean";
  /** What stands for the value in the help, for example `FILE`. */
  readonly value?: string;
  readonly help: string;
}

/** A parsed command line. */
export interface CommandLine {
  readonly text: (name: string) => string | undefined;
  readonly flag: (name: string) => boolean;
  readonly positionals: readonly string[];
}

const help: OptionSpec = { type: "boolean", help: "Show this help" };

/**
 * Parses a command line strictly.
 * @throws MeshError `configuration` naming the wrong option, the nearest right one, and the usage.
 */
export function parseCommandLine(
  args: readonly string[],
  options: Readonly<Record<string, OptionSpec>>,
  usage: string,
): CommandLine {
  const known: Readonly<Record<string, OptionSpec>> = { ...options, help };
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(Object.entries(known).map(([name, { type }]) => [name, { type }])),
    allowPositionals: true,
    // Mistakes are told in our own words.
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    const mistake = token.kind === "option" ? mistakeOf(token, known) : undefined;
    if (mistake !== undefined) throw new MeshError("configuration", `${mistake}\n${usage}\nTry --help.`);
  }
  return {
    text: (name) => {
      const value = values[name];
      return typeof value === "string" ? value : undefined;
    },
    flag: (name) => values[name] === true,
    positionals,
  };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** What is wrong with an option as it was written; undefined if nothing is. */
function mistakeOf(
  { name, rawName, value, inlineValue }: OptionToken,
  known: Readonly<Record<string, OptionSpec>>,
): string | undefined {
  const spec = Object.hasOwn(known, name) ? known[name] : undefined;
  if (spec === undefined) {
    const like = nearest(name, Object.keys(known));
    return `unknown option ${rawName}${like === undefined ? "" : `; did you mean --${like}?`}`;
  }
  if (spec.type === "boolean") {
    return value === undefined
      ? undefined
      : `${rawName} is a switch and takes no value, found "${maskUserInfo(value)}"`;
  }
  const isNextOption = value !== undefined && inlineValue !== true && /^--?[a-z]/i.test(value);
  if (value !== undefined && !isNextOption) return undefined;
  return `${rawName} needs a value: ${rawName} ${spec.value ?? "VALUE"}`;
}

/**
 * A length of time as a command line has it, in milliseconds.
 * @throws MeshError `configuration` if it is none, or negative.
 */
export function durationOption(line: CommandLine, name: string, byDefaultMs: number): number {
  const text = line.text(name);
  if (text === undefined) return byDefaultMs;
  const milliseconds = durationOf(text);
  if (milliseconds !== undefined && milliseconds >= 0) return milliseconds;
  throw new MeshError(
    "configuration",
    `--${name} ${text}: expected a duration such as 30s or 1m30s; 0 for no limit`,
  );
}

function durationOf(text: string): number | undefined {
  try {
    return parseGoDuration(text);
  } catch {
    return undefined;
  }
}

/** The text of `--help`: usage, what the command is for, and its options in columns. */
export function helpText(
  usage: string,
  purpose: string,
  options: Readonly<Record<string, OptionSpec>>,
): string {
  const rows = Object.entries({ ...options, help }).map(([name, { value, help: text }]) =>
    [`  --${name}${value === undefined ? "" : ` ${value}`}`, text] as const
  );
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const lines = rows.map(([left, text]) => left.padEnd(width) + text);
  return `Usage: ${usage}\n\n${purpose}\n\nOptions:\n${lines.join("\n")}\n`;
}
