import type { FollowedKind } from "./followed-kind.ts";

/** What the kinds that are followed in a cluster say together. */
export class FollowedKinds implements Disposable {
  readonly #cluster: string;
  readonly #kinds: FollowedKind[] = [];

  /** `cluster`: its id, for messages. */
  constructor(cluster: string) {
    this.#cluster = cluster;
  }

  /** Adds a kind. */
  add(kind: FollowedKind): void {
    this.#kinds.push(kind);
  }

  [Symbol.iterator](): Iterator<FollowedKind> {
    return this.#kinds.values();
  }

  /** True once everything has been read that the API server doesn't deny. */
  get areSettled(): boolean {
    return this.#kinds.every((kind) => kind.isSettled || this.#isOtherVersion(kind));
  }

  /** True once all pods have been read; false if none are followed. */
  get knowPods(): boolean {
    const pods = this.#kinds.filter(({ name }) => name === "pods");
    return pods.length > 0 && pods.every(({ state }) => state.isSynced);
  }

  /** True while something is being read again. */
  get areReading(): boolean {
    return this.#kinds.some(({ isRequired, state }) =>
      isRequired && state.isSynced && state.phase === "reading"
    );
  }

  /** Why a required kind can't be read now; undefined if all can. */
  get error(): string | undefined {
    return this.#failure(true);
  }

  /** What is denied, can't be read now, or is doubted besides; undefined: nothing. */
  get remark(): string | undefined {
    return this.#failure(false) ?? this.#doubt;
  }

  /** Kinds that the API server has denied from the start. */
  get denied(): ReadonlySet<string> {
    const denied = this.#kinds.filter(({ state }) => !state.isSynced && state.error?.reason === "forbidden");
    return new Set(denied.map(({ name }) => name));
  }

  /** When the API server was last heard, in milliseconds of a monotonic clock: the oldest of all required kinds. */
  get heardMs(): number | undefined {
    let oldest: number | undefined;
    for (const { isRequired, state: { heardMs } } of this.#kinds) {
      if (!isRequired) continue;
      if (heardMs === undefined) return undefined;
      oldest = Math.min(oldest ?? heardMs, heardMs);
    }
    return oldest;
  }

  /** Settles after a complete read of all required kinds that began after this call. @throws MeshError when the signal aborts */
  async refresh(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#kinds.filter(({ isRequired }) => isRequired).map((kind) => kind.refresh(signal)));
  }

  [Symbol.dispose](): void {
    for (const { doubt } of this.#kinds) doubt[Symbol.dispose]();
  }

  /** A ServiceExport is read in one of its versions where the other one isn't served. */
  #isOtherVersion({ name, namespace, state: { error } }: FollowedKind): boolean {
    return name.startsWith("serviceExports") && error?.reason === "not-found" &&
      this.#kinds.some((other) =>
        other.name.startsWith("serviceExports") && other.name !== name && other.namespace === namespace &&
        other.state.isSynced
      );
  }

  #failure(isRequired: boolean): string | undefined {
    const failing = this.#kinds.find((kind) =>
      kind.isRequired === isRequired && kind.state.error !== undefined && !this.#isOtherVersion(kind)
    );
    if (failing === undefined) return undefined;
    const where = failing.namespace === undefined ? "" : ` in namespace ${failing.namespace}`;
    return `cluster ${this.#cluster}: ${failing.title}s${where} can't be read: ${failing.state.error?.message}`;
  }

  get #doubt(): string | undefined {
    const emptied = this.#kinds.find(({ doubt }) => doubt.isDoubting);
    return emptied &&
      `cluster ${this.#cluster}: it had ${emptied.title}s and has none at all any more: what was published of them stays for now (guard.holdTime)`;
  }
}
