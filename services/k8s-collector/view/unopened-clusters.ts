import { errorText } from "../../../shared/runtime/errors.ts";

/** The usual time between two attempts to open a cluster, in milliseconds. */
export const defaultRetryMs = 5_000;

/** What is to be opened again, and why it couldn't be. */
interface Unopened {
  readonly error: unknown;
  readonly timer: NodeJS.Timeout;
}

/**
 * Clusters that couldn't be opened, because of the file of a kubeconfig as a rule: it may be mended, or mounted, while the
 * others are read. Each is tried again after a time.
 */
export class UnopenedClusters<Wanted extends { readonly id: string }> implements Disposable {
  readonly #retryMs: number;
  readonly #retry: (wanted: Wanted) => void;
  readonly #clusters = new Map<string, Unopened>();

  /** `retryMs`: the time between two attempts, in milliseconds. `retry` is called for each cluster by itself. */
  constructor(retryMs: number, retry: (wanted: Wanted) => void) {
    this.#retryMs = retryMs;
    this.#retry = retry;
  }

  /** Why each of them couldn't be opened, by id. */
  get reasons(): ReadonlyMap<string, string> {
    return new Map(Array.from(this.#clusters, ([id, { error }]) => [id, errorText(error)]));
  }

  /** The error of the first one. */
  get firstError(): unknown {
    return this.#clusters.values().next().value?.error;
  }

  get size(): number {
    return this.#clusters.size;
  }

  has(id: string): boolean {
    return this.#clusters.has(id);
  }

  /** A cluster couldn't be opened. True if that is news: for the first time, or for another reason. */
  add(wanted: Wanted, error: unknown): boolean {
    const before = this.#clusters.get(wanted.id);
    this.delete(wanted.id);
    const timer = setTimeout(() => this.#retry(wanted), this.#retryMs);
    this.#clusters.set(wanted.id, { error, timer });
    return before === undefined || errorText(before.error) !== errorText(error);
  }

  /** It was opened, or isn't wanted any more. */
  delete(id: string): void {
    clearTimeout(this.#clusters.get(id)?.timer);
    this.#clusters.delete(id);
  }

  /** Forgets those that aren't wanted any more. */
  keepOnly(wanted: ReadonlyMap<string, unknown>): void {
    for (const id of this.#clusters.keys()) if (!wanted.has(id)) this.delete(id);
  }

  [Symbol.dispose](): void {
    for (const id of this.#clusters.keys()) this.delete(id);
  }
}
