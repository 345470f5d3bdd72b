import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { resourceKinds } from "../../../shared/model/manifest.ts";
import { bodyTypeUrls } from "../output-stage/encode/encode-spec.ts";

/**
 * The type URLs under which resources are requested. istiod asks for `networking.istio.io/v1/…` since 1.24 and for
 * `v1alpha3` before; during an upgrade both run side by side. The answer carries the URL of the request: an istiod
 * takes an answer under the other URL for a type that it never asked for.
 */
const kinds: ReadonlyMap<string, ResourceKind> = new Map([
  ["networking.istio.io/v1/ServiceEntry", "ServiceEntry"],
  ["networking.istio.io/v1beta1/ServiceEntry", "ServiceEntry"],
  ["networking.istio.io/v1alpha3/ServiceEntry", "ServiceEntry"],
  ["networking.istio.io/v1/Sidecar", "Sidecar"],
  ["networking.istio.io/v1beta1/Sidecar", "Sidecar"],
  ["networking.istio.io/v1alpha3/Sidecar", "Sidecar"],
]);

/** The type URLs of our resources. */
export const knownTypeUrls: readonly string[] = [...kinds.keys()];

/** The kind that a type URL asks for; undefined for the types that we have none of (answered empty at once). */
export function kindOfTypeUrl(typeUrl: string): ResourceKind | undefined {
  return kinds.get(typeUrl);
}

/** Type URLs of bodies: whoever asks Delta for these is sent bodies, without our envelope. */
const bareKinds: ReadonlyMap<string, ResourceKind> = new Map(
  resourceKinds.map((kind) => [bodyTypeUrls[kind], kind]),
);

/** The kind that a type URL of the Delta protocol asks for: those of {@link kindOfTypeUrl}, and of bodies. */
export function deltaKindOf(typeUrl: string): ResourceKind | undefined {
  return kinds.get(typeUrl) ?? bareKinds.get(typeUrl);
}

/** True for the type URLs of bodies. */
export function isBodyTypeUrl(typeUrl: string): boolean {
  return bareKinds.has(typeUrl);
}
