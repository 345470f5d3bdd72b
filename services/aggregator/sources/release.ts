import type { SourceName } from "../ingest/doubts.ts";
import type { CollectorWatch } from "./collector-watch.ts";

/** A living collector, and how many losses its guard holds. */
export interface HoldingCollector {
  readonly source: string;
  readonly member: string;
  readonly held: number;
}

/** The living collectors of some sources. */
export function holdingCollectors(
  sources: readonly SourceName[],
  collectors: CollectorWatch,
): HoldingCollector[] {
  return sources.flatMap((name) =>
    collectors.of(name).filter(({ status }) => status === "live").map(({ lease }) => (
      { source: lease.source, member: lease.member, held: lease.held }
    ))
  );
}

/**
 * Lets go what is held of some sources, here and wherever else. Returns how many resources this aggregator held, and the
 * collectors as they were before. `by`: who wants it.
 * @throws MeshError `entry-log-unavailable` if a request could not be stored
 */
export async function releaseHeld(
  sources: readonly SourceName[],
  by: string,
  collectors: CollectorWatch,
): Promise<{ readonly released: number; readonly collectors: readonly HoldingCollector[] }> {
  const before = holdingCollectors(sources, collectors);
  let released = 0;
  for (const source of sources) released += await collectors.requestRelease(source, by);
  return { released, collectors: before };
}
