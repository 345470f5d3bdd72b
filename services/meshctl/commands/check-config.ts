import process from "node:process";
import { formatIssue, inspectConfig, readConfigText, sourcesOf } from "../../../shared/config/mod.ts";
import type { ConfigReport, FileShape, LoadedConfig } from "../../../shared/config/mod.ts";
import { errorText, isMeshError } from "../../../shared/runtime/errors.ts";

/** Where a command prints to. */
interface Output {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

const usage = `Usage: meshctl check-config FILE…

Reads configuration files and says what they are taken for and what is wrong with them.
A file is our own (keys at the top level), a slime module file (general.LEGACY), or a
ConfigMap or SlimeBoot that holds one; YAML or JSON. Nothing is started or connected.
What a service would refuse at its start is an error here; files that the configuration
names (certificates, credentials) are not looked at. slime's environment variables count.

Exit code: 0 if every file can be used, 2 if not.
`;

const shapeNames: Readonly<Record<FileShape, string>> = {
  "own": "our own file",
  "slime-module": "slime module file",
  "config-map": "ConfigMap with a slime module file",
  "slime-boot": "SlimeBoot with a meshregistry module",
};

/**
 * The command `meshctl check-config`: `args` are what follows its name. Answers the exit code: 0 if every file is in
 * order, 2 if one isn't or if the command line is wrong.
 */
export async function checkConfig(args: readonly string[], io: Output): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    io.stdout(usage);
    return 0;
  }
  const option = args.find((arg) => arg.startsWith("-"));
  if (option !== undefined || args.length === 0) {
    io.stderr(
      option === undefined ? usage : `unknown option ${option}; check-config has no options\n\n${usage}`,
    );
    return 2;
  }
  let exitCode = 0;
  for (const file of args) {
    try {
      const text = await readConfigText(file);
      const report = inspectConfig(text, { env: process.env, fileName: file, toRun: true });
      io.stdout(describe(file, report));
      if (report.loaded === undefined) exitCode = 2;
    } catch (error) {
      if (!isMeshError(error, "configuration")) throw error;
      io.stderr(`${errorText(error)}\n`);
      exitCode = 2;
    }
  }
  return exitCode;
}

function describe(file: string, { loaded, errors, warnings }: ConfigReport): string {
  const lines = [`${file}: ${loaded === undefined ? `can't be used, ${count(errors.length)}` : "ok"}`];
  if (loaded !== undefined) lines.push(...facts(loaded));
  lines.push(...errors.map((error) => `  error    ${formatIssue(error)}`));
  lines.push(...warnings.map((warning) => `  warning  ${formatIssue(warning)}`));
  return `${lines.join("\n")}\n`;
}

function facts({ config, shape }: LoadedConfig): string[] {
  const sources = sourcesOf(config).map(({ registry, source }) =>
    source === "default" ? registry : `${registry}/${source}`
  );
  return [
    `  shape    ${shapeNames[shape]}`,
    `  profile  ${config.profile}`,
    `  sources  ${sources.join(", ")}`,
  ];
}

function count(errors: number): string {
  return errors === 1 ? "1 error" : `${errors} errors`;
}
