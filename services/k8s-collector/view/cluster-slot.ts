import type { ClusterFollower } from "./cluster-follower.ts";
import type { WantedCluster } from "./wanted-clusters.ts";

/** A cluster that is followed: by one connection, or by two while its credentials are rotated. */
export class ClusterSlot {
  readonly id: string;
  /** Of the Secret that the newest connection is made by; undefined: it is made by the configuration. */
  kubeconfig: string | undefined;
  /** When it was added, in milliseconds of a monotonic clock. */
  readonly addedMs: number;
  /** Go on without it after this time, in milliseconds; 0: never. */
  readonly waitMs: number;
  /** The connection whose view counts. */
  current: ClusterFollower;
  /** The one that takes over once it has read everything. */
  next: ClusterFollower | undefined;

  constructor(
    { id, kubeconfig }: WantedCluster,
    current: ClusterFollower,
    waitMs: number,
    addedMs: number,
  ) {
    this.id = id;
    this.kubeconfig = kubeconfig;
    this.current = current;
    this.waitMs = waitMs;
    this.addedMs = addedMs;
  }

  get isSynced(): boolean {
    return this.current.isSynced;
  }

  /** How long it is still waited for, in milliseconds; `Infinity` without a limit, 0 if it isn't. */
  waitsForMs(nowMs: number): number {
    if (this.isSynced) return 0;
    return this.waitMs === 0 ? Number.POSITIVE_INFINITY : Math.max(0, this.addedMs + this.waitMs - nowMs);
  }

  /** Why it can't be read now; undefined if it can, or if that isn't known yet. */
  errorAt(nowMs: number): string | undefined {
    if (this.current.error !== undefined) return this.current.error;
    if (this.waitsForMs(nowMs) > 0 || this.isSynced) return undefined;
    return `cluster ${this.id} hasn't been read yet`;
  }

  /** What its operator should know besides. */
  get remark(): string | undefined {
    const rotated = this.next?.error ?? this.next?.remark;
    return this.current.remark ??
      (rotated && `the new credentials of ${rotated}; the earlier connection stays in use`);
  }

  /**
   * Lets the newer connection take over once it has read everything; returns the former one then. One that may read less
   * than the present one waits until it may, or until the present one can't read any more: pods that lose their labels
   * would be called in plain text.
   */
  takeOver(): ClusterFollower | undefined {
    const { current, next } = this;
    if (next?.isSynced !== true) return undefined;
    const lacksMore = [...next.denied].some((kind) => !current.denied.has(kind));
    if (lacksMore && current.isSynced && current.error === undefined) return undefined;
    this.current = next;
    this.next = undefined;
    return current;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.current[Symbol.asyncDispose](), this.next?.[Symbol.asyncDispose]()]);
  }
}
