import type { ServicePlacement } from "../config/mod.ts";
import type { Location, ServiceEntryManifest } from "../model/manifest.ts";
import { labelMatcher } from "./label-selector.ts";

/** The options of a source that say where its services belong and who sees them. */
export interface PlacementOptions {
  readonly location?: Location | undefined;
  readonly exportTo: readonly string[];
  readonly servicePlacements: readonly ServicePlacement[];
}

/** Writes `location` and `exportTo` on a source's entry; the very same entry if neither is set. */
export type Place = (manifest: ServiceEntryManifest) => ServiceEntryManifest;

type Matcher = (manifest: ServiceEntryManifest) => boolean;

/**
 * Compiles a source's placement: the first of `servicePlacements` that matches an entry's host and labels holds, for
 * what it sets; the source's own `location` and `exportTo` for the rest. A selector that Kubernetes wouldn't take
 * matches nothing.
 */
export function servicePlacement({ location, exportTo, servicePlacements }: PlacementOptions): Place {
  const special = servicePlacements.map((placement) => ({ placement, matches: matcherOf(placement) }));
  if (special.length === 0 && location === undefined && exportTo.length === 0) return (manifest) => manifest;
  return (manifest) => {
    const own = special.find(({ matches }) => matches(manifest))?.placement;
    const targets = own === undefined || own.exportTo.length === 0 ? exportTo : own.exportTo;
    const place = own?.location ?? location;
    return {
      ...manifest,
      spec: {
        ...manifest.spec,
        ...(place === undefined ? {} : { location: place }),
        ...(targets.length === 0 ? {} : { exportTo: [...targets] }),
      },
    };
  };
}

function matcherOf(placement: ServicePlacement): Matcher {
  const labels = labelMatcher(placement) ?? (() => true);
  if (labels === "invalid") return () => false;
  const hosts = placement.hosts.map(hostMatcher);
  return ({ metadata, spec }) => {
    const isHost = hosts.length === 0 || spec.hosts.some((host) => hosts.some((matches) => matches(host)));
    return (isHost && labels(metadata.labels ?? {})) !== placement.invert;
  };
}

function hostMatcher(pattern: string): (host: string) => boolean {
  if (!pattern.startsWith("*")) return (host) => host === pattern;
  const end = pattern.slice(1);
  return (host) => host.endsWith(end);
}
