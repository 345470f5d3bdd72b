import { collectorMain } from "../../shared/collector/collector-main.ts";
import { zookeeper } from "./registry.ts";

/** Runs the collector. Returns the exit code. */
export const main = (args: readonly string[]): Promise<number> => collectorMain(zookeeper, args);
