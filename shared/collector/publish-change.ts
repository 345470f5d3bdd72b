import type { Manifest } from "../model/manifest.ts";
import type { Unit } from "./unit.ts";

/** A resource to publish: without a manifest it is a tombstone. */
export interface Change {
  readonly kind: string;
  readonly subject: string;
  readonly unit: Unit;
  readonly manifest: Manifest | undefined;
  /** `manifestHash` of the manifest. */
  readonly hash: string;
  /** The manifest's `spec` as JSON, where it was needed for the hash just before. */
  readonly specText?: string | undefined;
  readonly what: "created" | "updated" | "emptied" | "deleted";
}

/** The change that deletes a resource. */
export function tombstone(kind: string, subject: string, unit: Unit): Change {
  return { kind, subject, unit, manifest: undefined, hash: "", what: "deleted" };
}
