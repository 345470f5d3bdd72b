import { buildServers, resultTable } from "./build-all.ts";
import { cacheFolder } from "./find.ts";
import { isServerName, serverNames } from "./recipes.ts";

const help = `usage: npm run servers [-- NAME…]

Fetches and builds the real servers that the tests use, into a cache folder outside this clone. What is there already
is kept. Needs Go >= 1.26, Maven with a JDK >= 17, Rust, g++, make, and Python 3 with pip; what cannot be built is named and
the rest goes on.

names:  ${serverNames.join(", ")} (default: all)
cache:  ${cacheFolder()}
        (change it with MESHREGISTRY_SERVERS; delete it to build anew)
`;

/** `npm run servers`. Answers the exit code: 0, 1 if a server failed, 2 for a wrong command line. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(help);
    return 0;
  }
  const unknown = args.filter((name) => !isServerName(name));
  if (unknown.length > 0) {
    process.stderr.write(`unknown server: ${unknown.join(", ")}; known: ${serverNames.join(", ")}\n`);
    return 2;
  }
  const wanted = serverNames.filter((name) => args.length === 0 || args.includes(name));
  const results = await buildServers(wanted);
  process.stdout.write(`\n${resultTable(results)}\n`);
  return results.some(({ outcome }) => outcome === "failed") ? 1 : 0;
}

// An interrupted build must run the exit handlers that end its tools.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

process.exitCode = await main(process.argv.slice(2));
