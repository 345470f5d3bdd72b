/**
 * How long the last good version of a resource stays served after a message that can't be, in milliseconds. Longer than
 * a collector takes to notice the message and publish its own again, also when it has just been restarted; and short,
 * because meanwhile replicas that started later don't have the resource.
 */
export const lastGoodMs = 60_000;

/**
 * The resources that are served though the stream has replaced them by an unusable message. What is on the stream
 * decides in the end, so that every replica serves the same and a restart changes nothing. The time is handed in.
 */
export class LastGoodVersions {
  readonly #untilMs = new Map<string, number>();

  /** An unusable message came. A second one doesn't prolong the time. Returns when it is over. */
  begin(subject: string, nowMs: number): number {
    const known = this.#untilMs.get(subject);
    if (known !== undefined) return known;
    this.#untilMs.set(subject, nowMs + lastGoodMs);
    return nowMs + lastGoodMs;
  }

  /** The subject has a usable message again, or is gone. */
  end(subject: string): void {
    this.#untilMs.delete(subject);
  }

  /** No unusable message is known any more. */
  clear(): void {
    this.#untilMs.clear();
  }

  /** Returns the subjects whose time is over, once. */
  expire(nowMs: number): readonly string[] {
    const expired = [...this.#untilMs].filter(([, untilMs]) => untilMs <= nowMs).map(([subject]) => subject);
    for (const subject of expired) this.#untilMs.delete(subject);
    return expired;
  }
}
