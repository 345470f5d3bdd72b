import type { EntryLog, LogRecord } from "../../../shared/entry-log/entry-log.ts";
import { resourceKinds } from "../../../shared/model/manifest.ts";
import { decodeSubject, isBookkeepingKind, sourceFilter } from "../../../shared/model/subject.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import type { SourceName } from "../ingest/doubts.ts";
import type { StreamIngest } from "../ingest/ingest.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import type { CollectorWatch } from "./collector-watch.ts";
import type { SourceOverview } from "./source-overview.ts";

export interface RetireOptions {
  readonly entryLog: EntryLog;
  readonly cache: ResourceCache;
  readonly ingest: StreamIngest;
  readonly overview: SourceOverview;
  readonly collectors: CollectorWatch;
  readonly log: Logger;
}

/** What retiring a source would delete. */
export interface RetirePreview extends SourceName {
  /** Why the source can't be retired now; null if it can be. */
  readonly refusal: string | null;
  /** The resources that clients would lose, as `<kind> <namespace>/<name>`, sorted. */
  readonly resources: readonly string[];
}

/** What retiring a source has deleted. */
export interface Retired extends SourceName {
  readonly deleted: number;
  /** Subjects that could not be deleted, and why. */
  readonly failed: Readonly<Record<string, string>>;
}

/** How long reading or publishing may take, in milliseconds. */
const timeoutMs = 30_000;

/**
 * What retiring the source would do: every resource of it goes, on the stream and at all aggregators. A source that is
 * configured here, or that a living collector publishes, is refused.
 * @throws MeshError `entry-log-unavailable` if the log can't be read in time.
 */
export async function previewRetire(name: SourceName, options: RetireOptions): Promise<RetirePreview> {
  const subjects = await subjectsOf(name, options);
  const resources = [...subjects.keys()].flatMap((subject) => {
    const id = decodeSubject(subject);
    return id === undefined || isBookkeepingKind(id.kind) ? [] : [`${id.kind} ${id.namespace}/${id.name}`];
  });
  return { ...name, refusal: refusalOf(name, options) ?? null, resources: resources.sort() };
}

/**
 * Deletes all that the source has published, its sync marker and its term too. `by` is who asked.
 * @throws MeshError `entry-log-unavailable` if the log can't be written in time: some resources may be deleted then.
 */
export async function retire(name: SourceName, by: string, options: RetireOptions): Promise<Retired> {
  const { entryLog, log } = options;
  const subjects = await subjectsOf(name, options);
  const records = Array.from(subjects, ([subject, expectedSequence]): LogRecord => (
    { subject, data: null, ...(expectedSequence === undefined ? {} : { expectedSequence }) }
  ));
  const results = await entryLog.publish(records, AbortSignal.timeout(timeoutMs));
  const failed: Record<string, string> = {};
  let deleted = 0;
  for (const [index, { subject }] of records.entries()) {
    const result = results[index];
    if (result?.status !== "stored") {
      failed[subject] = result !== undefined && "reason" in result ? result.reason : `${result?.status}`;
    } else if (!isBookkeepingKind(decodeSubject(subject)?.kind)) deleted++;
  }
  const { registry, source } = name;
  const left = Object.keys(failed).length;
  log.warn(
    { registry, source, by, deleted, failed: left },
    `${by} asked to retire ${sourceKey(registry, source)}: ${deleted} resources were deleted` +
      (left === 0 ? "" : `, ${left} messages could not be, so the source stays in part`),
  );
  const detail = `${deleted} resources were deleted, ${left} messages could not be`;
  await options.collectors.record({ by, action: "retire", ...name, detail });
  return { ...name, deleted, failed };
}

/** Why the source can't be retired now; undefined if it can be. */
export function refusalOf(name: SourceName, { overview, collectors }: RetireOptions): string | undefined {
  const key = sourceKey(name.registry, name.source);
  if (overview.isConfigured(name)) {
    return `${key} is configured here: take it out of the configuration of aggregators and collectors first`;
  }
  const live = collectors.of(name).find(({ status }) => status === "live");
  if (live !== undefined) return `the collector ${live.lease.member} publishes ${key}: stop it first`;
  return collectors.listeningMs === undefined
    ? `the collectors' leases can't be read, so a living collector of ${key} can't be ruled out; try again`
    : undefined;
}

/** The source's subjects: with their sequences on the stream, and those that only this aggregator knows. */
async function subjectsOf(
  { registry, source }: SourceName,
  { entryLog, cache, ingest }: RetireOptions,
): Promise<ReadonlyMap<string, number | undefined>> {
  const subjects = new Map<string, number | undefined>();
  const stored = entryLog.readBack(sourceFilter(registry, source), AbortSignal.timeout(timeoutMs));
  for await (const { subject, sequence } of stored) subjects.set(subject, sequence);
  for (const kind of resourceKinds) {
    for (const resource of cache.allStored(kind)) {
      if (resource.registry !== registry || resource.source !== source) continue;
      // In doubt: the stream lost it.
      if (!subjects.has(resource.subject)) subjects.set(resource.subject, 0);
    }
  }
  for (const subject of ingest.rejections.keys()) {
    const id = decodeSubject(subject);
    if (id?.registry !== registry || id.source !== source || (subjects.get(subject) ?? 0) > 0) continue;
    // Whatever is there can't be read back.
    subjects.set(subject, undefined);
  }
  return subjects;
}
