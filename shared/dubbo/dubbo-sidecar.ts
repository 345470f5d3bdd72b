import { safeHost } from "../istio/mod.ts";
import { bookkeepingPrefix } from "../model/annotations.ts";
import type { SidecarManifest } from "../model/manifest.ts";
import type { Profile } from "../model/profile.ts";

/**
 * What Dubbo entries and generated Sidecars carry on the stream beside what is served: the collector finds its state
 * there after a restart, and the aggregator answers slime's debug routes from it. Annotations that begin with
 * `meshregistry.io/` are never served.
 */

/** A generated Sidecar is called like its application, with this behind it; slime calls it so. */
const nameSuffix = ".dubbo.generated";

/** On a Sidecar: since when nobody has consumed some of its dependencies. JSON, host to RFC 3339. */
export const lostSinceAnnotation = `${bookkeepingPrefix}lost-since`;

/** On a Sidecar: since when (RFC 3339) its application neither provides nor consumes anything. */
export const goneSinceAnnotation = `${bookkeepingPrefix}gone-since`;

/** On a Sidecar: when (RFC 3339) its dependencies changed last. Only where that decides, in the `slime` profile. */
export const updatedAtAnnotation = `${bookkeepingPrefix}updated-at`;

/** On a Sidecar, and served with it: the name of its application, where the Sidecar's own can't have it. */
export const applicationAnnotation = "dubbo.meshregistry.io/application";

/** Kubernetes takes names of up to 253 characters. */
const longestName = 253;

/** The Sidecar's name of an application; in the `istio` profile one that Kubernetes takes. */
export function sidecarName(application: string, profile: Profile): string {
  const name = profile === "slime" ? application : safeHost(application, longestName - nameSuffix.length);
  return `${name}${nameSuffix}`;
}

/** The application of a generated Sidecar; undefined if it is another one. */
export function sidecarApplication(
  { name, annotations }: Pick<SidecarManifest["metadata"], "name" | "annotations">,
): string | undefined {
  if (!name.endsWith(nameSuffix)) return undefined;
  return annotations?.[applicationAnnotation] ?? name.slice(0, -nameSuffix.length);
}

/** The hosts that a generated Sidecar lets its workloads see, without their namespace. */
export function sidecarHosts({ spec }: SidecarManifest): string[] {
  const hosts = spec.egress?.flatMap((listener) => listener.hosts ?? []) ?? [];
  return hosts.filter((host) => host.startsWith("*/")).map((host) => host.slice(2));
}

/** The value of {@link lostSinceAnnotation}; undefined if nothing is lost. */
export function encodeLostSince(lostAtMs: ReadonlyMap<string, number>): string | undefined {
  if (lostAtMs.size === 0) return undefined;
  const sorted = [...lostAtMs].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(sorted.map(([host, ms]) => [host, new Date(ms).toISOString()])));
}

/** Undoes {@link encodeLostSince}. What isn't readable counts as not lost, so it is never dropped too early. */
export function decodeLostSince(annotation: string | undefined): Map<string, number> {
  const lostAtMs = new Map<string, number>();
  let value: unknown;
  try {
    value = JSON.parse(annotation ?? "{}");
  } catch {
    return lostAtMs;
  }
  if (typeof value !== "object" || value === null) return lostAtMs;
  for (const [host, since] of Object.entries(value)) {
    const ms = typeof since === "string" ? Date.parse(since) : Number.NaN;
    if (!Number.isNaN(ms)) lostAtMs.set(host, ms);
  }
  return lostAtMs;
}
