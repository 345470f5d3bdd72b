import type { JsonObject } from "@bufbuild/protobuf";
import { CatalogueView } from "../catalogue/catalogue-view.ts";
import type { Shard } from "../catalogue/shards.ts";
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
  /** True if an istiod that comes to this shard is known to have sources for all others (`xds.trustShards`). */
  readonly trustsShards: boolean;
}

/** A listener that shows everything and lets clients choose what it speaks, and what differs from that. */
export interface ListenerOptions extends Partial<ListenerProfile> {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  /** True if it is opened after all others, and left out with a warning where its port is taken. Default false. */
  readonly isOptional?: boolean;
}

/** What a client says of itself that it wants to see. Empty lists: everything. */
export interface ClientFilters {
  /** `ISTIO_REVISION` of its node metadata; undefined: none, it sees all revisions. */
  readonly revision: string | undefined;
  /** `MESHREGISTRY_NAMESPACES`, a list with commas. */
  readonly namespaces: readonly string[];
  /** `MESHREGISTRY_REGISTRIES`, a list with commas. */
  readonly registries: readonly string[];
}

/** Reads what a node announces. What isn't text limits nothing. */
export function filtersOf(metadata: JsonObject | undefined): ClientFilters {
  const text = (key: string) => {
    const value = metadata?.[key];
    return typeof value === "string" ? value : "";
  };
  const revision = text("ISTIO_REVISION");
  return {
    revision: revision === "" ? undefined : revision,
    namespaces: namesIn(text("MESHREGISTRY_NAMESPACES")),
    registries: namesIn(text("MESHREGISTRY_REGISTRIES")),
  };
}

/**
 * What a client sees on a listener: the part of the catalogue that both the listener and the client let through, in the
 * client's revision unless the listener has one.
 */
export function viewOf(listener: ListenerProfile, client: ClientFilters): CatalogueView {
  const { revision, shard } = listener;
  const scope = {
    // An istio-mcp client may name several, the first of which is its own.
    revisions: revision === "" ? namesIn(client.revision ?? "") : [revision],
    namespaces: inBoth(listener.namespaces, client.namespaces),
    registries: inBoth(listener.registries, client.registries),
    shard,
  };
  return new CatalogueView(scope, client.namespaces.length > 0 || client.registries.length > 0);
}

/** No namespace and no registry has this name: a list of it alone shows nothing, while an empty one shows everything. */
const nobody = "";

function inBoth(ours: readonly string[], theirs: readonly string[]): readonly string[] {
  if (ours.length === 0) return theirs;
  if (theirs.length === 0) return ours;
  const both = ours.filter((name) => theirs.includes(name));
  return both.length === 0 ? [nobody] : both;
}

function namesIn(list: string): string[] {
  return list.split(",").map((name) => name.trim()).filter((name) => name !== "");
}
