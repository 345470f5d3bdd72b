import { readOnce } from "../../../shared/collector/read-once.ts";
import { loadConfig, readSettingsFile } from "../../../shared/config/mod.ts";
import type { LoadedConfig } from "../../../shared/config/mod.ts";
import type { ConfigName, Nacos } from "../../../shared/nacos/nacos.ts";
import { openNacos } from "../../../shared/nacos/open-nacos.ts";
import { helpText } from "../../../shared/runtime/command-line.ts";
import type { CommandLine, OptionSpec } from "../../../shared/runtime/command-line.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import { nacosOptions, sharedNacosOptions } from "../../nacos-collector/client/nacos-options.ts";
import { NacosView } from "../../nacos-collector/view/nacos-view.ts";
import type { Command, CommandIo } from "../command.ts";
import { readOptions } from "../command-options.ts";
import { withAddress } from "../../nacos-collector/dry-run/convert-nacos.ts";

// This file is the documented exception to «no service imports another»: a dump shows what a collector would read.

const options: Readonly<Record<string, OptionSpec>> = {
  address: {
    type: "string",
    value: "HOST:PORT[,…]",
    help: "Servers of the cluster, also as URLs (default http://127.0.0.1:8848, or those of --config)",
  },
  config: {
    type: "string",
    value: "FILE",
    help: "Configuration with servers, credentials, namespaces and groups (default: all namespaces)",
  },
};

const usage = "meshctl nacos dump [--address HOST:PORT[,…]] [--config FILE]";

const purpose =
  `Prints what a collector would read of a Nacos, as a JSON array, one service per line, sorted: what
\`meshctl convert --source nacos\` takes. Beside the services there are the configurations in which Dubbo's
applications say what they offer. Nothing is changed in Nacos.

Exit code: 0 if all went well, 1 if Nacos can't be read, 2 if the command line or the configuration is wrong.`;

/** How long to wait for everything, in milliseconds. */
const timeoutMs = 60_000;

/** `meshctl nacos dump`: the services of a Nacos as text. */
export const nacosCommand: Command = {
  name: "nacos",
  summary: "nacos dump: print a Nacos' services",
  lasting: false,
  run: async ([name, ...args], io) => {
    if (name === "--help" || name === "-h") {
      io.stdout(helpText(usage, purpose, options));
      return 0;
    }
    if (name !== "dump") {
      throw new MeshError(
        "configuration",
        `meshctl nacos takes one word: dump\nUsage: ${usage}\nTry --help.`,
      );
    }
    return await dump(args, io);
  },
};

async function dump(args: readonly string[], io: CommandIo): Promise<number> {
  const line = readOptions(args, options, usage);
  if (line.flag("help")) {
    io.stdout(helpText(usage, purpose, options));
    return 0;
  }
  const loaded = await configOf(line);
  const { config, environment } = loaded;
  const shared = await sharedNacosOptions(config.nacosSource, environment.nacosClientHeaders);
  const contents = new Map<string, string>();
  let view: NacosView | undefined;
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(timeoutMs)]);
  const { invalidRecords } = await readOnce(
    (context) =>
      view = new NacosView(
        config.nacosSource,
        (server) =>
          recording(openNacos(nacosOptions(server, shared)), (name, content) =>
            contents.set(JSON.stringify({ registryId: server.registryId, ...name, content }), content)),
        context,
      ),
    loaded,
    "Nacos",
    signal,
  );
  for (const [path, reason] of invalidRecords) io.stderr(`warning: ${path}: ${reason}\n`);
  const services = Array.from(
    view?.catalogue.records ?? [],
    ({ group, name, instances, ...record }) =>
      JSON.stringify({
        registryId: record.registryId,
        namespace: record.namespace,
        groupName: group,
        name,
        ...(record.protected ? { reachProtectionThreshold: true } : {}),
        hosts: instances.map(({ cluster, ...instance }) => ({ ...instance, clusterName: cluster })),
      }),
  );
  io.stdout(`[\n${[...services.sort(), ...[...contents.keys()].sort()].join(",\n")}\n]\n`);
  return 0;
}

async function configOf(line: CommandLine): Promise<LoadedConfig> {
  const file = line.text("config");
  // As `meshctl convert` takes them, with or without a scheme.
  const address = line.text("address")?.split(",").map((one) => one.includes("://") ? one : `http://${one}`);
  if (file === undefined) {
    const nacosSource = { address: address ?? ["http://127.0.0.1:8848"], allNamespaces: true };
    return loadConfig(JSON.stringify({ nacosSource }), { env: process.env, fileName: "--address" });
  }
  const loaded = await readSettingsFile(file, process.env);
  if (address === undefined) return loaded;
  const { config } = loaded;
  return { ...loaded, config: { ...config, nacosSource: withAddress(config.nacosSource, address) } };
}

/** A client that tells which configurations it has read. */
function recording(nacos: Nacos, read: (name: ConfigName, content: string) => void): Nacos {
  return {
    get about() {
      return nacos.about;
    },
    requests: nacos.requests,
    detect: (signal) => nacos.detect(signal),
    namespaces: (signal) => nacos.namespaces(signal),
    openNaming: (namespace, naming) => nacos.openNaming(namespace, naming),
    getConfig: async (name, signal) => {
      const content = await nacos.getConfig(name, signal);
      if (content !== undefined) read(name, content);
      return content;
    },
    [Symbol.asyncDispose]: () => nacos[Symbol.asyncDispose](),
  };
}
