import { parseArgs } from "node:util";
import { errorText, MeshError } from "./errors.ts";

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
 * @throws MeshError `configuration` naming the wrong option, and the usage.
 */
export function parseCommandLine(
  args: readonly string[],
  options: Readonly<Record<string, OptionSpec>>,
  usage: string,
): CommandLine {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: Object.fromEntries(
        Object.entries({ ...options, help }).map(([name, { type }]) => [name, { type }]),
      ),
      allowPositionals: true,
      strict: true,
    });
    return {
      text: (name) => {
        const value = values[name];
        return typeof value === "string" ? value : undefined;
      },
      flag: (name) => values[name] === true,
      positionals,
    };
  } catch (error) {
    throw new MeshError("configuration", `${errorText(error)}\n${usage}\nTry --help.`);
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
