import { readFile } from "node:fs/promises";
import process from "node:process";
import { readConfigFile } from "../../shared/config/mod.ts";
import { helpText } from "../../shared/runtime/command-line.ts";
import type { OptionSpec } from "../../shared/runtime/command-line.ts";
import { errorText, MeshError } from "../../shared/runtime/errors.ts";
import type { Command, CommandIo } from "./command.ts";
import { readOptions } from "./command-options.ts";
import { yamlText } from "./yaml-text.ts";

const options: Readonly<Record<string, OptionSpec>> = {
  config: { type: "string", value: "FILE", help: "The aggregator's configuration: shards, port, TLS" },
  shards: {
    type: "string",
    value: "N",
    help: "Number of shards (default: that of the configuration, else 1)",
  },
  service: {
    type: "string",
    value: "HOST",
    help: "Where istiod finds the aggregator (default meshregistry.istio-system.svc)",
  },
  ca: {
    type: "string",
    value: "FILE",
    help: "CA of the aggregator's certificate, PEM: istiod connects with TLS",
  },
};

const usage = "meshctl config-sources [--config FILE | --shards N] [--service HOST] [--ca FILE]";

const purpose =
  `Prints the configSources that istiod's mesh configuration needs, as values for its Helm chart:
one for each shard, and Kubernetes, which istiod no longer reads when it is not among them.

After a change of the number, nothing is missing anywhere at any time if the aggregator has the
larger of both numbers while istiods with either number run:

- more shards: the aggregator first (xds.shards, ports of its Service), then istiod;
- fewer shards: istiod first, then the aggregator.`;

/** What istiod is told about one source (`meshConfig.configSources`). */
interface ConfigSource {
  readonly address: string;
  readonly tlsSettings?: Readonly<Record<string, unknown>>;
}

/**
 * The sources for an aggregator with so many shards at `host`, from `port` on. With a CA, in TLS: istiod speaks no mode
 * but SIMPLE (from 1.26 on), takes the certificates themselves and no path, and connects in plain text in any other
 * mode.
 */
export function configSources(
  host: string,
  port: number,
  shards: number,
  caCertificates: string | undefined,
): ConfigSource[] {
  const tls = caCertificates === undefined
    ? {}
    : { tlsSettings: { mode: "SIMPLE", caCertificates, sni: host, subjectAltNames: [host] } };
  const ours = Array.from(
    { length: shards },
    (_, index) => ({ address: `xds://${host}:${port + index}`, ...tls }),
  );
  return [...ours, { address: "k8s://" }];
}

/** `meshctl config-sources`: what to write into istiod's configuration. */
export const configSourcesCommand: Command = {
  name: "config-sources",
  summary: "Print what istiod's configuration needs to find the aggregator",
  lasting: false,
  run,
};

async function run(args: readonly string[], { stdout, stderr }: CommandIo): Promise<number> {
  const line = readOptions(args, options, usage);
  if (line.flag("help")) {
    stdout(helpText(usage, purpose, options));
    return 0;
  }
  const { port, shards, hasTls } = await servingOf(line.text("config"));
  const ca = await readCa(line.text("ca"));
  if (hasTls && ca === undefined) stderr("warning: the aggregator has xds.tls, so istiod needs --ca FILE\n");
  const count = numberOfShards(line.text("shards")) ?? shards;
  const sources = configSources(line.text("service") ?? "meshregistry.istio-system.svc", port, count, ca);
  stdout(yamlText({ meshConfig: { configSources: sources } }));
  return 0;
}

async function servingOf(file: string | undefined) {
  if (file === undefined) return { port: 16010, shards: 1, hasTls: false };
  const { config } = await readConfigFile(file, process.env);
  const port = /^xds:\/\/[^/?]*:(\d+)/.exec(config.mcp.serverUrl)?.[1];
  if (port === undefined) {
    throw new MeshError(
      "configuration",
      `${file}: mcp.serverUrl "${config.mcp.serverUrl}" has no xds:// port`,
    );
  }
  return { port: Number(port), shards: config.xds.shards, hasTls: config.xds.tls !== undefined };
}

async function readCa(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new MeshError("configuration", `--ca ${file}: ${errorText(error)}`);
  }
}

function numberOfShards(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const shards = Number(text);
  if (Number.isInteger(shards) && shards >= 1 && shards <= 256) return shards;
  throw new MeshError("configuration", `--shards ${text}: expected a number from 1 to 256`);
}
