import type { Profile, ZookeeperSource } from "../../../shared/config/mod.ts";

/** Where a registry's nodes are; see `zookeeperSource` of the configuration. */
export interface TreeRoots {
  /** `registryRootNode`, such as `/dubbo`. */
  readonly interfaces: string;
  /** `applicationRoots`, such as `/services`; empty: applications are of no interest, wherever they are. */
  readonly applications: readonly string[];
  /** Path of the consumers below an interface, without slashes at its ends; undefined: none are read. */
  readonly consumers: string | undefined;
  /** Interfaces keep the names of their nodes as they are (`%24` stays), as in slime. */
  readonly rawInterfaces: boolean;
}

/** Where a source of the configuration has its nodes. */
export function treeRoots(source: ZookeeperSource, profile: Profile): TreeRoots {
  const consumers = source.consumerPath.replace(/^\/+|\/+$/g, "");
  return {
    interfaces: source.registryRootNode,
    applications: source.applicationRoots,
    consumers: consumers === "" ? undefined : consumers,
    rawInterfaces: profile === "slime",
  };
}

/** Nodes whose names are Dubbo URLs: what they tell about an interface. */
export type UrlKind = "provider" | "consumer" | "configurator";

/**
 * The kind of a node, recognised by its path alone. Names of interfaces are decoded (`%24` is `$`) unless `rawInterfaces`, those of
 * URL nodes are raw.
 *
 * - `interface-directory`: parent of `providers` and the like. Below a root that is one of applications, too,
 *   it may as well be an application's: its children tell.
 * - `url-directory`: parent of the nodes of one `UrlKind`.
 * - `application-directory`: an application's node, or the first part of a Spring name with slashes.
 * - `application-instance`: may be a directory of a Spring name with slashes; `decodeApplicationNode` tells.
 * - `mapping`: its content names the applications that offer the interface.
 * - `application-metadata`: what one revision of an application offers. (A service whose version is a plain number has
 *   a directory that looks the same.)
 * - `service-definition`: what one application says of an interface.
 */
export type TreePath =
  | { readonly kind: UrlKind; readonly interface: string; readonly name: string }
  | { readonly kind: "interface-directory"; readonly interface: string }
  | { readonly kind: "url-directory"; readonly of: UrlKind; readonly interface: string }
  | { readonly kind: "application-directory"; readonly application: string }
  | { readonly kind: "application-instance"; readonly application: string; readonly name: string }
  | { readonly kind: "mapping"; readonly interface: string }
  | { readonly kind: "application-metadata"; readonly application: string; readonly revision: string }
  | {
    readonly kind: "service-definition";
    readonly side: "provider" | "consumer";
    readonly interface: string;
    readonly application: string;
  }
  | { readonly kind: "other" };

const other: TreePath = { kind: "other" };

/**
 * A function that tells what a node is. It is called for each node of a registry and for each event, so it looks for
 * slashes and makes nothing but its result: a fraction of a microsecond. Where roots lie within each other the
 * innermost counts.
 */
export function pathClassifier(roots: TreeRoots): (path: string) => TreePath {
  const interfaces = prefixOf(roots.interfaces);
  const applications = roots.applications.map(prefixOf);
  const prefixes = [...new Set([interfaces, ...applications])].sort((a, b) => b.length - a.length);
  return (path) => {
    const prefix = prefixes.find((candidate) => path.startsWith(candidate));
    if (prefix === undefined || prefix.length === path.length) return other;
    const rest = path.slice(prefix.length);
    return prefix === interfaces ? inInterfaces(rest, roots, applications) : inApplications(rest);
  };
}

/** The nodes to watch with everything below them: each root that isn't below another one. */
export function watchedRoots(roots: Pick<TreeRoots, "interfaces" | "applications">): string[] {
  const prefixes = [...new Set([roots.interfaces, ...roots.applications].map(prefixOf))];
  const outermost = prefixes.filter((prefix) =>
    !prefixes.some((outer) => outer !== prefix && prefix.startsWith(outer))
  );
  return outermost.map((prefix) => prefix === "/" ? prefix : prefix.slice(0, -1));
}

/** The name of an interface by its node's name, as {@link TreeRoots} want it. */
export function interfaceNameOf(nodeName: string, { rawInterfaces }: TreeRoots): string {
  return rawInterfaces ? nodeName : decodeInterfaceName(nodeName);
}

