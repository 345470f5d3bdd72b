import process from "node:process";
import { findCommand, runCommandLine } from "./commands.ts";

/**
 * Runs meshctl; `args` are what follows its name on the command line. Answers the exit code: 0 for success, 2 for a
 * wrong command line or configuration, 1 for anything else. Ctrl-C ends a lasting command with 0, and so does a
 * standard output that nobody reads any more (`meshctl watch | head`).
 */
export async function main(args: readonly string[]): Promise<number> {
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  const lasting = findCommand(args[0])?.lasting === true ||
    args.some((arg) => arg === "--watch" || arg === "-w");
  // Every other command has nothing to clean up, and Ctrl-C has to end it even while it reads its input.
  if (lasting) { for (const name of signals) process.on(name, onSignal); }
  try {
    return await runCommandLine(args, {
      stdout: printerTo(process.stdout, onSignal),
      stderr: printerTo(process.stderr, () => {}),
      signal: stop.signal,
    });
  } finally {
    for (const name of signals) process.removeListener(name, onSignal);
  }
}

const signals = ["SIGINT", "SIGTERM"] as const;

/** Prints to a stream until its reader goes away. */
function printerTo(stream: NodeJS.WriteStream, onClosed: () => void): (text: string) => void {
  let open = true;
  stream.on("error", (error: Error) => {
    if (!("code" in error) || error.code !== "EPIPE") throw error;
    open = false;
    onClosed();
  });
  return (text) => {
    if (open) stream.write(text);
  };
}
