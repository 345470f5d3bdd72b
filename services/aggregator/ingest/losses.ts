import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import { sourceFilter } from "../../../shared/model/subject.ts";
import { errorText, isMeshError } from "../../../shared/runtime/errors.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { Doubt, Doubts, SourceName, Verdict } from "./doubts.ts";

/** The entry log that is followed, and until when. */
export interface Reader {
  readonly entryLog: EntryLog;
  readonly signal: AbortSignal;
}

export interface LossesOptions {
  readonly doubts: Doubts;
  readonly log: Logger;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  readonly endpointsOf: (subject: string) => number;
  readonly remove: (subject: string) => void;
  /** How a person lets go what is held of a registry, for the log. */
  readonly releaseHint: (registry: string) => string;
}

/** Maximum number of subjects that a log message names. */
const namedSubjects = 20;

/** Lets go of served resources that are in doubt, as far as {@link Doubts} allows, and says so. */
export class Losses {
  readonly #options: LossesOptions;

  constructor(options: LossesOptions) {
    this.#options = options;
  }

  /**
   * A source was read completely: what is in doubt for these reasons goes, or is held. Returns false if the log was
   * reset meanwhile, so that nothing could be decided.
   */
  async review(source: SourceName, reasons: readonly Doubt["why"][], reader: Reader): Promise<boolean> {
    const { doubts, endpointsOf, now } = this.#options;
    if (doubts.of(source).size === 0) return true;
    const isStored = await this.#readSubjects(source, reader);
    if (isStored === undefined) return false;
    const verdict = doubts.review(source, reasons, isStored, endpointsOf, now());
    this.#apply(source, verdict);
    return true;
  }

  /** Ends the holds whose time is over. */
  expire(): void {
    const { doubts, log, now, remove } = this.#options;
    for (const { dropped, ...source } of doubts.expire(now())) {
      for (const subject of dropped) remove(subject);
      log.warn(
        { ...source, ...named(dropped) },
        `removed ${
          resources(dropped.length)
        } of ${source.registry}: they were held after a reset of the entry log, ` +
          "their collector did not publish them again, and the hold time (guard.holdTime) is over",
      );
    }
  }

  /** Ends the holds of a source, because somebody asked for it. Returns how many there were. */
  release(source: SourceName, by: string): number {
    const dropped = this.#options.doubts.release(source);
    if (dropped.length === 0) return 0;
    for (const subject of dropped) this.#options.remove(subject);
    this.#options.log.warn(
      { ...source, by, ...named(dropped) },
      `removed ${
        resources(dropped.length)
      } of ${source.registry}: they were held, and ${by} asked to release them`,
    );
    return dropped.length;
  }

  /**
   * The subjects that the log holds of a source. An entry that was replaced behind the marker is delivered after it:
   * only the log itself can tell that from one that is missing.
   */
  async #readSubjects(
    { registry, source }: SourceName,
    { entryLog, signal }: Reader,
  ): Promise<ReadonlySet<string> | undefined> {
    const subjects = new Set<string>();
    try {
      for await (const { subject } of entryLog.readBack(sourceFilter(registry, source), signal)) {
        subjects.add(subject);
      }
      return subjects;
    } catch (error) {
      if (!isMeshError(error, "entry-log-unavailable")) throw error;
      this.#options.log.debug({ registry, source }, `nothing in doubt was removed: ${errorText(error)}`);
      return undefined;
    }
  }

  #apply(source: SourceName, { dropped, held, loss }: Verdict): void {
    const { log, remove, releaseHint } = this.#options;
    for (const subject of dropped) remove(subject);
    if (dropped.length > 0) {
      log.info(
        { ...source, ...named(dropped) },
        `removed ${
          resources(dropped.length)
        } of ${source.registry}: their source was read completely without them`,
      );
    }
    if (held.length > 0) {
      log.warn(
        { ...source, ...loss, ...named(held) },
        `${source.registry} lost ${loss.lost} of ${loss.published} endpoints with a reset of the entry log, more than ` +
          `the guard lets through; ${
            resources(held.length)
          } stay served until their collector publishes them again ` +
          `or guard.holdTime is over; to let them go now: ${releaseHint(source.registry)}`,
      );
    }
  }
}

function resources(count: number): string {
  return count === 1 ? "1 resource" : `${count} resources`;
}

function named(
  subjects: readonly string[],
): { readonly count: number; readonly subjects: readonly string[] } {
  return { count: subjects.length, subjects: subjects.slice(0, namedSubjects) };
}
