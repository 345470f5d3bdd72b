import { collectorMain } from "../../shared/collector/collector-main.ts";
import { publishFacts } from "./facts/companion.ts";
import { files } from "./files/registry.ts";
import { kubernetes } from "./registry.ts";

/** Runs the collector. Returns the exit code. */
export const main = (args: readonly string[]): Promise<number> =>
  collectorMain(kubernetes, args, { kinds: [files], startCompanion: publishFacts });
