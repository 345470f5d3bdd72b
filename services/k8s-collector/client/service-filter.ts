import type { K8sSource } from "../../../shared/config/mod.ts";
import { labelMatcher } from "../../../shared/conversion/label-selector.ts";
import type { ReceivedObject } from "../../../shared/kubernetes/kubernetes.ts";
import { decodeService } from "./decode.ts";
import type { KubernetesService } from "./objects.ts";

/**
 * Decodes the Services that a source takes; undefined for the others. That of the API server is every cluster's own, and
 * means another one elsewhere. What it returns throws MeshError `invalid-record` for an object that is no Service.
 */
export function serviceFilter(
  { serviceSelectors, excludedNamespaces }: K8sSource,
): (object: ReceivedObject) => KubernetesService | undefined {
  const excluded = new Set(excludedNamespaces);
  const matchers = serviceSelectors.map((selector) => labelMatcher(selector))
    .filter((matcher) => matcher !== undefined && matcher !== "invalid");
  return (object) => {
    if (object.namespace === "default" && object.name === "kubernetes") return undefined;
    if (excluded.has(object.namespace)) return undefined;
    const service = decodeService(object);
    const isTaken = matchers.length === 0 || matchers.some((matches) => matches(service.labels));
    return isTaken ? service : undefined;
  };
}
