import type { CachedResource } from "../catalogue/cached-resource.ts";

/** One subject, as nearly everywhere; a few, as most shared hosts have; or many. A short list takes a third of a set. */
type Claimants = string | readonly string[] | Set<string>;

/** From here on a set is worth its memory. */
const many = 16;

/**
 * Which subjects claim a host or a name, over all sources and namespaces. A change costs as much as the changed entry
 * has hosts. Names hold a slash and hosts don't, so both are keys of one map.
 */
export class HostIndex {
  readonly #claimants = new Map<string, Claimants>();

  /** True if the host or name is claimed. */
  has(key: string): boolean {
    return this.#claimants.has(key);
  }

  /** Replaces what a subject claimed by what it claims now. */
  replace(before: CachedResource | undefined, after: CachedResource | undefined): void {
    if (before !== undefined && after !== undefined && isSameClaim(before, after)) return;
    if (before !== undefined) { for (const key of keysOf(before)) this.#remove(key, before.subject); }
    if (after !== undefined) { for (const key of keysOf(after)) this.#add(key, after.subject); }
  }

  /** True if another subject claims the name or a host of the resource. */
  isShared(resource: CachedResource): boolean {
    return keysOf(resource).some((key) => this.#isSharedKey(key, resource.subject));
  }

  /** The other subjects that claim the name or a host of the resource, each once. */
  othersOf(resource: CachedResource): ReadonlySet<string> {
    const others = new Set<string>();
    for (const key of keysOf(resource)) this.#collect(key, others);
    others.delete(resource.subject);
    return others;
  }

  /** The subjects that claim a host or name. */
  claimantsOf(key: string): ReadonlySet<string> {
    const claimants = new Set<string>();
    this.#collect(key, claimants);
    return claimants;
  }

  /** Cuts subjects into groups that have no host and no name in common. `resourceOf` knows each of them. */
  groupsOf(
    subjects: Iterable<string>,
    resourceOf: (subject: string) => CachedResource | undefined,
  ): readonly (readonly CachedResource[])[] {
    const groups: CachedResource[][] = [];
    const seen = new Set<string>();
    const seenKeys = new Set<string>();
    for (const first of subjects) {
      if (seen.has(first)) continue;
      const group: CachedResource[] = [];
      // A set that grows while it is gone through ends with the last that was added.
      const linked = new Set([first]);
      for (const subject of linked) {
        seen.add(subject);
        const resource = resourceOf(subject);
        if (resource === undefined) continue;
        group.push(resource);
        for (const key of keysOf(resource)) {
          if (seenKeys.has(key)) continue;
          seenKeys.add(key);
          this.#collect(key, linked);
        }
      }
      if (group.length > 0) groups.push(group);
    }
    return groups;
  }

  #isSharedKey(key: string, subject: string): boolean {
    const claimants = this.#claimants.get(key);
    if (claimants === undefined) return false;
    return typeof claimants === "string" ? claimants !== subject : true;
  }

  #collect(key: string, into: Set<string>): void {
    const claimants = this.#claimants.get(key);
    if (claimants === undefined) return;
    if (typeof claimants === "string") into.add(claimants);
    else for (const subject of claimants) into.add(subject);
  }

  #add(key: string, subject: string): void {
    const claimants = this.#claimants.get(key);
    if (claimants === undefined) this.#claimants.set(key, subject);
    else if (claimants instanceof Set) claimants.add(subject);
    else {
      const all = new Set(typeof claimants === "string" ? [claimants] : claimants).add(subject);
      if (all.size > 1) this.#claimants.set(key, all.size < many ? [...all] : all);
    }
  }

  /** Lists and sets of two or more only, so that one look tells whether a key is shared. */
  #remove(key: string, subject: string): void {
    const claimants = this.#claimants.get(key);
    if (claimants === subject) this.#claimants.delete(key);
    else if (claimants instanceof Set && claimants.size > many) claimants.delete(subject);
    else if (claimants !== undefined && typeof claimants !== "string") {
      const others = [...claimants].filter((each) => each !== subject);
      const [only] = others;
      if (only !== undefined) this.#claimants.set(key, others.length === 1 ? only : others);
    }
  }
}

const noHosts: readonly string[] = [];

function keysOf({ name, claim }: CachedResource): readonly string[] {
  return [name, ...claim?.hosts ?? noHosts];
}

function isSameClaim(a: CachedResource, b: CachedResource): boolean {
  const hostsA = a.claim?.hosts ?? noHosts;
  const hostsB = b.claim?.hosts ?? noHosts;
  return a.name === b.name && hostsA.length === hostsB.length &&
    hostsA.every((host, index) => host === hostsB[index]);
}
