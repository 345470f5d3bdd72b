import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * About half of it is garbage. What lives costs 4 ms of CPU per MiB, four times as long on a busy machine, and leases are
 * lost after 3.5 seconds.
 */
const largestHeapMiB = 200;

/**
 * Collects all garbage at once, and gives its memory back to the system. For the moment after a first read: what that
 * left behind V8 keeps for long, scattered over half-empty pages. Nothing else runs meanwhile.
 *
 * @returns milliseconds that it took; undefined: it wasn't done, because the heap is too large, or this is no Node.
 */
export function returnMemory(mostMiB: number = largestHeapMiB): number | undefined {
  if ("Deno" in globalThis || process.memoryUsage().heapUsed > mostMiB * 2 ** 20) return undefined;
  const startMs = performance.now();
  // Only a context that is made while the flag is set has the function.
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  if (typeof collect !== "function") return undefined;
  Reflect.apply(collect, undefined, [{ type: "major", execution: "sync", flavor: "last-resort" }]);
  return performance.now() - startMs;
}
