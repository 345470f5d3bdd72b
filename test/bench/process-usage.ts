import { readFileSync } from "node:fs";
import { z } from "zod";

/** What a process has used so far. */
export const ProcessUsage = z.object({
  cpuMs: z.number(),
  rssMiB: z.number(),
  /** The most that was resident at once. */
  peakRssMiB: z.number(),
});
export type ProcessUsage = z.infer<typeof ProcessUsage>;

/** Linux counts CPU time in these everywhere that Node runs. */
const ticksPerSecond = 100;

/** What another process has used, as Linux tells it. CPU time comes in steps of 10 ms. */
export function usageOf(pid: number): ProcessUsage {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the command in brackets, which may hold anything; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return {
    cpuMs: ticks * 1000 / ticksPerSecond,
    rssMiB: kibOf(status, "VmRSS") / 1024,
    peakRssMiB: kibOf(status, "VmHWM") / 1024,
  };
}

/** What this process has used, to the microsecond. */
export function ownUsage(): ProcessUsage {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  return {
    cpuMs: (userCPUTime + systemCPUTime) / 1000,
    rssMiB: process.memoryUsage.rss() / 2 ** 20,
    peakRssMiB: maxRSS / 1024,
  };
}

function kibOf(status: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN);
}
