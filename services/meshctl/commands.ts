import { errorText, isMeshError, MeshError } from "../../shared/runtime/errors.ts";
import { checkConfig } from "./check-config.ts";
import type { Command, CommandIo } from "./command.ts";
import { didYouMean } from "./command-options.ts";
import { configSourcesCommand } from "./config-sources.ts";
import { convertCommand } from "./convert.ts";
import { tapCommand } from "./tap.ts";
import { validate } from "./validate.ts";
import { watchCommand } from "./watch.ts";
import { zkCommand } from "./zk-dump.ts";

const commands: readonly Command[] = [
  watchCommand,
  tapCommand,
  convertCommand,
  {
    name: "validate",
    summary: "Check manifests against the rules of a stock istiod",
    lasting: false,
    run: validate,
  },
  {
    name: "check-config",
    summary: "Check configuration files, ours or slime's",
    lasting: false,
    run: checkConfig,
  },
  configSourcesCommand,
  zkCommand,
];

/** The command of that name. Undefined if there is none. */
export function findCommand(name: string | undefined): Command | undefined {
  return commands.find((command) => command.name === name);
}

/** Runs a whole command line of meshctl. Answers the exit code; mistakes of the user are told on standard error. */
export async function runCommandLine(args: readonly string[], io: CommandIo): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    io.stderr(helpOnAll());
    return 2;
  }
  if (name === "--help" || name === "-h") {
    io.stdout(helpOnAll());
    return 0;
  }
  // `meshctl help watch` is how half of the world asks.
  if (name === "help") return await runCommandLine([...rest.slice(0, 1), "--help"], io);
  const command = findCommand(name);
  if (command === undefined) {
    const names = commands.map((known) => known.name);
    io.stderr(`meshctl has no command "${name}"${didYouMean(name, names)}\nTry meshctl --help.\n`);
    return 2;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    io.stderr(`${errorText(error)}\n`);
    return isMeshError(error, "configuration") ? 2 : 1;
  }
}

function helpOnAll(): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`);
  return `Usage: meshctl COMMAND [OPTIONS]

Looks into meshregistry from outside.

Commands:
${rows.join("\n")}

meshctl COMMAND --help tells more about each.
`;
}
