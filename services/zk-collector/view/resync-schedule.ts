import { Cron } from "croner";
import { parseGoDuration } from "../../../shared/config/mod.ts";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";

/** Tells when the whole tree is due to be read again. */
export interface ResyncSchedule {
  /** Milliseconds from a moment until the next read; undefined if there is none any more. */
  msUntilNext(now: Date): number | undefined;
}

/** Minimum number of fields of a cron spec: a shorter text is only a piece of one. */
const fewestFields = 5;

/**
 * Reads `WatchingResyncCron`: cron specs separated by commas, with or without seconds, or descriptors such as
 * `@hourly` and `@every 1h`. In slime a comma inside a spec broke it; here `0,30 * * * *` is one spec.
 * @throws MeshError `configuration` if one of them is no spec.
 */
export function parseResyncSchedule(text: string): ResyncSchedule {
  const specs = splitSpecs(text).map(parseSpec);
  return {
    msUntilNext: (now) => {
      const waits = specs.flatMap((spec) => spec.msUntilNext(now) ?? []);
      return waits.length === 0 ? undefined : Math.min(...waits);
    },
  };
}

function splitSpecs(text: string): string[] {
  const specs: string[] = [];
  let begun = "";
  for (const piece of text.split(",").map((each) => each.trim())) {
    begun = begun === "" ? piece : `${begun},${piece}`;
    const isWhole = begun.startsWith("@") || begun.split(/\s+/).length >= fewestFields;
    if (!isWhole || begun === "") continue;
    specs.push(begun);
    begun = "";
  }
  if (begun === "") return specs;
  const last = specs.pop();
  return [...specs, last === undefined ? begun : `${last},${begun}`];
}

function parseSpec(spec: string): ResyncSchedule {
  try {
    const every = /^@every\s+(\S+)$/.exec(spec)?.[1];
    if (every !== undefined) {
      const periodMs = parseGoDuration(every);
      if (periodMs <= 0) throw new Error("the period must be above 0");
      return { msUntilNext: () => periodMs };
    }
    const cron = new Cron(spec === "@midnight" ? "@daily" : spec, { paused: true, mode: "5-or-6-parts" });
    return {
      msUntilNext: (now) => {
        const next = cron.nextRun(now);
        return next === null ? undefined : next.getTime() - now.getTime();
      },
    };
  } catch (error) {
    throw new MeshError(
      "configuration",
      `zookeeperSource.watchingResyncCron: "${spec}" is no cron spec (${errorText(error)}); ` +
        'write one such as "0 3 * * *" or "@every 1h"',
    );
  }
}
