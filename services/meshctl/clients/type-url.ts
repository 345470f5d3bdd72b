import { resourceKinds } from "../../../shared/model/manifest.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import { didYouMean, listOf } from "../command-options.ts";

/**
 * The type URL that `--type` names: `ServiceEntry` is short for what a stock istiod asks for since 1.24; anything of
 * the form `group/version/Kind` is taken as it is.
 * @throws MeshError `configuration` if it is neither.
 */
export function typeUrlOf(text: string): string {
  if (/^[^/\s]+\/[^/\s]+\/[^/\s]+$/.test(text)) return text;
  const kind = resourceKinds.find((known) => known.toLowerCase() === text.toLowerCase());
  if (kind !== undefined) return `networking.istio.io/v1/${kind}`;
  throw new MeshError(
    "configuration",
    `--type ${text}: expected ${
      listOf([...resourceKinds, "a type URL such as networking.istio.io/v1alpha3/Sidecar"])
    }` +
      didYouMean(text, resourceKinds),
  );
}

/** The API version and the kind that a type URL of that form names. */
export function splitTypeUrl(typeUrl: string): { readonly apiVersion: string; readonly kind: string } {
  const slash = typeUrl.lastIndexOf("/");
  return { apiVersion: typeUrl.slice(0, slash), kind: typeUrl.slice(slash + 1) };
}
