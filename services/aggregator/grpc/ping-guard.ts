/**
 * Clients that ping more often than this while nothing is sent to them do it for nothing. Half of what gRPC's clients
 * can be set to at the least (10 s in Go and Java; istiod's keepalive pings every 30 s).
 */
const minPingIntervalMs = 5_000;

/** So many pings may come too early in a row. As gRPC's other servers have it. */
const maxStrikes = 2;

/**
 * Counts pings of one connection that come too early. Clients in Go also ping while they receive, to measure the
 * bandwidth: what is sent forgives all strikes («Server-side Keepalive Enforcement», gRFC A8).
 */
export class PingGuard {
  #lastMs = Number.NEGATIVE_INFINITY;
  #strikes = 0;

  /** When the last ping came, by the clock that {@link onPing} was given. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** Notes a ping. True if the client has pinged too often and is to be sent away. */
  onPing(nowMs: number, sentSinceLast: boolean): boolean {
    const early = nowMs - this.#lastMs < minPingIntervalMs;
    this.#lastMs = nowMs;
    this.#strikes = early && !sentSinceLast ? this.#strikes + 1 : 0;
    return this.#strikes > maxStrikes;
  }
}
