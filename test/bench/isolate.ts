import type { Figure } from "./measurement.ts";
import { measurements } from "./measurements.ts";

/**
 * Runs one measurement in this process and tells the parent what comes of it. Started by {@link runIsolated}.
 * Arguments: the measurement's name, and `quick` or `full`.
 */

/** What a measurement's process tells its parent. */
export type Told =
  | { readonly type: "figure"; readonly figure: Figure }
  | { readonly type: "note" | "progress"; readonly text: string };

async function main(name: string | undefined, size: string | undefined): Promise<void> {
  const measurement = measurements.find((each) => each.name === name);
  if (measurement === undefined) throw new TypeError(`There is no measurement ${name}`);
  const tell = (told: Told) => void process.send?.(told);
  await measurement.run({
    quick: size === "quick",
    report: (figure) => tell({ type: "figure", figure }),
    note: (text) => tell({ type: "note", text }),
    progress: (text) => tell({ type: "progress", text }),
  });
  process.disconnect();
}

await main(process.argv[2], process.argv[3]);
