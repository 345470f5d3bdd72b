import type { PublishedTerm } from "./published-state.ts";

/**
 * How far this replica is under its term: its view is recent enough, everything was compared, everything of its share was
 * published, and the source's sync marker says so. A pure state machine: each step counts for the term under which it
 * was made, and for no other.
 */
export class TermProgress {
  #term: PublishedTerm | undefined;
  #isRefreshed = false;
  #isCompared = false;
  #isSettled = false;
  #isMarked = false;
  #hasHadShare = false;

  /** The term that was found on the stream; undefined: none. Whatever was done before has to be done again. */
  begin(term: PublishedTerm | undefined): void {
    this.#term = term;
    this.#isRefreshed = false;
    this.#isCompared = false;
    this.#isSettled = false;
    this.#isMarked = false;
  }

  /** The view shows what other replicas may have published before the term. */
  refreshed(term: PublishedTerm): void {
    if (this.#term === term) this.#isRefreshed = true;
  }

  /** Everything was compared under the term. `hasReadAll`: no unit of the share was unknown. */
  compared(term: PublishedTerm | undefined, hasReadAll: boolean): void {
    this.#hasHadShare ||= hasReadAll;
    if (term === undefined || this.#term !== term) return;
    this.#isCompared = true;
    this.#isSettled ||= hasReadAll;
  }

  /** The source's sync marker was published under the term. */
  marked(term: PublishedTerm): void {
    if (this.#term === term) this.#isMarked = true;
  }

  /** True once this replica may publish under its term, as far as its view is concerned. */
  get isRefreshed(): boolean {
    return this.#isRefreshed;
  }

  get isCompared(): boolean {
    return this.#isCompared;
  }

  /** True once everything of the share was read and published under the term. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  get isMarked(): boolean {
    return this.#isMarked;
  }

  /** True once this replica has published a share, under whichever term. */
  get hasHadShare(): boolean {
    return this.#hasHadShare;
  }
}
