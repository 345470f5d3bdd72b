// Plain JavaScript on purpose: an old Node can't read TypeScript, and its user deserves one sentence about it.
import module from "node:module";
import { setTimeout } from "node:timers";
import { fileURLToPath } from "node:url";
import v8 from "node:v8";

/** How long what is left open may keep a process that has ended its work, in milliseconds. */
const lingerMs = 2_000;

/**
 * Runs a service's `main()` on Node >= 24 and Deno; says what to do on anything older.
 *
 * @param {() => Promise<{ main(args: readonly string[]): Promise<number> }>} load imports the service's main module.
 *   `main` gets the command line and answers the exit code.
 * @param {{ readonly keepsYoungGenerationSmall?: boolean }} options For a service that reads a lot at its start and little
 *   later: V8 otherwise grows its young generation to 128 MiB in such a burst, and keeps it. Whoever sets its size in
 *   Node's options (`--max-semi-space-size`) has the last word; on Deno there is `DENO_V8_FLAGS` alone.
 */
export async function start(load, { keepsYoungGenerationSmall = false } = {}) {
  const runtime = globalThis.Deno === undefined ? process.versions.node : undefined;
  if (runtime !== undefined && Number.parseInt(runtime, 10) < 24) {
    console.error(
      `meshregistry needs Node 24 or newer, or Deno 2, and this is Node ${runtime}: ` +
        "run it through npm (`npm start`, `npx meshctl`, `npx node services/…/start.mjs`), which brings Node 24 along, " +
        "or install Node 24.",
    );
    process.exit(2);
  }
  if (keepsYoungGenerationSmall && runtime !== undefined && !choosesYoungGeneration()) {
    v8.setFlagsFromString("--semi-space-growth-factor=1");
  }
  // Half of a start is the reading of sources, which needn't be done twice. Where nothing may be written nothing is.
  module.enableCompileCache?.(
    fileURLToPath(new URL("../../node_modules/.cache/meshregistry", import.meta.url)),
  );
  const { main } = await load();
  // Now, because a process that is killed writes nothing at its end.
  module.flushCompileCache?.();
  const exitCode = await main(process.argv.slice(2));
  process.exitCode = exitCode;
  // A connection that was being opened when the service was told to stop would keep the process for ever.
  setTimeout(() => process.exit(exitCode), lingerMs).unref();
}

/** True if Node was started with a size for the young generation. */
function choosesYoungGeneration() {
  return [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].some((text) => /semi[-_]space/.test(text));
}
