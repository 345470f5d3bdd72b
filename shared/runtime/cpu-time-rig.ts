import process from "node:process";

/** Test code: the CPU time of this thread so far, in milliseconds. Other processes of a busy machine don't count. */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
