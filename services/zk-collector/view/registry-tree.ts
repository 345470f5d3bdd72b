import { canonicalAddress } from "../../../shared/istio/mod.ts";

/** The directories of an interface that are read. */
export type Directory = "providers" | "consumers" | "configurators";

/** The contents of an interface's directories: raw names of nodes. */
export interface InterfaceChildren {
  readonly providers: ReadonlySet<string>;
  readonly consumers: ReadonlySet<string>;
  readonly configurators: ReadonlySet<string>;
}

interface MutableChildren {
  providers: Set<string>;
  consumers: Set<string>;
  configurators: Set<string>;
}

const none: ReadonlySet<string> = new Set();
const noChildren: InterfaceChildren = { providers: none, consumers: none, configurators: none };

/**
 * The part of ZooKeeper's tree that a collector reads, in memory: the names below each interface's directories, and
 * the content of the applications' nodes. An interface without any of them isn't kept: such directories are never
 * cleaned away in ZooKeeper, so there may be many.
 */
export class RegistryTree {
  /** By raw name of the interface's node. */
  readonly #interfaces = new Map<string, MutableChildren>();
  /** By full path. */
  readonly #applicationNodes = new Map<string, Uint8Array>();
  #providers = 0;
  /** Applications of the providers with their hosts; undefined when one came or went since they were looked for. */
  #providing: Set<string> | undefined;

  /** Raw names of the interfaces that have anything. */
  get interfaces(): Iterable<string> {
    return this.#interfaces.keys();
  }

  get interfaceCount(): number {
    return this.#interfaces.size;
  }

  /** Providers of all interfaces, without those that are registered by application. */
  get providerCount(): number {
    return this.#providers;
  }

  /** Instances of applications, by path of their node. */
  get applicationNodes(): ReadonlyMap<string, Uint8Array> {
    return this.#applicationNodes;
  }

  /**
   * True if an application has a provider of an interface on a host. The first question after a change looks at all
   * names (100,000 take about 100 ms), so it is for rare questions.
   */
  isProviding(application: string, host: string): boolean {
    this.#providing ??= new Set(
      [...this.#interfaces.values()].flatMap(({ providers }) => [...providers].flatMap(applicationAndHost)),
    );
    return this.#providing.has(`${application} ${host}`);
  }

  childrenOf(interfaceName: string): InterfaceChildren {
    return this.#interfaces.get(interfaceName) ?? noChildren;
  }

  /** Replaces a directory's names by those that were read. Returns the number of names that came and went. */
  replace(
    interfaceName: string,
    directory: Directory,
    names: readonly string[],
  ): { came: number; went: number } {
    const before = this.childrenOf(interfaceName)[directory];
    let known = 0;
    for (const name of names) if (before.has(name)) known++;
    const came = names.length - known;
    const went = before.size - known;
    if (came > 0 || went > 0) {
      this.#mutable(interfaceName)[directory] = new Set(names);
      if (directory === "providers") this.#countProviders(came - went);
      this.#forgetIfEmpty(interfaceName);
    }
    return { came, went };
  }

  /** Adds a name to a directory; false if it was there. */
  add(interfaceName: string, directory: Directory, name: string): boolean {
    const names = this.#mutable(interfaceName)[directory];
    if (names.has(name)) return false;
    names.add(name);
    if (directory === "providers") this.#countProviders(1);
    return true;
  }

  /** Removes a name from a directory; false if it wasn't there. */
  remove(interfaceName: string, directory: Directory, name: string): boolean {
    const removed = this.#interfaces.get(interfaceName)?.[directory].delete(name) === true;
    if (!removed) return false;
    if (directory === "providers") this.#countProviders(-1);
    this.#forgetIfEmpty(interfaceName);
    return true;
  }

  /** Sets the content of an application's node; false if it is the same. */
  setApplicationNode(path: string, data: Uint8Array): boolean {
    const before = this.#applicationNodes.get(path);
    if (before !== undefined && Buffer.compare(before, data) === 0) return false;
    this.#applicationNodes.set(path, data);
    return true;
  }

  removeApplicationNode(path: string): boolean {
    return this.#applicationNodes.delete(path);
  }

  #countProviders(more: number): void {
    this.#providers += more;
    this.#providing = undefined;
  }

  #mutable(interfaceName: string): MutableChildren {
    let children = this.#interfaces.get(interfaceName);
    if (children === undefined) {
      children = { providers: new Set(), consumers: new Set(), configurators: new Set() };
      this.#interfaces.set(interfaceName, children);
    }
    return children;
  }

  #forgetIfEmpty(interfaceName: string): void {
    const { providers, consumers, configurators } = this.childrenOf(interfaceName);
    if (providers.size + consumers.size + configurators.size === 0) this.#interfaces.delete(interfaceName);
  }
}

const applicationParameter = /(?:%3F|%26|[?&])application(?:%3D|=)([^%&]+)/i;
const hostPart = /^[^%]*%3A%2F%2F(?:%5B(.*?)%5D|([^%:/?]+))/i;

/**
 * Application and host in the raw name of a provider, in a list, for flatMap. Applications with escapes in their names
 * are left alone: a rarity.
 */
function applicationAndHost(name: string): string[] {
  const application = applicationParameter.exec(name)?.[1];
  const [, ipv6, other] = hostPart.exec(name) ?? [];
  const host = ipv6?.replaceAll(/%3A/gi, ":") ?? other;
  return application === undefined || host === undefined ? [] : [`${application} ${canonicalAddress(host)}`];
}
