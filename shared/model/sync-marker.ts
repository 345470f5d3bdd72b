import { randomUUID } from "node:crypto";
import { z } from "zod";
import { readJson } from "./read-json.ts";

/**
 * What a collector publishes after a complete read of its registry: everything of this source that was stored before
 * the marker is confirmed, and whatever a reader still holds of the source from before a reset of the log is gone.
 * `id` is new with every marker: after a reset a reader trusts only a marker that it has never seen, because a
 * rolled-back log shows old markers again.
 */
export const SyncMarker = z.object({
  apiVersion: z.literal("meshregistry.io/v1"),
  kind: z.literal("SyncMarker"),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    registry: z.string(),
    source: z.string(),
    id: z.string(),
    /** How many entries the source has. */
    entries: z.number().int(),
    /** Losses that the collector's guard held at that time. */
    held: z.number().int().default(0),
    /**
     * The stream that its publisher has read (`LogIdentity`). A marker that was on its way while the stream was
     * recreated says nothing of the new one. Missing in markers of earlier versions.
     */
    stream: z.string().optional(),
    /** RFC 3339, for people. */
    at: z.string(),
  }),
});
export type SyncMarker = z.infer<typeof SyncMarker>;

/** A new marker for a source that has `entries` entries on the stream. */
export function createSyncMarker(
  registry: string,
  source: string,
  entries: number,
  held = 0,
  stream?: string,
): SyncMarker {
  return {
    apiVersion: "meshregistry.io/v1",
    kind: "SyncMarker",
    metadata: { name: `${registry}.${source}` },
    spec: {
      registry,
      source,
      id: randomUUID(),
      entries,
      held,
      ...(stream !== undefined && { stream }),
      at: new Date().toISOString(),
    },
  };
}

/** The marker in a message; undefined for what isn't one. */
export function readSyncMarker(data: Uint8Array): SyncMarker | undefined {
  return SyncMarker.safeParse(readJson(data)).data;
}
