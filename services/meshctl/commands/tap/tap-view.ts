import type { LogEvent } from "../../../../shared/entry-log/entry-log.ts";
import { decodeSubject, syncMarkerKind, termKind } from "../../../../shared/model/subject.ts";
import { SyncMarker } from "../../../../shared/model/sync-marker.ts";
import type { Change, ShownResource } from "../../output/resource.ts";
import { isSameContent } from "../../output/resource.ts";

/** What one event of the stream means to somebody who looks on. */
export type Seen =
  | { readonly type: "change"; readonly change: Change }
  /** For standard error: markers, resets, what can't be read. */
  | { readonly type: "note"; readonly text: string }
  /** Everything that was stored has been seen. */
  | { readonly type: "caught-up"; readonly resources: number }
  | { readonly type: "nothing" };

const nothing: Seen = { type: "nothing" };

/** Remembers what the stream has, so that each event can be told as a change. */
export class TapView {
  readonly #known = new Map<string, ShownResource>();
  #started = false;

  /** Takes in the next event. */
  see(event: LogEvent): Seen {
    switch (event.type) {
      case "put":
        return this.#put(event.subject, event.sequence, event.data);
      case "delete":
        return this.#delete(event.subject, event.sequence);
      case "unusable":
        return {
          type: "note",
          text: `${event.subject} (sequence ${event.sequence}) can't be unpacked: ${event.reason}`,
        };
      case "caught-up":
        return { type: "caught-up", resources: this.#known.size };
      case "reset": {
        const isFirst = !this.#started;
        this.#started = true;
        return isFirst ? nothing : { type: "note", text: `the stream is read anew: ${event.reason}` };
      }
    }
  }

  #put(subject: string, sequence: number, data: Uint8Array): Seen {
    const json = parse(data);
    const kind = decodeSubject(subject)?.kind;
    if (kind === syncMarkerKind) return markerNote(json, sequence);
    if (kind === termKind) return nothing;
    const resource = shownResource(json);
    if (resource === undefined) {
      return {
        type: "note",
        text: `${subject} (sequence ${sequence}) is no manifest; is somebody else publishing there?`,
      };
    }
    const before = this.#known.get(subject);
    this.#known.set(subject, resource);
    const origin = { subject, sequence };
    if (before === undefined) return { type: "change", change: { change: "added", resource, origin } };
    // After a reset everything comes again.
    if (isSameContent(resource, before)) return nothing;
    return { type: "change", change: { change: "updated", resource, before, origin } };
  }

  #delete(subject: string, sequence: number): Seen {
    const resource = this.#known.get(subject);
    this.#known.delete(subject);
    if (resource === undefined) return nothing;
    return { type: "change", change: { change: "deleted", resource, origin: { subject, sequence } } };
  }
}

function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Any manifest: the stream may have kinds that this version doesn't know. Undefined if it is none at all. */
function shownResource(json: unknown): ShownResource | undefined {
  if (!isObject(json) || !isObject(json["metadata"])) return undefined;
  const { apiVersion, kind, metadata, spec } = json;
  const { name, namespace, labels, annotations, creationTimestamp } = metadata;
  if (typeof apiVersion !== "string" || typeof kind !== "string") return undefined;
  if (typeof name !== "string" || typeof namespace !== "string") return undefined;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace,
      ...(isTexts(labels) ? { labels } : {}),
      ...(isTexts(annotations) ? { annotations } : {}),
      ...(typeof creationTimestamp === "string" ? { creationTimestamp } : {}),
    },
    spec,
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((item) => typeof item === "string");
}

function markerNote(json: unknown, sequence: number): Seen {
  const marker = SyncMarker.safeParse(json);
  if (!marker.success) return { type: "note", text: `an unreadable sync marker at sequence ${sequence}` };
  const { registry, source, entries, at } = marker.data.spec;
  return { type: "note", text: `${registry}/${source} was read completely at ${at}: ${entries} entries` };
}
