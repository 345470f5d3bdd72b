import type { JsonObject } from "@bufbuild/protobuf";
import { CatalogueView } from "../catalogue-view.ts";
import type { Shard } from "../shards.ts";
import type { StreamDialect } from "./dialects.ts";

/** What is particular to one listener: what it speaks and shows. */
export interface ListenerProfile {
  /** For `/clients`: where it listens, as configured. */
  readonly name: string;
  readonly dialect: StreamDialect;
  /** What `auto` means for a client that doesn't say: true for the incremental dialect (`mcp.enableIncPush`). */
  readonly incPush: boolean;
  /** Show only resources of this Istio revision, and those of none; empty: the client's own. */
  readonly revision: string;
  /** Show only resources of these namespaces; empty: all. */
  readonly namespaces: readonly string[];
  /** Show only resources of these registries; empty: all. */
  readonly registries: readonly string[];
  readonly shard: Shard | undefined;
}

/** A listener that shows everything and lets clients choose what it speaks, and what differs from that. */
export interface ListenerOptions extends Partial<ListenerProfile> {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
}

/** What a client sees on a listener: the listener's part of the catalogue, in the client's revision. */
export function viewOf(
  { revision, namespaces, registries, shard }: ListenerProfile,
  clientRevision: string | undefined,
): CatalogueView {
  const revisions = revision === "" ? revisionsOf(clientRevision) : [revision];
  return new CatalogueView({ revisions, namespaces, registries, shard });
}

/** An istio-mcp client may name several, the first of which is its own. */
function revisionsOf(revision: string | undefined): string[] {
  return (revision ?? "").split(",").map((name) => name.trim()).filter((name) => name !== "");
}

/** The revision that a node announces; undefined: none, it sees everything. */
export function revisionOf(metadata: JsonObject | undefined): string | undefined {
  const revision = metadata?.["ISTIO_REVISION"];
  return typeof revision === "string" && revision !== "" ? revision : undefined;
}
