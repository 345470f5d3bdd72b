import { pino } from "pino";
import type { Logger } from "pino";

export type { Logger };

/**
 * The logger of one service: JSON lines on standard error, so that standard output stays free for what a command
 * prints. Level from `LOG_LEVEL` (trace, debug, info, warn, error; default info). Errors go under the key `err`.
 * Secrets never come here: configuration is logged only through `maskSecrets`.
 */
export function createLogger(service: string): Logger {
  return pino(
    {
      name: service,
      level: process.env["LOG_LEVEL"] ?? "info",
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
