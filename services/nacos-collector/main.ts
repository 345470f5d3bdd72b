import { collectorMain } from "../../shared/collector/collector-main.ts";
import { nacos } from "./registry.ts";

/** Runs the collector. Returns the exit code. */
export const main = (args: readonly string[]): Promise<number> => collectorMain(nacos, args);
