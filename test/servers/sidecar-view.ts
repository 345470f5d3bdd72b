import { readAssignment, readCluster, readName, readRouteNames } from "./envoy-reader.ts";
import type { AssignmentView, ClusterView } from "./envoy-reader.ts";

/** The four kinds of resource that a sidecar asks for, in the order in which it applies them. */
export const xdsTypes = {
  CDS: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  EDS: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  LDS: "type.googleapis.com/envoy.config.listener.v3.Listener",
  RDS: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
} as const;

/** Short name of a resource type. */
export type XdsType = keyof typeof xdsTypes;

/** The short name of a type URL; `undefined` if a sidecar does not ask for it. */
export function xdsTypeOf(url: string): XdsType | undefined {
  switch (url) {
    case xdsTypes.CDS:
      return "CDS";
    case xdsTypes.EDS:
      return "EDS";
    case xdsTypes.LDS:
      return "LDS";
    case xdsTypes.RDS:
      return "RDS";
    default:
      return undefined;
  }
}

/** What a sidecar holds, as istiod has told it so far. Kept over reconnects, as Envoy does. */
export class SidecarView {
  readonly #clusters = new Map<string, ClusterView>();
  readonly #assignments = new Map<string, AssignmentView>();
  readonly #listeners = new Map<string, readonly string[]>();
  readonly #routes = new Set<string>();

  /** Puts one resource in, and answers its name. */
  put(type: XdsType, bytes: Uint8Array): string {
    switch (type) {
      case "CDS": {
        const cluster = readCluster(bytes);
        this.#clusters.set(cluster.name, cluster);
        return cluster.name;
      }
      case "EDS": {
        const assignment = readAssignment(bytes);
        this.#assignments.set(assignment.name, assignment);
        return assignment.name;
      }
      case "LDS": {
        const name = readName(bytes);
        this.#listeners.set(name, readRouteNames(bytes));
        return name;
      }
      case "RDS": {
        const name = readName(bytes);
        this.#routes.add(name);
        return name;
      }
    }
  }

  /** Takes one resource out. Endpoints go with the last cluster that uses them. */
  remove(type: XdsType, name: string): void {
    this.#resources(type).delete(name);
    if (type !== "CDS") return;
    const wanted = new Set(this.wanted("EDS"));
    for (const assignment of this.#assignments.keys()) {
      if (!wanted.has(assignment)) this.#assignments.delete(assignment);
    }
  }

  /** Names of what it holds. */
  names(type: XdsType): readonly string[] {
    return [...this.#resources(type).keys()];
  }

  /** Names that other resources refer to, so that it must subscribe to them. */
  wanted(type: "EDS" | "RDS"): readonly string[] {
    const names = type === "RDS"
      ? [...this.#listeners.values()].flat()
      : [...this.#clusters.values()].flatMap(({ edsName }) => edsName ?? []);
    return [...new Set(names)].sort();
  }

  /**
   * Where requests to a cluster may go, each `address:port`, sorted; `undefined` if the sidecar does not know the
   * cluster or waits for its endpoints.
   */
  endpointsOf(cluster: string): readonly string[] | undefined {
    const view = this.#clusters.get(cluster);
    if (view === undefined) return undefined;
    return view.edsName === undefined
      ? view.endpoints.toSorted()
      : this.#assignments.get(view.edsName)?.endpoints;
  }

  /** Those of {@link endpointsOf} that are called with Istio's mTLS. */
  mutualTlsOf(cluster: string): readonly string[] {
    return this.#assignments.get(this.#clusters.get(cluster)?.edsName ?? "")?.mutualTls ?? [];
  }

  #resources(type: XdsType): Map<string, unknown> | Set<string> {
    switch (type) {
      case "CDS":
        return this.#clusters;
      case "EDS":
        return this.#assignments;
      case "LDS":
        return this.#listeners;
      case "RDS":
        return this.#routes;
    }
  }
}
