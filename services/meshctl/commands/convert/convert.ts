import { readFile } from "node:fs/promises";
import process from "node:process";
import { buffer as readAll } from "node:stream/consumers";
import { formatIssue, loadConfig, readSettingsFile } from "../../../../shared/config/mod.ts";
import type { LoadedConfig } from "../../../../shared/config/mod.ts";
import { helpText } from "../../../../shared/runtime/command-line.ts";
import { whoIsAddressed } from "../../../../shared/istio/addressed-host.ts";
import type { CommandLine, OptionSpec } from "../../../../shared/runtime/command-line.ts";
import { errorText, isMeshError, MeshError } from "../../../../shared/runtime/errors.ts";
import { decodeText } from "../../../../shared/runtime/read-text.ts";
import type { Command, CommandIo } from "../../command.ts";
import { debugApiOptions } from "../../clients/debug-api.ts";
import { choice, readOptions } from "../../command-options.ts";
import { eurekaConvertSource } from "../../../eureka-collector/dry-run/convert-eureka.ts";
import type { Conversion, ConvertSource } from "../../../../shared/collector/dry-run/convert-source.ts";
import { kubernetesConvertSource } from "../../../k8s-collector/dry-run/convert-kubernetes.ts";
import { nacosConvertSource } from "../../../nacos-collector/dry-run/convert-nacos.ts";
import { zookeeperConvertSource } from "../../../zk-collector/dry-run/convert-zookeeper.ts";
import { printDiff } from "./print-diff.ts";
import { stageManifests } from "./output-stage.ts";
import type { StagedManifest } from "./output-stage.ts";
import { yamlText } from "../../output/write-yaml.ts";

const sourceNames = ["eureka", "nacos", "zookeeper", "kubernetes"] as const;

const sources: Readonly<Record<(typeof sourceNames)[number], ConvertSource>> = {
  eureka: eurekaConvertSource,
  nacos: nacosConvertSource,
  zookeeper: zookeeperConvertSource,
  kubernetes: kubernetesConvertSource,
};

const forms = ["yaml", "json"] as const;
type Form = (typeof forms)[number];

const options: Readonly<Record<string, OptionSpec>> = {
  source: {
    type: "string",
    value: "NAME",
    help: "Where the input comes from: eureka, nacos, zookeeper or kubernetes (needed)",
  },
  config: { type: "string", value: "FILE", help: "Configuration, ours or slime's (default: all defaults)" },
  input: {
    type: "string",
    value: "FILE",
    help: "What the registry answered, or has; - is standard input (the file alone does as well)",
  },
  address: {
    type: "string",
    value: "HOST:PORT[,…]",
    help: "nacos and zookeeper: read it from there, with the credentials of --config",
  },
  kubeconfig: {
    type: "string",
    value: "FILE[,…]",
    help: "kubernetes only: read the clusters of these kubeconfigs",
  },
  output: { type: "string", value: "FORM", help: "yaml (default) or json; short: -o" },
  all: { type: "boolean", help: "Print also what would not be served" },
  diff: { type: "boolean", help: "Print what would change, compared with what a running aggregator has" },
  ...debugApiOptions,
};

const usage =
  "meshctl convert --source eureka|nacos|zookeeper|kubernetes {[--input] FILE | --address HOST:PORT | --kubeconfig FILE} [--config FILE] [-o yaml|json] [--all | --diff [--api URL]]";

const purpose =
  `Dry run: prints what an answer of a registry is converted to, as the aggregator would serve it,
sorted by kind, namespace and name. Nothing is published. The input is

- eureka: an answer as the registry gives it ({"applications": …}), or a bare array of
  applications, in JSON;
- nacos: what \`meshctl nacos dump\` prints, or an answer of Nacos about a service's instances, or an
  array of such, or a catalogue with instances, in JSON;
- zookeeper: a dump of the tree, in JSON or YAML: an array of {path, data}, or nested nodes
  {fullPath, children: {name: node}};
- kubernetes: the output of kubectl get svc,endpointslices,pods,nodes -A -o yaml, or -o json.

Records that can't be used, and what breaks Istio's rules, are told on standard error. In the
istio profile such a manifest is not served, and only printed with --all. slime's environment
variables (SE_LABEL_SELECTOR_KEYS, …) count as they do for a collector.

With --diff it prints what would change: the running aggregator compares it with what the source has
published. Labels of pods, which a dry run can't know, count as differences.

Exit code: 0 if all went well, 3 if --diff finds a difference, 1 if nothing could be converted because the input is
malformed, 2 if the command line or the configuration is wrong.`;

/** `meshctl convert`: the dry run of a collector and of the aggregator's output stage. */
export const convertCommand: Command = {
  name: "convert",
  summary: "Dry run: what a registry's answer becomes",
  lasting: false,
  run: async (args, io) => {
    const line = readOptions(args, options, usage, 1);
    if (line.flag("help")) {
      io.stdout(helpText(usage, purpose, options));
      return 0;
    }
    const { name, source } = sourceOf(line);
    const input = inputOf(line, name, source);
    const form = choice(line, "output", forms, "yaml");
    const loaded = await configOf(line, source);
    for (const warning of loaded.warnings) io.stderr(`warning: ${formatIssue(warning)}\n`);
    if (!source.isEnabled(loaded)) {
      io.stderr(
        `warning: ${
          line.text("config")
        } does not enable ${name}; converting with its settings all the same\n`,
      );
    }
    let conversion: Conversion;
    try {
      conversion = await input.convert(loaded, io.signal);
    } catch (error) {
      if (!isMeshError(error, "protocol-violation")) throw error;
      io.stderr(`${input.label}: ${errorText(error)}\n`);
      return 1;
    }
    if (line.flag("diff")) return await printDiff(name, conversion.manifests, line, io);
    return printConversion(
      conversion,
      { label: input.label, form, all: line.flag("all"), config: loaded.config },
      io,
    );
  },
};

