import { pino } from "pino";
import type { LevelWithSilent, Logger } from "pino";

export type { Logger };

/** Names of levels, those of slime's logger included. */
const levels: ReadonlyMap<string, LevelWithSilent> = new Map([
  ["trace", "trace"],
  ["debug", "debug"],
  ["info", "info"],
  ["warn", "warn"],
  ["warning", "warn"],
  ["error", "error"],
  ["fatal", "fatal"],
  ["panic", "fatal"],
  ["silent", "silent"],
]);

/** For messages about a level that is none. */
export const levelNames = "trace, debug, info, warn, error";

/** The loggers that came from a service's own: pino's children keep the level that they were born with. */
const children = new WeakMap<Logger, WeakRef<Logger>[]>();

/**
 * The logger of one service: JSON lines on standard error, so that standard output stays free for what a command
 * prints. `service` says who, `level` is a name. Level from `LOG_LEVEL` (trace, debug, info, warn, error; default info).
 * Errors go under the key `err`. Secrets never come here: configuration is logged only through `maskSecrets`.
 */
export function createLogger(service: string): Logger {
  const wanted = process.env["LOG_LEVEL"] || "info";
  const level = levels.get(wanted.toLowerCase());
  const born: WeakRef<Logger>[] = [];
  const logger = pino(
    {
      level: level ?? "info",
      base: { service },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      onChild: (child) => void born.push(new WeakRef(child)),
    },
    pino.destination({ dest: 2, sync: true }),
  );
  children.set(logger, born);
  if (level === undefined) {
    logger.warn(`LOG_LEVEL "${wanted}" is no level, so info is used; set it to one of ${levelNames}`);
  }
  return logger;
}

/**
 * Sets the level of a service's logger and of all its children, by a name of ours or of slime's. Returns the level, or
 * undefined, with nothing changed, if there is no such level.
 */
export function setLogLevel(logger: Logger, name: string): string | undefined {
  const level = levels.get(name.toLowerCase());
  if (level === undefined) return undefined;
  logger.level = level;
  for (const child of children.get(logger) ?? []) {
    const alive = child.deref();
    if (alive !== undefined) alive.level = level;
  }
  return level;
}
