import { setTimeout as delay } from "node:timers/promises";
import { helpText } from "../../../../shared/runtime/command-line.ts";
import type { CommandLine, OptionSpec } from "../../../../shared/runtime/command-line.ts";
import { MeshError } from "../../../../shared/runtime/errors.ts";
import { DebugApi, debugApiOptions, NotAnswered } from "../../clients/debug-api.ts";
import type { Command, CommandIo } from "../../command.ts";
import { readOptions } from "../../command-options.ts";
import { tableText } from "../../output/table.ts";
import { yamlText } from "../../output/write-yaml.ts";

/** What a command found out: as it was answered, and as a table for people. */
export interface Findings {
  /** For `-o json` and `-o yaml`. */
  readonly data: unknown;
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Said when there are no rows. */
  readonly none: string;
  /** For people, in place of the table. */
  readonly text?: string;
  /** For people, below the table. */
  readonly below?: string;
  /** The exit code; default 0. */
  readonly exitCode?: number;
}

/** A command that asks the debug API and prints the answer. */
export interface StateCommand {
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  readonly purpose: string;
  readonly options?: Readonly<Record<string, OptionSpec>>;
  /** True if `--watch` prints it again whenever it changes. */
  readonly canWatch?: boolean;
  /** How many arguments it takes beside options; default none. */
  readonly takes?: number;
  /** @throws NotAnswered, MeshError `configuration` */
  ask(api: DebugApi, line: CommandLine): Promise<Findings>;
}

const outputOption: OptionSpec = {
  type: "string",
  value: "FORM",
  help: "wide (default), yaml or json; short: -o",
};

const watchOption: OptionSpec = {
  type: "boolean",
  help: "Print it again whenever it changes, until Ctrl-C; short: -w",
};

/** How often `--watch` asks, in milliseconds. */
const watchEveryMs = 2_000;

/** Makes a command of it: options, help, output forms, exit code 1 if the API doesn't answer. */
export function stateCommand(what: StateCommand): Command {
  const options = {
    ...what.options,
    ...debugApiOptions,
    output: outputOption,
    ...(what.canWatch === true && { watch: watchOption }),
  };
  const usage = `${what.usage} [--api URL] [-o wide|yaml|json]${what.canWatch === true ? " [--watch]" : ""}`;
  return {
    name: what.name,
    summary: what.summary,
    lasting: false,
    run: async (args, io) => {
      const line = readOptions(args, options, usage, what.takes);
      if (line.flag("help")) {
        const token = "With http.token set, MESHREGISTRY_TOKEN in the environment has to hold it.";
        io.stdout(helpText(usage, `${what.purpose}\n\n${token}`, options));
        return 0;
      }
      const form = outputForm(line);
      if (what.canWatch === true && line.flag("watch")) return await watch(what, line, form, io);
      try {
        return print(await what.ask(new DebugApi(line, io.signal), line), form, io);
      } catch (error) {
        if (!(error instanceof NotAnswered)) throw error;
        io.stderr(`${error.message}\n`);
        return 1;
      }
    },
  };
}

/** Asks again and again. What can't be answered now may be answered later, so it is said once and no end. */
async function watch(
  what: StateCommand,
  line: CommandLine,
  form: OutputForm,
  io: CommandIo,
): Promise<number> {
  let shown = "";
  let said = "";
  const api = new DebugApi(line, io.signal);
  while (!io.signal.aborted) {
    try {
      let text = "";
      const keep = (part: string) => text += part;
      print(await what.ask(api, line), form, { ...io, stdout: keep, stderr: keep });
      if (text !== shown) io.stdout(`${shown === "" ? "" : "\n"}${text}`);
      [shown, said] = [text, ""];
    } catch (error) {
      if (io.signal.aborted) break;
      if (!(error instanceof NotAnswered)) throw error;
      if (error.message !== said) io.stderr(`${error.message}\n`);
      said = error.message;
    }
    await delay(watchEveryMs, undefined, { signal: io.signal }).catch(() => {});
  }
  return 0;
}

type OutputForm = "wide" | "yaml" | "json";

function outputForm(line: CommandLine): OutputForm {
  const form = line.text("output") ?? "wide";
  if (form === "wide" || form === "yaml" || form === "json") return form;
  throw new MeshError("configuration", `--output ${form}: expected wide, yaml or json`);
}

function print(
  { data, titles, rows, none, text, below = "", exitCode = 0 }: Findings,
  form: OutputForm,
  io: CommandIo,
): number {
  if (form === "json") io.stdout(`${JSON.stringify(data, undefined, 2)}\n`);
  else if (form === "yaml") io.stdout(yamlText(data));
  else if (text !== undefined) io.stdout(text);
  else if (rows.length === 0) io.stderr(`${none}\n`);
  else io.stdout(tableText(titles, rows) + below);
  return exitCode;
}
