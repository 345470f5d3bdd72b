import type { EurekaInstance } from "../client/decode.ts";

/** An application of one cluster; several clusters may have the same. */
export interface ClusterApplication {
  /** As the registry writes it. */
  readonly name: string;
  /** Written on the endpoints under REGISTRY_ID_META_KEY; empty for none. */
  readonly registryId: string;
  readonly instances: Iterable<EurekaInstance>;
}
