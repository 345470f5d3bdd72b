import { errorText, isMeshError, MeshError } from "../../shared/runtime/errors.ts";
import { maskUrls } from "../../shared/runtime/mask.ts";
import { buildText, programBuild } from "../../shared/runtime/version.ts";
import { checkConfig } from "./commands/check-config.ts";
import type { Command, CommandIo } from "./command.ts";
import { didYouMean } from "./command-options.ts";
import { completionCommand } from "./commands/completion.ts";
import { configSourcesCommand } from "./commands/config-sources.ts";
import { convertCommand } from "./commands/convert/convert.ts";
import { natsAccountsCommand } from "./commands/nats-accounts.ts";
import { nacosCommand } from "./commands/nacos-dump.ts";
import { changesCommand } from "./commands/state/changes.ts";
import { clientsCommand } from "./commands/state/clients.ts";
import { conflictsCommand } from "./commands/state/conflicts.ts";
import { dependenciesCommand } from "./commands/state/dependencies.ts";
import { describeCommand } from "./commands/state/describe.ts";
import { diffCommand } from "./commands/state/diff.ts";
import { doctorCommand } from "./commands/state/doctor.ts";
import { getCommand } from "./commands/state/get.ts";
import { heldCommand } from "./commands/state/held.ts";
import { historyCommand } from "./commands/state/history.ts";
import { sourcesCommand } from "./commands/state/sources.ts";
import { topCommand } from "./commands/state/top.ts";
import { traceCommand } from "./commands/state/trace.ts";
import { tapCommand } from "./commands/tap/tap.ts";
import { validate } from "./commands/validate.ts";
import { watchCommand } from "./commands/watch/watch.ts";
import { zkCommand } from "./commands/zk-dump.ts";

const commands: readonly Command[] = [
  doctorCommand,
  traceCommand,
  getCommand,
  describeCommand,
  changesCommand,
  historyCommand,
  diffCommand,
  dependenciesCommand,
  topCommand,
  watchCommand,
  tapCommand,
  sourcesCommand,
  clientsCommand,
  heldCommand,
  conflictsCommand,
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
  natsAccountsCommand,
  nacosCommand,
  zkCommand,
  completionCommand(() => commands),
];

/** The command of that name. Undefined if there is none. */
export function findCommand(name: string | undefined): Command | undefined {
  return commands.find((command) => command.name === name);
}

/** Runs a whole command line of meshctl. Answers the exit code; mistakes of the user are told on standard error. */
export async function runCommandLine(args: readonly string[], given: CommandIo): Promise<number> {
  const io = { ...given, stderr: (text: string) => given.stderr(maskUrls(text)) };
  const [name, ...rest] = args;
  if (name === undefined) {
    io.stderr(helpOnAll());
    return 2;
  }
  if (name === "--help" || name === "-h") {
    io.stdout(helpOnAll());
    return 0;
  }
  if (name === "version" || name === "--version" || name === "-v") {
    io.stdout(`meshctl ${buildText(programBuild())}\n`);
    return 0;
  }
  // `meshctl help watch` is how half of the world asks.
  if (name === "help") return await runCommandLine([...rest.slice(0, 1), "--help"], io);
  const command = findCommand(name);
  if (command === undefined) {
    const names = [...commands.map((known) => known.name), "version"];
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
  ${"version".padEnd(width)}Print the version

meshctl COMMAND --help tells more about each.
`;
}
