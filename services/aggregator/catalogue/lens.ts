import type { Group, Regrouping } from "../conflicts/conflict-book.ts";
import type { CachedResource } from "./cached-resource.ts";
import type { CatalogueView } from "./catalogue-view.ts";

/** What of conflicts a {@link Lens} asks. */
export interface Groups {
  readonly groups: Iterable<Group>;
  isContested(subject: string): boolean;
  servedOf(members: readonly CachedResource[], cursor: string): readonly CachedResource[];
}

/** A name under which a lens shows another resource than before; undefined: none. */
export interface LensChange {
  readonly name: string;
  readonly before: CachedResource | undefined;
}

const nothing: readonly CachedResource[] = [];

/**
 * The served resources for clients that see only some namespaces, registries or revisions. It filters first, and only
 * then conflicts are decided: such a client sees its registry's part of a host, whatever the others have. Entries that
 * share nothing with others are not looked at: they are shown as they are, or not at all.
 */
export class Lens {
  /** The number of the last change before it was made: of earlier ones nothing is remembered for it. */
  readonly since: number;
  readonly #view: CatalogueView;
  readonly #conflicts: Groups;
  readonly #byGroup = new Map<Group, readonly CachedResource[]>();
  /** What it shows of groups of several entries, by name. */
  readonly #shown = new Map<string, CachedResource>();

  constructor(view: CatalogueView, conflicts: Groups, since: number) {
    this.#view = view;
    this.#conflicts = conflicts;
    this.since = since;
    for (const group of conflicts.groups) this.#enter(group, "");
  }

  /** What it shows under a name; `served` is what clients get there that see everything. */
  get(name: string, served: CachedResource | undefined): CachedResource | undefined {
    const own = this.#shown.get(name);
    if (own !== undefined || served === undefined) return own;
    return this.#isAlone(served) && this.#view.admits(served) ? served : undefined;
  }

  /** All that it shows; `served` is what clients get that see everything. */
  *values(served: Iterable<CachedResource>): Iterable<CachedResource> {
    for (const resource of served) {
      if (this.#isAlone(resource) && this.#view.admits(resource)) yield resource;
    }
    yield* this.#shown.values();
  }

  /** Takes in what became of groups. Returns what it shows in another way now. */
  regroup({ before, after }: Regrouping, cursor: string): readonly LensChange[] {
    const was = new Map<string, CachedResource>();
    for (const group of before) {
      for (const resource of this.#byGroup.get(group) ?? this.#ofOne(group)) {
        was.set(resource.name, resource);
        this.#shown.delete(resource.name);
      }
      this.#byGroup.delete(group);
    }
    const now = new Map<string, CachedResource>();
    for (const group of after) {
      const shown = group.members.length === 1 ? this.#ofOne(group) : this.#enter(group, cursor);
      for (const resource of shown) now.set(resource.name, resource);
    }
    const replaced = Array.from(
      new Set([...now.keys(), ...was.keys()]),
      (name) => ({ name, before: was.get(name), after: now.get(name) }),
    );
    return replaced.filter(({ before, after }) => before?.version !== after?.version);
  }

  #enter(group: Group, cursor: string): readonly CachedResource[] {
    const admitted = group.members.filter((member) => this.#view.admits(member));
    const shown = admitted.length === 0
      ? nothing
      : admitted.length === group.members.length
      ? group.served
      : this.#conflicts.servedOf(admitted, cursor);
    this.#byGroup.set(group, shown);
    for (const resource of shown) this.#shown.set(resource.name, resource);
    return shown;
  }

  #ofOne({ members }: Group): readonly CachedResource[] {
    return members.every((only) => this.#view.admits(only)) ? members : nothing;
  }

  #isAlone({ subject }: CachedResource): boolean {
    return !this.#conflicts.isContested(subject);
  }
}
