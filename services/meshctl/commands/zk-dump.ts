import { helpText } from "../../../shared/runtime/command-line.ts";
import type { OptionSpec } from "../../../shared/runtime/command-line.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import type { Command, CommandIo } from "../command.ts";
import { readOptions } from "../command-options.ts";
import { configWithAddress } from "./zookeeper-address.ts";
import { readTree } from "./zookeeper-tree.ts";

const options: Readonly<Record<string, OptionSpec>> = {
  address: {
    type: "string",
    value: "HOST:PORT[,…]",
    help: "Servers of the ensemble (default 127.0.0.1:2181, or those of --config)",
  },
  config: { type: "string", value: "FILE", help: "Configuration with servers, credentials and TLS" },
  root: { type: "string", value: "PATH", help: "Where to begin (default /)" },
};

const usage = "meshctl zk dump [--address HOST:PORT[,…]] [--config FILE] [--root PATH]";

const purpose =
  `Prints all nodes of a ZooKeeper as a JSON array of {path, data}, one node per line, sorted by path: what
\`meshctl convert --source zookeeper\` takes. Nothing is changed in ZooKeeper. Contents that are no UTF-8
are printed as far as they are text.

Exit code: 0 if all went well, 1 if ZooKeeper can't be read or has no such root, 2 if the command line or the configuration
is wrong.`;

/** `meshctl zk dump`: a ZooKeeper's tree as text. */
export const zkCommand: Command = {
  name: "zk",
  summary: "zk dump: print a ZooKeeper's tree",
  lasting: false,
  run: async ([name, ...args], io) => {
    if (name === "--help" || name === "-h") {
      io.stdout(helpText(usage, purpose, options));
      return 0;
    }
    if (name !== "dump") {
      throw new MeshError("configuration", `meshctl zk takes one word: dump\nUsage: ${usage}\nTry --help.`);
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
  const root = line.text("root") ?? "/";
  if (!/^\/$|^(\/[^/]+)+$/.test(root)) {
    throw new MeshError(
      "configuration",
      `--root ${root}: expected a path such as /dubbo, without a slash at its end`,
    );
  }
  const { config } = await configWithAddress(line);
  let lastTold = 0;
  const nodes = await readTree(
    config.zookeeperSource,
    [root],
    {
      unreadable: (path, reason) => io.stderr(`warning: ${path}: ${reason}; left out\n`),
      progress: (count) => {
        if (count < lastTold + 10_000) return;
        lastTold = count;
        io.stderr(`${count} nodes read\n`);
      },
    },
    io.signal,
  );
  if (nodes.length === 0) {
    io.stderr(
      `there is no node ${root} in this ZooKeeper${
        chrootHint(config.zookeeperSource.address)
      }; check --root\n`,
    );
    return 1;
  }
  io.stdout(`[\n${nodes.map((node) => JSON.stringify(node)).join(",\n")}\n]\n`);
  return 0;
}

/** Paths are those below the address' chroot. */
function chrootHint(address: readonly string[]): string {
  const chroot = /\/.*/.exec(address.at(-1) ?? "")?.[0];
  return chroot === undefined ? "" : ` below its chroot ${chroot}`;
}
