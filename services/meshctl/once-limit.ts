import type { OptionSpec } from "../../shared/runtime/command-line.ts";

/** How long `--once` waits for a complete answer, in milliseconds, unless `--timeout` says otherwise. */
export const onceTimeoutMs = 60_000;

/** `--timeout` of the commands that have `--once`. */
export const onceTimeoutOption: OptionSpec = {
  type: "string",
  value: "TIME",
  help: "How long --once waits for a complete answer: 30s, 5m, … (default 1m; 0: for ever)",
};

/** The end of the patience of `--once`: a signal that aborts then, and tells the user. 0 is patience without an end. */
export function onceLimit(
  timeoutMs: number,
  onNote: (text: string) => void,
): Disposable & { readonly signal: AbortSignal } {
  const over = new AbortController();
  const timer = timeoutMs === 0 ? undefined : setTimeout(() => {
    onNote(
      `no complete answer within ${timeoutMs / 1000} s, giving up; --timeout sets how long --once waits`,
    );
    over.abort();
  }, timeoutMs);
  return { signal: over.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
