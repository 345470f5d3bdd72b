import { ConflictBook } from "../conflicts/conflict-book.ts";
import type { ConflictListener, Group, Regrouping } from "../conflicts/conflict-book.ts";
import type { ConflictRules } from "../conflicts/conflict-rules.ts";
import { liveHostsOf } from "./cached-resource.ts";
import type { CachedResource, Snapshot } from "./cached-resource.ts";
import type { CatalogueView } from "./catalogue-view.ts";
import { ChangeLog, everyView, unlimitedViews } from "./change-log.ts";
import type { Change, ResourceTraits } from "./change-log.ts";
import { Lens } from "./lens.ts";
import { SegmentedResources } from "./segmented-resources.ts";
import { SetHash } from "./set-hash.ts";
import { versionMember, ViewIndex } from "./view-index.ts";

/** The cache of one kind: what the stream has, what is served of it, and what each view shows of that. */
export class KindCache {
  /** By subject: everything that the stream has. */
  readonly stored = new Map<string, CachedResource>();
  /** Served resources by `<namespace>/<name>`. */
  readonly served = new SegmentedResources();
  /** Subjects that are not served under their name because another source has a resource of the same name. */
  readonly shadowed = new Set<string>();
  readonly log = new ChangeLog();
  readonly conflicts: ConflictBook;
  readonly #versions = new SetHash();
  /** By key of the view. */
  readonly #indexes = new Map<string, ViewIndex>();
  /** By key of the view's filter. */
  readonly #lenses = new Map<string, Lens>();
  /** How many stored resources are of an Istio revision, served or not: a view may show what isn't served. */
  revisioned = 0;
  endpoints = 0;

  constructor(rules: ConflictRules, onConflict: ConflictListener) {
    this.conflicts = new ConflictBook(rules, this.stored, onConflict);
  }

  /** Stores a resource. True if clients have to be told. */
  put(resource: CachedResource): boolean {
    const before = this.stored.get(resource.subject);
    this.stored.set(resource.subject, resource);
    this.#countRevision(before, -1);
    this.#countRevision(resource, 1);
    const regrouping = this.conflicts.change(before, resource, resource.cursor);
    if (regrouping !== undefined) return this.#regroup(regrouping, resource.cursor);
    return this.#serve(resource, this.served.get(resource.name), resource.cursor, everyView);
  }

  /** Removes what was stored under a subject. True if clients have to be told. */
  delete(subject: string, cursor: string | undefined): boolean {
    const resource = this.stored.get(subject);
    if (resource === undefined) return false;
    this.stored.delete(subject);
    this.#countRevision(resource, -1);
    const regrouping = this.conflicts.change(resource, undefined, cursor ?? "");
    if (regrouping !== undefined) return this.#regroup(regrouping, cursor);
    this.#withdraw(resource, cursor, everyView);
    return true;
  }

  /** What a view shows under a name. */
  shown(view: CatalogueView, name: string): CachedResource | undefined {
    const served = this.served.get(name);
    const resource = view.filterKey === "" ? served : this.#lensOf(view).get(name, served);
    return resource !== undefined && view.couldShow(name) ? resource : undefined;
  }

  /** All that a view shows. */
  *allShown(view: CatalogueView): Iterable<CachedResource> {
    const served = this.served.values();
    for (const resource of view.filterKey === "" ? served : this.#lensOf(view).values(served)) {
      if (view.couldShow(resource.name)) yield resource;
    }
  }

  /** What a view shows now; views without limits share one snapshot. */
  snapshot(view: CatalogueView): Snapshot {
    const { served } = this;
    if (view.key === "") {
      const resources = { [Symbol.iterator]: () => served.values()[Symbol.iterator]() };
      const version = this.#versions.digest();
      return { version, resources, pieces: () => served.pieces(), count: served.size };
    }
    let index = this.#indexes.get(view.key);
    if (index === undefined) {
      const shown = {
        get: (name: string) => this.shown(view, name),
        all: () => this.allShown(view),
      };
      this.#indexes.set(view.key, index = new ViewIndex(view, shown, this.log));
    }
    return index.snapshot();
  }