/** Name of an interface as its node has it, decoded; a name that can't be decoded stays as it is. */
export function decodeInterfaceName(nodeName: string): string {
  if (!nodeName.includes("%")) return nodeName;
  try {
    return decodeURIComponent(nodeName);
  } catch {
    return nodeName;
  }
}

function inInterfaces(rest: string, roots: TreeRoots, applications: readonly string[]): TreePath {
  const slash = rest.indexOf("/");
  if (slash < 0) {
    return isReserved(rest)
      ? other
      : { kind: "interface-directory", interface: interfaceNameOf(rest, roots) };
  }
  const first = rest.slice(0, slash);
  const below = rest.slice(slash + 1);
  if (first === "mapping") {
    return below.includes("/") ? other : { kind: "mapping", interface: decodeInterfaceName(below) };
  }
  if (first === "metadata") return inMetadata(below);
  if (first === "config") return other;
  return urlNode(first, below, roots) ??
    besideInterfaces(first, below, applications.includes(prefixOf(roots.interfaces)));
}

function urlNode(nodeName: string, below: string, roots: TreeRoots): TreePath | undefined {
  const { consumers } = roots;
  const kind = below.startsWith("providers")
    ? at("provider", "providers", below)
    : below.startsWith("configurators")
    ? at("configurator", "configurators", below)
    : undefined;
  if (kind !== undefined) return named(kind, interfaceNameOf(nodeName, roots));
  if (below === "routers" || below.startsWith("routers/")) return other;
  if (consumers !== undefined && below.startsWith(consumers)) {
    const consumer = at("consumer", consumers, below);
    if (consumer !== undefined) return named(consumer, interfaceNameOf(nodeName, roots));
  }
  // Consumers that the configuration doesn't ask for are no instances of an application.
  return below === "consumers" || below.startsWith("consumers/") ? other : undefined;
}

interface UrlPlace {
  readonly of: UrlKind;
  /** Undefined: the directory. */
  readonly name: string | undefined;
}

function at(of: UrlKind, directory: string, below: string): UrlPlace | undefined {
  if (below.length === directory.length) return { of, name: undefined };
  if (below.charCodeAt(directory.length) !== 47) return undefined;
  const name = below.slice(directory.length + 1);
  return name.includes("/") ? undefined : { of, name };
}

function named({ of, name }: UrlPlace, interfaceName: string): TreePath {
  return name === undefined
    ? { kind: "url-directory", of, interface: interfaceName }
    : { kind: of, interface: interfaceName, name };
}

/**
 * A registry group puts applications beside interfaces (`/dev/<app>/<ip:port>`): if the root is named as one of
 * applications, all that isn't an interface's is theirs. dubbo-go has their metadata there (`/dubbo/<app>/<revision>`).
 */
function besideInterfaces(application: string, below: string, isApplicationRoot: boolean): TreePath {
  if (isRevision(below)) return { kind: "application-metadata", application, revision: below };
  return isApplicationRoot ? inApplications(`${application}/${below}`) : other;
}

function inApplications(rest: string): TreePath {
  const slash = rest.lastIndexOf("/");
  return slash < 0
    ? { kind: "application-directory", application: rest }
    : { kind: "application-instance", application: rest.slice(0, slash), name: rest.slice(slash + 1) };
}

/** `<app>/<revision>`, or `<interface>/[version]/[group]/<side>/<app>`. */
function inMetadata(below: string): TreePath {
  const segments = below.split("/");
  const [first = "", second = ""] = segments;
  if (segments.length === 2) {
    return isRevision(second)
      ? { kind: "application-metadata", application: first, revision: second }
      : other;
  }
  const side = segments.at(-2);
  const application = segments.at(-1);
  if (application === undefined || segments.length < 3 || (side !== "provider" && side !== "consumer")) {
    return other;
  }
  return { kind: "service-definition", side, interface: decodeInterfaceName(first), application };
}

/** MD5 in hexadecimal digits (Java) or a decimal number (some releases of dubbo-go). */
function isRevision(name: string): boolean {
  return /^(?:[0-9a-f]{32}|\d+)$/.test(name);
}

/** Nodes of the root that are no interfaces. */
function isReserved(name: string): boolean {
  return name === "mapping" || name === "metadata" || name === "config";
}

function prefixOf(root: string): string {
  const trimmed = root.replace(/^\/+|\/+$/g, "");
  return trimmed === "" ? "/" : `/${trimmed}/`;
}
