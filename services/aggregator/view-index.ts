import type { CachedResource, Snapshot } from "./cache.ts";
import type { CatalogueView } from "./catalogue-view.ts";
import type { ChangeLog } from "./change-log.ts";
import { SegmentedResources } from "./segmented-resources.ts";
import { SetHash } from "./set-hash.ts";

/**
 * What a limited view shows of one kind, for state-of-the-world clients. It is brought up to date when it is asked
 * for, from the change log: that costs as much as there were changes since, and nothing while nobody asks.
 */
export class ViewIndex {
  readonly #view: CatalogueView;
  readonly #served: SegmentedResources;
  readonly #log: ChangeLog;
  #shown = new SegmentedResources();
  #versions = new SetHash();
  #upTo: number | undefined;

  constructor(view: CatalogueView, served: SegmentedResources, log: ChangeLog) {
    this.#view = view;
    this.#served = served;
    this.#log = log;
  }

  /** What the view shows now. */
  snapshot(): Snapshot {
    this.#catchUp();
    const shown = this.#shown;
    return {
      version: this.#versions.digest(),
      resources: { [Symbol.iterator]: () => shown.values()[Symbol.iterator]() },
      pieces: () => shown.pieces(),
      count: shown.size,
    };
  }

  #catchUp(): void {
    const changes = this.#upTo === undefined ? undefined : this.#log.since(this.#upTo);
    this.#upTo = this.#log.head;
    if (changes !== undefined) {
      for (const { name } of changes) {
        if (this.#view.couldShow(name)) this.#update(name, this.#served.get(name));
      }
      return;
    }
    this.#shown = new SegmentedResources();
    this.#versions = new SetHash();
    for (const resource of this.#served.values()) this.#update(resource.name, resource);
  }

  #update(name: string, resource: CachedResource | undefined): void {
    const before = this.#shown.get(name);
    const after = resource !== undefined && this.#view.shows(name, resource) ? resource : undefined;
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
