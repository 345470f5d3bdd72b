/** What a piece of work took. */
export interface Taken {
  readonly ms: number;
  /** User and system time of this process, all its threads. */
  readonly cpuMs: number;
}

/** Runs `work` and answers what it took. */
export async function timed(work: () => unknown): Promise<Taken> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await work();
  const ms = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000 };
}

/** The operating system's monotonic clock in milliseconds: the same in all processes of a machine. */
export function sharedClockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The value below which the given share of all values lies; `values` in any order. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}
