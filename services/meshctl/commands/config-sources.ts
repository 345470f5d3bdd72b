import { readFile } from "node:fs/promises";
import process from "node:process";
import { isHost, readSettingsFile } from "../../../shared/config/mod.ts";
import { helpText } from "../../../shared/runtime/command-line.ts";
import type { CommandLine, OptionSpec } from "../../../shared/runtime/command-line.ts";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import { maskAddress } from "../../../shared/runtime/mask.ts";
import { checkCertificate } from "../clients/tls-options.ts";
import type { Command, CommandIo } from "../command.ts";
import { readOptions } from "../command-options.ts";
import { yamlText } from "../output/write-yaml.ts";

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

When the number changes, nothing is missing anywhere at any time in this order:

- more shards: the aggregator first (xds.shards, ports of its Service), then istiod;
- fewer shards: either first. The aggregator keeps the ports of the others while its Service has
  them (without NATS, set xds.formerShards to the former number).`;

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
  const ca = await readCa(line);
  if (hasTls && ca === undefined) stderr("warning: the aggregator has xds.tls, so istiod needs --ca FILE\n");
  const count = numberOfShards(line.text("shards")) ?? shards;
  const sources = configSources(hostOf(line), port, count, ca);
  stdout(yamlText({ meshConfig: { configSources: sources } }));
  return 0;
}

async function servingOf(file: string | undefined) {
  if (file === undefined) return { port: 16010, shards: 1, hasTls: false };
  const { config } = await readSettingsFile(file, process.env);
  const port = /^xds:\/\/[^/?]*:(\d+)/.exec(config.mcp.serverUrl)?.[1];
  if (port === undefined) {
    throw new MeshError(
      "configuration",
      `${file}: mcp.serverUrl "${config.mcp.serverUrl}" has no xds:// port`,
    );
  }
  return { port: Number(port), shards: config.xds.shards, hasTls: config.xds.tls !== undefined };
}

/** Certificates as text, because istiod is told them and not where they are. */
async function readCa(line: CommandLine): Promise<string | undefined> {
  const file = line.text("ca");
  if (file === undefined) return undefined;
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (error) {
    throw new MeshError("configuration", `--ca ${file}: ${errorText(error)}`);
  }
  checkCertificate("ca", line, content);
  const text = content.toString("utf8");
  if (/PRIVATE KEY-----/.test(text)) {
    throw new MeshError(
      "configuration",
      `--ca ${file}: there is a private key in it, which nobody but its owner may have`,
    );
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new MeshError(
    "configuration",
    `--ca ${file}: expected PEM, found DER; openssl x509 -inform der converts it`,
  );
}

/** The host alone: ports are those of the shards. */
function hostOf(line: CommandLine): string {
  const host = line.text("service") ?? "meshregistry.istio-system.svc";
  const isName = /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/i.test(host);
  if ((isName && isHost(host)) || /^\[[0-9a-f:.]+\]$/i.test(host)) return host;
  const remedy = /:\d+$/.test(host) ? "; the port comes from mcp.serverUrl of --config" : "";
  throw new MeshError(
    "configuration",
    `--service ${maskAddress(host)}: expected a host such as meshregistry.istio-system.svc${remedy}`,
  );
}

function numberOfShards(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const shards = Number(text);
  if (Number.isInteger(shards) && shards >= 1 && shards <= 256) return shards;
  throw new MeshError("configuration", `--shards ${text}: expected a number from 1 to 256`);
}
