import { errorText } from "./errors.ts";
import type { Logger } from "./log.ts";

/** What a socket says whose other end has gone. */
const hangUps = new Set(["ECONNRESET", "EPIPE"]);

/** True for the error of a connection that its other end has cut. */
export function isHangUp(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" &&
    hangUps.has(error.code);
}

/**
 * Keeps a process on Deno alive when a socket that was given up reports that its other end has cut it. The NATS client takes
 * its listeners off a socket that it destroys; Node then says nothing more about it, Deno does, and an error to which
 * nothing listens ends the process: a wrong nkey would. Any other such error ends the process as before. Does nothing on
 * Node. Returns the way to stop.
 */
export function outliveAbandonedSockets(log: Logger): () => void {
  if (!("Deno" in globalThis)) return () => {};
  const listener = (error: unknown) => {
    if (isHangUp(error)) {
      log.debug({ err: error }, `a connection that was given up was cut: ${errorText(error)}`);
      return;
    }
    log.fatal({ err: error }, `failed: ${errorText(error)}`);
    process.exit(1);
  };
  process.on("uncaughtException", listener);
  return () => process.removeListener("uncaughtException", listener);
}
