import type { Manifest } from "../model/manifest.ts";

/** A resource to publish: without a manifest it is a tombstone. */
export interface Change {
  readonly kind: string;
  readonly subject: string;
  readonly manifest: Manifest | undefined;
  /** `manifestHash` of the manifest. */
  readonly hash: string;
  readonly what: "created" | "updated" | "emptied" | "deleted";
}

/** The change that deletes a resource. */
export function tombstone(kind: string, subject: string): Change {
  return { kind, subject, manifest: undefined, hash: "", what: "deleted" };
}
