// Plain JavaScript on purpose: an old Node can't read TypeScript, and its user deserves one sentence about it.
import module from "node:module";
import { setTimeout } from "node:timers";
import { fileURLToPath } from "node:url";

/** How long what is left open may keep a process that has ended its work, in milliseconds. */
const lingerMs = 2_000;

/**
 * Runs a service's `main()` on Node >= 24 and Deno; says what to do on anything older.
 *
 * @param {() => Promise<{ main(args: readonly string[]): Promise<number> }>} load imports the service's main module.
 *   `main` gets the command line and answers the exit code.
 */
export async function start(load) {
  const runtime = globalThis.Deno === undefined ? process.versions.node : undefined;
  if (runtime !== undefined && Number.parseInt(runtime, 10) < 24) {
    console.error(
      `meshregistry needs Node 24 or newer, or Deno 2, and this is Node ${runtime}: ` +
        "run it through npm (`npm start`, `npx meshctl`, `npx node services/…/start.mjs`), which brings Node 24 along, " +
        "or install Node 24.",
    );
    process.exit(2);
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
