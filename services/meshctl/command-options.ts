import { nearest } from "../../shared/config/nearest.ts";
import { parseCommandLine } from "../../shared/runtime/command-line.ts";
import type { CommandLine, OptionSpec } from "../../shared/runtime/command-line.ts";
import { MeshError } from "../../shared/runtime/errors.ts";
import { maskUserInfo } from "../../shared/runtime/mask.ts";

/** The short forms that people's fingers know from kubectl. */
const shortForms: ReadonlyMap<string, string> = new Map([["-o", "--output"], ["-h", "--help"], [
  "-w",
  "--watch",
]]);

/** `-o yaml`, `-o=yaml` and `-oyaml` as `--output yaml`; what follows `--` stays. */
function withLongForms(args: readonly string[]): string[] {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  return args.flatMap((arg, index) => {
    const long = index < end ? shortForms.get(arg.slice(0, 2)) : undefined;
    if (long === undefined) return [arg];
    if (arg.length === 2) return [long];
    return [`${long}=${arg.slice(arg[2] === "=" ? 3 : 2)}`];
  });
}

/**
 * Parses the options of a command that takes no more than `takes` other arguments; `-o` and `-h` are understood.
 * @throws MeshError `configuration` naming what is wrong, and the usage.
 */
export function readOptions(
  args: readonly string[],
  options: Readonly<Record<string, OptionSpec>>,
  usage: string,
  takes = 0,
): CommandLine {
  const line = parseCommandLine(withLongForms(args), options, `Usage: ${usage}`);
  const extra = line.positionals[takes];
  if (extra !== undefined) {
    throw new MeshError(
      "configuration",
      `unexpected argument "${maskUserInfo(extra)}"\nUsage: ${usage}\nTry --help.`,
    );
  }
  return line;
}

/** Takes all `--name VALUE` and `--name=VALUE` out of the arguments, for an option that may be repeated. */
export function takeRepeated(
  args: readonly string[],
  name: string,
): { readonly values: readonly string[]; readonly rest: readonly string[] } {
  const values: string[] = [];
  const rest: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    const value = args[index + 1];
    if (arg.startsWith(`--${name}=`)) values.push(arg.slice(name.length + 3));
    else if (arg === `--${name}` && value !== undefined && !value.startsWith("--")) {
      values.push(value);
      index++;
    } else rest.push(arg);
  }
  return { values, rest };
}

/**
 * One of several words, or the default if the option was not given.
 * @throws MeshError `configuration` that lists the words.
 */
export function choice<Word extends string>(
  line: CommandLine,
  name: string,
  words: readonly Word[],
  byDefault: Word,
): Word {
  const given = line.text(name);
  if (given === undefined) return byDefault;
  const word = words.find((candidate) => candidate === given);
  if (word === undefined) {
    throw new MeshError(
      "configuration",
      `--${name} ${given}: expected ${listOf(words)}${didYouMean(given, words)}`,
    );
  }
  return word;
}

/** `a, b or c`. */
export function listOf(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** `; did you mean "watch"?`, or nothing if no candidate is like it. */
export function didYouMean(text: string, candidates: Iterable<string>): string {
  const like = nearest(text, candidates);
  return like === undefined ? "" : `; did you mean "${like}"?`;
}
