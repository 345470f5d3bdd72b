/** What filters look at, besides the name. */
export interface Origin {
  readonly registry: string;
  readonly revision: string | undefined;
}

/** What has to be remembered of a resource's earlier state to tell who saw it, and which hosts moved; not its bytes. */
export interface ResourceTraits extends Origin {
  readonly version: string;
  /** The hosts that it had endpoints of, in a list that the resource has, too. */
  readonly liveHosts: readonly string[];
}

/** One change of what is served under a name. */
export interface Change {
  /** Counts the changes of a kind, from 1. */
  readonly number: number;
  /** `<namespace>/<name>`. */
  readonly name: string;
  /** Where in the entry log it happened: sorts as text, later changes sort after earlier ones. */
  readonly position: string;
  /** What was served before; undefined if nothing was. */
  readonly before: ResourceTraits | undefined;
  /**
   * Which views it is a change of: {@link everyView} that shows a resource of these traits; {@link unlimitedViews}; or
   * those of one `filterKey`, in which other entries of a host decide what is shown.
   */
  readonly audience: string | undefined;
}

/** The audience of a change of an entry that shares nothing with others. */
export const everyView = undefined;

/** The audience of what is decided for clients that see every registry, namespace and revision: their `filterKey`. */
export const unlimitedViews = "";

/** How many changes are remembered at least. A change takes about 200 bytes. */
const leastCapacity = 65_536;

/**
 * The last changes of one kind, deletions included: what changed since a moment costs as much as there are changes,
 * whatever the number of resources. It is bounded: a reader that fell too far behind has to start over.
 */
export class ChangeLog {
  #changes: Change[] = [];
  #head = 0;
  #position = "0";

  /** The number of the last change; 0 before the first. */
  get head(): number {
    return this.#head;
  }

  /** The position of the last change; sorts before every other one while there is none. */
  get position(): string {
    return this.#position;
  }

  /** All changes that are remembered, oldest first. */
  get remembered(): readonly Change[] {
    return this.#changes;
  }

  /** How many changes are remembered. */
  get size(): number {
    return this.#changes.length;
  }

  /**
   * Adds a change. A cursor that isn't after the last position (the entry log was rolled back, or another source's
   * older resource took over the name) is replaced by one that is.
   */
  append(
    name: string,
    cursor: string | undefined,
    before: ResourceTraits | undefined,
    resources: number,
    audience: string | undefined = everyView,
  ): void {
    this.#position = cursor !== undefined && cursor > this.#position ? cursor : following(this.#position);
    this.#changes.push({ number: ++this.#head, name, position: this.#position, before, audience });
    const capacity = Math.max(leastCapacity, resources);
    // In large steps, so that a change costs the same however many are remembered.
    if (this.#changes.length > 2 * capacity) this.#changes = this.#changes.slice(-capacity);
  }

  /** The changes after the one of that number, oldest first; undefined if not all of them are remembered any more. */
  since(number: number): readonly Change[] | undefined {
    const missed = this.#head - number;
    if (missed === 0) return [];
    return missed > this.#changes.length ? undefined : this.#changes.slice(-missed);
  }

  /** Forgets the changes up to that number, because every reader has them. */
  forget(number: number): void {
    const kept = this.#head - number;
    if (kept < this.#changes.length) this.#changes = kept <= 0 ? [] : this.#changes.slice(-kept);
  }
}

/** The border between a cursor and our own counting after it; sorts before every character of a cursor's end. */
const countMark = "+";

/** A text that sorts after the position, and before every later cursor of its stream. */
export function following(position: string): string {
  const mark = position.lastIndexOf(countMark);
  const count = mark === -1 ? 0 : Number(position.slice(mark + 1));
  return `${mark === -1 ? position : position.slice(0, mark)}${countMark}${
    String(count + 1).padStart(10, "0")
  }`;
}
