import type { Rule } from "../../shared/istio/mod.ts";
import type {
  Manifest,
  ObjectMeta,
  ServiceEntryManifest,
  ServiceEntrySpec,
  SidecarSpec,
} from "../../shared/model/manifest.ts";

/**
 * One manifest and what Istio thinks of it. `rule` is the rule whose error makes it invalid, `warning` the rule that
 * warns about a valid one.
 */
export interface Verdict {
  readonly name: string;
  readonly manifest: Manifest;
  readonly verdict: "valid" | "invalid";
  readonly rule?: Rule;
  readonly warning?: Rule;
}

type Metadata = Partial<Omit<ObjectMeta, "name">>;

/** A valid entry, with the fields given here in place of its own. */
export function serviceEntry(spec: Partial<ServiceEntrySpec>, metadata: Metadata = {}): ServiceEntryManifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "entry", namespace: "shop", ...metadata },
    spec: {
      hosts: ["orders.shop"],
      ports: [{ number: 80, name: "http", protocol: "HTTP" }],
      resolution: "STATIC",
      endpoints: [{ address: "10.0.0.1", ports: { http: 8080 } }],
      ...spec,
    },
  };
}

/** A Sidecar; the spec as given. */
export function sidecar(spec: SidecarSpec, metadata: Metadata = {}): Manifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "Sidecar",
    metadata: { name: "sidecar", namespace: "shop", ...metadata },
    spec,
  };
}

/** A manifest that istiod takes. */
export function valid(name: string, manifest: Manifest, warning?: Rule): Verdict {
  return warning === undefined
    ? { name, manifest, verdict: "valid" }
    : { name, manifest, verdict: "valid", warning };
}

/** A manifest that istiod drops, for breaking this rule. */
export function invalid(rule: Rule, name: string, manifest: Manifest): Verdict {
  return { name, manifest, verdict: "invalid", rule };
}
