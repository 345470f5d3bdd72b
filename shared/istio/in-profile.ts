import type { Manifest } from "../model/manifest.ts";
import type { Profile } from "../model/profile.ts";
import { normalizeForIstio, orderForSlime } from "./normalize.ts";
import { repairEndpoints, withoutRejectedEndpoints } from "./repair-endpoints.ts";
import type { LeftOutEndpoint } from "./repair-endpoints.ts";
import { quote } from "./violation.ts";
import type { Violation } from "./violation.ts";

/** A manifest in the form in which it is served, and a warning (rule `E1`) for each endpoint that was left out for it. */
export interface FormedManifest {
  readonly manifest: Manifest;
  readonly leftOut: readonly Violation[];
}

const nothing: readonly Violation[] = [];

/** So many are named of one entry: the rest are as wrong, and names go to logs and to the debug API. */
const maxNamed = 100;

/**
 * The form of a profile: without endpoints that proxies can't be given, then in order. `istio`: {@link repairEndpoints}
 * and {@link normalizeForIstio}; `slime`: slime's own form, but for endpoints that Envoy rejects together with those
 * of every other service. The very same manifest if it has that form.
 */
export function inProfile(manifest: Manifest, profile: Profile): FormedManifest {
  if (manifest.kind !== "ServiceEntry") return { manifest, leftOut: nothing };
  const isIstio = profile === "istio";
  const { manifest: usable, leftOut } = isIstio
    ? repairEndpoints(manifest)
    : withoutRejectedEndpoints(manifest);
  return {
    manifest: isIstio ? normalizeForIstio(usable) : orderForSlime(usable),
    leftOut: leftOut.length === 0 ? nothing : leftOut.slice(0, maxNamed).map(toViolation),
  };
}

function toViolation({ endpoint, reason }: LeftOutEndpoint): Violation {
  const { address = "", ports = {} } = endpoint;
  const [port] = Object.values(ports);
  const place = quote(port === undefined ? address : `${address} ${port}`);
  const message = `endpoint ${place} ${reason}; it is left out`;
  return { rule: "E1", severity: "warning", path: "spec.endpoints", message };
}