  /** The changes after the one of that number that a view may show; undefined if they are not all remembered. */
  changesSince(number: number, view: CatalogueView): readonly Change[] | undefined {
    if (view.filterKey !== "" && number < this.#lensOf(view).since) return undefined;
    return this.log.since(number);
  }

  /** Has the changes of what a view shows remembered from now on. */
  prepare(view: CatalogueView): void {
    if (view.filterKey !== "") this.#lensOf(view);
  }

  /** Forgets what was prepared for other views. */
  keepViews(keys: ReadonlySet<string>, filterKeys: ReadonlySet<string>): void {
    for (const key of this.#indexes.keys()) if (!keys.has(key)) this.#indexes.delete(key);
    for (const key of this.#lenses.keys()) if (!filterKeys.has(key)) this.#lenses.delete(key);
  }

  #lensOf(view: CatalogueView): Lens {
    let lens = this.#lenses.get(view.filterKey);
    if (lens === undefined) {
      this.#lenses.set(view.filterKey, lens = new Lens(view, this.conflicts, this.log.head));
    }
    return lens;
  }

  /** Serves what became of groups. */
  #regroup(regrouping: Regrouping, cursor: string | undefined): boolean {
    const { before, after, isAmended } = regrouping;
    let isChanged = isAmended ? this.#amend(after, cursor) : this.#replace(before, after, cursor);
    for (const [key, lens] of this.#lenses) {
      for (const { name, before } of lens.regroup(regrouping, cursor ?? "")) {
        this.#remember(name, cursor, before, key);
        isChanged = true;
      }
    }
    return isChanged;
  }

  /** Of these groups, the names that are served and shadowed are the same as before. */
  #amend(groups: readonly Group[], cursor: string | undefined): boolean {
    let isChanged = false;
    for (const { served } of groups) {
      for (const resource of served) {
        if (this.#serve(resource, this.served.get(resource.name), cursor, unlimitedViews)) isChanged = true;
      }
    }
    return isChanged;
  }

  #replace(before: readonly Group[], after: readonly Group[], cursor: string | undefined): boolean {
    const now = new Map(after.flatMap(({ served }) => served.map((each) => [each.name, each])));
    this.#shadow(before, after);
    let isChanged = false;
    const gone = before.flatMap(({ served }) => served.filter(({ name }) => !now.has(name)));
    for (const resource of now.values()) {
      if (this.#serve(resource, this.served.get(resource.name), cursor, unlimitedViews)) isChanged = true;
    }
    for (const resource of gone) {
      this.#withdraw(resource, cursor, unlimitedViews);
      isChanged = true;
    }
    return isChanged;
  }

  #shadow(before: readonly Group[], after: readonly Group[]): void {
    for (const { members } of before) for (const { subject } of members) this.shadowed.delete(subject);
    for (const { members, served } of after) {
      if (members.length === 1) continue;
      const names = new Map<string, number>();
      for (const { name } of members) names.set(name, (names.get(name) ?? 0) + 1);
      for (const { name, subject } of members) {
        if ((names.get(name) ?? 0) < 2) continue;
        const own = served.find((each) => each.name === name);
        if (own?.subject !== subject) this.shadowed.add(subject);
      }
    }
  }

  /** Replaces what is served under a name; true if clients have to be told. */
  #serve(
    resource: CachedResource,
    previous: CachedResource | undefined,
    cursor: string | undefined,
    audience: string | undefined,
  ): boolean {
    if (previous === resource) return false;
    this.served.set(resource.name, resource);
    if (previous?.version === resource.version && previous.registry === resource.registry) return false;
    if (previous !== undefined) this.#count(previous, -1);
    this.#count(resource, 1);
    this.#remember(resource.name, cursor, previous, audience);
    return true;
  }

  #withdraw(resource: CachedResource, cursor: string | undefined, audience: string | undefined): void {
    this.served.delete(resource.name);
    this.#count(resource, -1);
    this.#remember(resource.name, cursor, resource, audience);
  }

  #remember(
    name: string,
    cursor: string | undefined,
    previous: CachedResource | undefined,
    audience: string | undefined,
  ): void {
    const before: ResourceTraits | undefined = previous && {
      version: previous.version,
      registry: previous.registry,
      revision: previous.revision,
      liveHosts: liveHostsOf(previous),
    };
    this.log.append(name, cursor, before, this.served.size, audience);
  }

  #count(resource: CachedResource, sign: 1 | -1): void {
    this.#versions.toggle(versionMember(resource));
    this.endpoints += sign * resource.endpoints;
  }

  #countRevision(resource: CachedResource | undefined, sign: 1 | -1): void {
    if (resource?.revision !== undefined) this.revisioned += sign;
  }
}
