/** Refused messages, and facts that are held, are looked at again after this time, in milliseconds. */
const compareAgainMs = 30_000;

/** What to publish next: everything compared with the stream, or these subjects. */
export type FactsStep =
  | { readonly type: "compare" }
  | { readonly type: "publish"; readonly subjects: ReadonlySet<string> };

/**
 * Which facts of a cluster have to be published, and when. A step that failed comes again: what Kubernetes named once it
 * doesn't name a second time. Without I/O; times are milliseconds of a monotonic clock.
 */
export class FactsPlan {
  #changed = new Set<string>();
  #compareAtMs = Number.NEGATIVE_INFINITY;

  /** When everything is compared; infinite in both directions: at once, or not by itself. */
  get compareAtMs(): number {
    return this.#compareAtMs;
  }

  /** Something happened to what has this subject. */
  changed(subject: string): void {
    this.#changed.add(subject);
  }

  /** Everything is compared next: after a complete read, a reset of the stream, a new term. */
  compareNow(): void {
    this.#compareAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Everything is compared in a while, because something couldn't be published yet. */
  compareLater(nowMs: number): void {
    this.#compareAtMs = Math.min(this.#compareAtMs, nowMs + compareAgainMs);
  }

  /** Takes the next step; undefined: there is nothing to do. */
  take(nowMs: number): FactsStep | undefined {
    if (nowMs >= this.#compareAtMs) {
      this.#compareAtMs = Number.POSITIVE_INFINITY;
      this.#changed = new Set();
      return { type: "compare" };
    }
    if (this.#changed.size === 0) return undefined;
    const subjects = this.#changed;
    this.#changed = new Set();
    return { type: "publish", subjects };
  }

  /** The step couldn't be carried out. */
  failed(step: FactsStep): void {
    if (step.type === "compare") this.compareNow();
    else for (const subject of step.subjects) this.#changed.add(subject);
  }
}
