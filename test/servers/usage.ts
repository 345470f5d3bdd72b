import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { isServerName } from "./recipes.ts";
import type { ServerName } from "./recipes.ts";

/** Name of the environment variable with the file in which a test run notes its real servers. */
export const usageFileVariable = "MESHREGISTRY_SERVERS_USED";

/** Which real servers a test run started, and which it wanted and did not find. */
export interface Usage {
  readonly used: ReadonlySet<ServerName>;
  readonly missing: ReadonlySet<ServerName>;
}

/**
 * Notes that a test started a server or missed it. The test runner reads the notes at the end; a file, because vitest
 * runs tests in processes of their own. Without the runner this does nothing.
 */
export function noteServer(name: ServerName, what: keyof Usage): void {
  const file = process.env[usageFileVariable];
  // One short line per append: processes that write at the same time don't mix their lines.
  if (file !== undefined && file !== "") appendFileSync(file, `${what} ${name}\n`);
}

/** Reads what {@link noteServer} has written to `file`. */
export function readUsage(file: string): Usage {
  const used = new Set<ServerName>();
  const missing = new Set<ServerName>();
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  for (const line of text.split("\n")) {
    const [what, name = ""] = line.split(" ");
    if (isServerName(name)) (what === "used" ? used : missing).add(name);
  }
  return { used, missing };
}
