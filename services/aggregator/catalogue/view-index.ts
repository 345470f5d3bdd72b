import type { CachedResource, Snapshot } from "./cached-resource.ts";
import type { CatalogueView } from "./catalogue-view.ts";
import type { ChangeLog } from "./change-log.ts";
import { SegmentedResources } from "./segmented-resources.ts";
import { SetHash } from "./set-hash.ts";

/** What a view shows, resource by resource. */
export interface ShownResources {
  readonly get: (name: string) => CachedResource | undefined;
  readonly all: () => Iterable<CachedResource>;
}

/**
 * What a limited view shows of one kind, for state-of-the-world clients. It is brought up to date when it is asked
 * for, from the change log: that costs as much as there were changes since, and nothing while nobody asks.
 */
export class ViewIndex {
  readonly #view: CatalogueView;
  readonly #source: ShownResources;
  readonly #log: ChangeLog;
  #shown = new SegmentedResources();
  #versions = new SetHash();
  #upTo: number | undefined;

  constructor(view: CatalogueView, source: ShownResources, log: ChangeLog) {
    this.#view = view;
    this.#source = source;
    this.#log = log;
  }

  /** What the view shows now. */
  snapshot(): Snapshot {
    this.#catchUp();
    const shown = this.#shown;
    return {
      version: this.#versions.digest(),
      resources: { [Symbol.iterator]: () => shown.values()[Symbol.iterator]() },
      // Any client may bring filters of its own, each for itself: joining them would copy the catalogue for each.
      pieces: () => this.#view.isOfClient ? shown.loosePieces() : shown.pieces(),
      count: shown.size,
    };
  }

  #catchUp(): void {
    const changes = this.#upTo === undefined ? undefined : this.#log.since(this.#upTo);
    this.#upTo = this.#log.head;
    if (changes !== undefined) {
      for (const { name } of changes) {
        if (this.#view.couldShow(name)) this.#update(name, this.#source.get(name));
      }
      return;
    }
    this.#shown = new SegmentedResources();
    this.#versions = new SetHash();
    for (const resource of this.#source.all()) this.#update(resource.name, resource);
  }

  #update(name: string, resource: CachedResource | undefined): void {
    const before = this.#shown.get(name);
    const after = resource && this.#view.versionOf(resource);
    if (before === after) return;
    if (before !== undefined) this.#versions.toggle(versionMember(before));
    if (after === undefined) {
      this.#shown.delete(name);
      return;
    }
    this.#versions.toggle(versionMember(after));
    this.#shown.set(name, after);
  }
}

/** A resource's part in the version of a snapshot. */
export function versionMember({ name, version }: CachedResource): string {
  return `${name}\0${version}`;
}
