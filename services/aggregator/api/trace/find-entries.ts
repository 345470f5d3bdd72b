import { setImmediate as nextTurn } from "node:timers/promises";
import { hasEndpoint } from "../../../../shared/collector/trace/explain.ts";
import type { Manifest } from "../../../../shared/model/manifest.ts";
import { decodeSubject } from "../../../../shared/model/subject.ts";
import type { ResourceId } from "../../../../shared/model/subject.ts";
import { instanceIn } from "../../../../shared/model/trace-question.ts";
import type { TraceQuestion } from "../../../../shared/model/trace-question.ts";
import type { CachedResource } from "../../catalogue/cached-resource.ts";
import { manifestOf } from "../../output-stage/present.ts";
import type { ApiOptions } from "../api-options.ts";
import { hostsOf } from "../service-rows.ts";
import { ofApplication } from "../service-search.ts";

/** A subject of the stream that fits a question, and how far it has come. */
export interface FoundEntry {
  readonly subject: string;
  readonly id: ResourceId;
  /** What is stored of it; undefined: it waits for an address, or can't be served. */
  readonly stored: CachedResource | undefined;
  /** What clients get of it: itself, or an entry that was made of several. */
  readonly served: CachedResource | undefined;
  /** For an instance: whether the stored entry has it as an endpoint. */
  readonly hasInstance: boolean;
  /** It is held back until its host has a virtual address. */
  readonly isWaiting: boolean;
}

/** Maximum number of entries that are explained. */
const maxEntries = 10;

/** So long the event loop is kept at a time, in milliseconds. */
const turnMs = 5;

/** The entries on the stream that fit a question, of all sources. Looks into bytes, and decodes only what may fit. */
export async function findEntries(question: TraceQuestion, options: ApiOptions): Promise<FoundEntry[]> {
  const { cache, ingest } = options;
  const fits = entryFilter(question);
  const found: FoundEntry[] = [];
  let endMs = performance.now() + turnMs;
  for (const stored of cache.allStored("ServiceEntry")) {
    if (performance.now() >= endMs) {
      await nextTurn();
      endMs = performance.now() + turnMs;
    }
    if (!fits.stored(stored)) continue;
    const id = decodeSubject(stored.subject);
    if (id === undefined) continue;
    const { subject } = stored;
    found.push({
      subject,
      id,
      stored,
      served: servedOf(stored, options),
      hasInstance: true,
      isWaiting: false,
    });
    if (found.length === maxEntries) return found;
  }
  for (const [subject, manifest] of ingest.waiting) {
    const id = decodeSubject(subject);
    if (id === undefined || !fits.manifest(manifest)) continue;
    found.push({ subject, id, stored: undefined, served: undefined, hasInstance: true, isWaiting: true });
  }
  for (const subject of ingest.rejections.keys()) {
    const id = decodeSubject(subject);
    if (id === undefined || found.some((each) => each.subject === subject) || !fits.name(id)) continue;
    found.push({ subject, id, stored: undefined, served: undefined, hasInstance: false, isWaiting: false });
  }
  return found.slice(0, maxEntries);
}

/** What clients get of a stored entry. */
function servedOf(stored: CachedResource, { cache }: Pick<ApiOptions, "cache">): CachedResource | undefined {
  const own = cache.get("ServiceEntry", stored.name);
  if (own?.subject === stored.subject) return own;
  for (const host of hostsOf(stored)) {
    const group = cache.conflicts.groupOf(host);
    const served = group && [...group.served.values()].find((each) => hostsOf(each).includes(host));
    if (served !== undefined) return served;
  }
  return own;
}

interface EntryFilter {
  readonly stored: (resource: CachedResource) => boolean;
  readonly manifest: (manifest: Manifest) => boolean;
  readonly name: (id: ResourceId) => boolean;
}

function entryFilter({ by, text }: TraceQuestion): EntryFilter {
  if (by === "instance") {
    const { address, port = 0 } = instanceIn(text);
    const bytes = Buffer.from(address);
    const manifest = (each: Manifest) => hasEndpoint(each, address, port);
    const stored = ({ framed }: CachedResource) => {
      if (!Buffer.from(framed.buffer, framed.byteOffset, framed.byteLength).includes(bytes)) return false;
      const decoded = manifestOf("ServiceEntry", framed, false);
      return decoded !== undefined && manifest(decoded);
    };
    return { stored, manifest, name: () => false };
  }
  const wanted = text.toLowerCase();
  const isNamed = (namespace: string, name: string) =>
    name.toLowerCase() === wanted || `${namespace}/${name}`.toLowerCase() === wanted;
  const isHost = (host: string) =>
    host === wanted || host.startsWith(`${wanted}.`) || host.startsWith(`${wanted}:`);
  const fitsName = ({ namespace, name }: ResourceId) =>
    isNamed(namespace, name) || (by === "service" && name.toLowerCase().startsWith(`${wanted}:`));
  const ofApp = by === "application" ? ofApplication(text) : () => false;
  return {
    stored: (resource) => {
      const slash = resource.name.indexOf("/");
      const [namespace, name] = [resource.name.slice(0, slash), resource.name.slice(slash + 1)];
      if (by === "application") return ofApp(resource);
      return isNamed(namespace, name) || hostsOf(resource).some(isHost);
    },
    manifest: ({ metadata: { namespace, name }, ...manifest }) =>
      isNamed(namespace, name) ||
      (manifest.kind === "ServiceEntry" && manifest.spec.hosts.some((host) => isHost(host.toLowerCase()))),
    name: fitsName,
  };
}
