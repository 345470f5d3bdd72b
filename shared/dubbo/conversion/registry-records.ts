import type { DubboUrl } from "./dubbo-url.ts";

/**
 * What conversion takes: an interface as the registry has it. Names of nodes are raw (still percent-encoded), because
 * their decoding is a part of the conversion and may fail one by one.
 */
export interface InterfaceRecord {
  /** The interface: name of its node, decoded in the `istio` profile, and raw in the `slime` profile, as in slime. */
  readonly name: string;
  /** Raw names of the nodes below `providers`. */
  readonly providers: Iterable<string>;
  /** Raw names of the nodes below `consumers`. */
  readonly consumers: Iterable<string>;
  /** Raw names of the nodes below `configurators`; empty unless `enableConfiguratorMeta`. */
  readonly configurators: Iterable<string>;
  /** Providers that are known from application-level registration; one may also be among `providers`. */
  readonly applicationProviders: Iterable<DubboUrl>;
  /** What is registered in a registry without nodes; absent: nothing. */
  readonly registered?: {
    readonly providers: Iterable<RegisteredUrl>;
    readonly consumers: Iterable<RegisteredUrl>;
  };
}

/** A provider or a consumer of a registry that keeps no URLs as names of nodes, as such a URL would have it. */
export interface RegisteredUrl {
  readonly url: DubboUrl;
  /** Where it is in the registry. */
  readonly path: string;
}

/** An instance below one of the `applicationRoots`, as its node has it. */
export interface ApplicationNode {
  /** Full path of the node, such as `/services/order-app/10.0.0.1:20880`. */
  readonly path: string;
  /** The node's content: JSON that Curator writes. */
  readonly data: Uint8Array;
}

/** A record that can't be used: where it is, and why. Its neighbours are converted all the same. */
export interface InvalidRecord {
  readonly path: string;
  readonly reason: string;
}

/** Path of a node below an interface, for a report: a name may be a megabyte long, so it is cut. */
export function nodePath(root: string, interfaceName: string, directory: string, name: string): string {
  const shown = name.length <= 400 ? name : `${name.slice(0, 400)}… (${name.length} characters)`;
  return `${root.replace(/\/+$/, "")}/${interfaceName}/${directory}/${shown}`;
}
