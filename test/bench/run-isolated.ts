import { fork } from "node:child_process";
import { join } from "node:path";
import { z } from "zod";
import type { Bench } from "./measurement.ts";

const Told = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("figure"),
    figure: z.object({
      what: z.string(),
      size: z.string(),
      figure: z.number(),
      unit: z.string(),
    }),
  }),
  z.object({ type: z.literal("note"), text: z.string() }),
  z.object({ type: z.literal("progress"), text: z.string() }),
]);

/** Runs a measurement in a process of its own, see `isolate.ts`. Rejects if that process fails. */
export async function runIsolated(name: string, bench: Bench): Promise<void> {
  const file = join(import.meta.dirname, "isolate.ts");
  const child = fork(file, [name, bench.quick ? "quick" : "full"], {
    env: { ...process.env, LOG_LEVEL: "warn" },
  });
  child.on("message", (message) => {
    const told = Told.parse(message);
    if (told.type === "figure") bench.report(told.figure);
    else bench[told.type](told.text);
  });
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`it ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}
