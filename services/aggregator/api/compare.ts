import { ComparedEntry, CompareRequest } from "../../../shared/api/compare.ts";
import type { Comparison } from "../../../shared/api/compare.ts";
import { Manifest, resourceKinds } from "../../../shared/model/manifest.ts";
import { Turns } from "../../../shared/runtime/turns.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import { diffManifests } from "../history/manifest-diff.ts";
import { manifestIn } from "../history/manifest-in.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import { encodePrepared, prepareManifest } from "../output-stage/present.ts";
import type { ApiOptions } from "./api-options.ts";
import { firstIssue, Refusal } from "./operation.ts";

/** The largest body of a comparison, in bytes: reading one keeps others waiting for a tenth of a second. */
export const maxCompareBytes = 4 * 1024 * 1024;

/** So many entries that differ are listed. */
const maxEntries = 1000;

/**
 * Compares what a dry run produced with what a source has published, through the same output stage. Publishes nothing.
 * @throws Refusal for a body of another form
 */
export async function compare(body: unknown, options: ApiOptions): Promise<Comparison> {
  const request = CompareRequest.safeParse(body);
  if (!request.success) throw new Refusal(400, firstIssue(request.error, "body"));
  const { source, manifests } = request.data;
  if (!options.overview.names.some((name) => sourceKey(name.registry, name.source) === source)) {
    throw new Refusal(404, `there is no source ${source}; sources lists all`);
  }
  const published = publishedBy(source, options);
  const entries: ComparedEntry[] = [];
  const turns = new Turns();
  for (const [index, manifest] of manifests.entries()) {
    if (turns.isOver) await turns.next();
    entries.push(compared(manifest, index, published, options));
  }
  for (const [key, { name }] of published) {
    entries.push({ ...nothing, kind: key.slice(0, key.indexOf(" ")), name, outcome: "gone" });
  }
  const counts = Object.fromEntries(ComparedEntry.shape.outcome.options.map((outcome) => [outcome, 0]));
  for (const { outcome } of entries) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return { counts, entries: entries.filter(({ outcome }) => outcome !== "same").slice(0, maxEntries) };
}

const nothing = { violations: [], differences: [], left: 0 };

/** What a source has published, by kind and name. */
function publishedBy(source: string, { cache }: ApiOptions): Map<string, CachedResource> {
  const published = new Map<string, CachedResource>();
  for (const kind of resourceKinds) {
    for (const resource of cache.allStored(kind)) {
      if (sourceKey(resource.registry, resource.source) === source) {
        published.set(`${kind} ${resource.name}`, resource);
      }
    }
  }
  return published;
}

/** What becomes of one manifest; takes its counterpart out of what is published. */
function compared(
  given: unknown,
  index: number,
  published: Map<string, CachedResource>,
  { config, ingest }: ApiOptions,
): ComparedEntry {
  const parsed = Manifest.safeParse(given);
  if (!parsed.success) {
    throw new Refusal(400, `manifests.${index}.${firstIssue(parsed.error, "")}`);
  }
  const { kind, metadata: { namespace, name } } = parsed.data;
  const key = `${kind} ${namespace}/${name}`;
  const before = published.get(key);
  published.delete(key);
  const base = { kind, name: `${namespace}/${name}` };
  const id = { kind, registry: "", source: "", namespace, name };
  const { prepared, violations } = prepareManifest("", id, "", parsed.data, config.profile);
  const told = violations.map((violation) => ({ ...violation }));
  if (prepared === undefined) return { ...base, ...nothing, outcome: "rejected", violations: told };
  if (before === undefined) return { ...base, ...nothing, outcome: "new", violations: told };
  const { differences, left } = diffManifests(
    manifestIn(kind, before.framed, ingest.isVirtual(before.subject)),
    manifestIn(kind, encodePrepared(prepared).framed),
  );
  return {
    ...base,
    outcome: differences.length === 0 ? "same" : "changed",
    violations: told,
    differences,
    left,
  };
}