interface Input {
  /** How it is called in messages. */
  readonly label: string;
  readonly convert: (loaded: LoadedConfig, signal: AbortSignal) => Promise<Conversion>;
}

function inputOf(line: CommandLine, name: string, { convert, convertLive }: ConvertSource): Input {
  const [named] = line.positionals;
  const file = line.text("input") ?? named;
  if (named !== undefined && file !== named) {
    throw new MeshError(
      "configuration",
      `two inputs are named, ${file} and ${named}; convert them one by one`,
    );
  }
  const live = name === "kubernetes" ? "kubeconfig" : "address";
  const other = live === "address" ? "kubeconfig" : "address";
  if (line.text(other) !== undefined) {
    throw new MeshError("configuration", `--${other}: ${name} is read with --input or --${live}`);
  }
  const address = line.text(live);
  if ((file === undefined) === (address === undefined)) {
    const what = file === undefined
      ? "the file is missing, with or without --input before it"
      : `--input and --${live} don't go together`;
    throw new MeshError("configuration", `${what}\nUsage: ${usage}\nTry --help.`);
  }
  if (file !== undefined) {
    return {
      label: file === "-" ? "standard input" : file,
      convert: async (loaded, signal) => await convert(await readInput(file), loaded, signal),
    };
  }
  if (convertLive === undefined || address === undefined) {
    throw new MeshError(
      "configuration",
      `--address: ${name} can't be read live; give its answer with --input`,
    );
  }
  return {
    label: address,
    convert: (loaded, signal) => convertLive(address.split(","), loaded, signal),
  };
}

function sourceOf(line: CommandLine): { readonly name: string; readonly source: ConvertSource } {
  if (line.text("source") === undefined) {
    throw new MeshError("configuration", `--source is missing\nUsage: ${usage}\nTry --help.`);
  }
  const name = choice(line, "source", sourceNames, "eureka");
  return { name, source: sources[name] };
}

async function configOf(line: CommandLine, source: ConvertSource): Promise<LoadedConfig> {
  const file = line.text("config");
  if (file !== undefined) return await readSettingsFile(file, process.env);
  return loadConfig(source.defaultConfig, { env: process.env, fileName: "by default" });
}

async function readInput(file: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = file === "-" ? await readAll(process.stdin) : await readFile(file);
  } catch (error) {
    throw new MeshError("configuration", `Cannot read the input: ${errorText(error)}; check --input`);
  }
  const text = decodeText(bytes);
  if (text === undefined) {
    throw new MeshError("configuration", "Cannot read the input: it isn't text (UTF-8); check --input");
  }
  return text;
}

interface PrintOptions {
  /** How the input is called in messages. */
  readonly label: string;
  readonly form: Form;
  readonly all: boolean;
  readonly config: LoadedConfig["config"];
}

function printConversion(
  conversion: Conversion,
  { label, form, all, config: { profile, virtualAddresses } }: PrintOptions,
  io: CommandIo,
): number {
  const { manifests, invalidRecords, notes } = conversion;
  for (const note of notes) io.stderr(`note: ${note}\n`);
  for (const { path, reason } of invalidRecords) {
    io.stderr(`warning: ${label}: ${path}: ${reason}; it is left out\n`);
  }
  const staged = stageManifests(manifests, profile, whoIsAddressed(virtualAddresses.mode, profile));
  const addressed = staged.filter((item) => item.addressed).length;
  if (addressed > 0) {
    io.stderr(
      `note: ${addressed} of the entries would be served with a virtual address, which a dry run can't know\n`,
    );
  }
  for (const item of staged) {
    for (const text of violationTexts(item, profile)) io.stderr(`warning: ${text}\n`);
  }
  const printed = staged.filter(({ served }) => served || all).map(({ manifest }) => manifest);
  io.stdout(
    form === "json" ? `${JSON.stringify(printed, undefined, 2)}\n` : printed.map(yamlDocument).join(""),
  );
  if (manifests.length === 0 && invalidRecords.length === 0) {
    io.stderr(`note: ${label}: nothing of it becomes an entry\n`);
  } else if (printed.length === 0 && manifests.length > 0) {
    io.stderr(`note: ${label}: nothing of it would be served; --all prints it all the same\n`);
  }
  if (manifests.length > 0 || invalidRecords.length === 0) return 0;
  io.stderr(`${label}: nothing could be converted, no record is usable\n`);
  return 1;
}

function yamlDocument(manifest: unknown): string {
  return `---\n${yamlText(manifest)}`;
}

function violationTexts({ manifest, violations, served }: StagedManifest, profile: string): string[] {
  const { kind, metadata: { namespace, name } } = manifest;
  return violations.map(({ rule, severity, path, message }) => {
    const effect = severity === "warning"
      ? ""
      : !served
      ? "; it would not be served"
      : profile === "slime"
      ? "; it is served, but a stock istiod drops it"
      : "";
    return `${kind} ${namespace}/${name}: ${path}: ${message} [rule ${rule}]${effect}`;
  });
}
