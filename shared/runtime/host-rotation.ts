/** After each time that all hosts failed, the next one is tried later: from this to that, in milliseconds. */
const shortestWaitMs = 100;
const longestWaitMs = 3_000;

/** A connection that ended sooner counts as a failed attempt: a server that greets and hangs up isn't run against. */
const livedMs = 1_000;

/**
 * Which server to try next, and when. All clients have the same list: each shuffles it once, so that they spread. All
 * hosts are tried without a pause, then there is one, twice as long each time, with jitter.
 */
export class HostRotation<Host> {
  readonly #hosts: readonly Host[];
  readonly #random: () => number;
  #index = -1;
  #failures = 0;
  #again = false;

  /** @param hosts at least one */
  constructor(hosts: readonly Host[], random: () => number = Math.random) {
    this.#random = random;
    this.#hosts = hosts.map((host) => ({ host, order: random() })).sort((a, b) => a.order - b.order).map((
      each,
    ) => each.host);
  }

  /** The next host to try, after a pause. */
  next(): { readonly host: Host; readonly waitMs: number } {
    const again = this.#again;
    this.#again = false;
    if (!again) this.#index = (this.#index + 1) % this.#hosts.length;
    const host = this.#hosts[this.#index];
    if (host === undefined) throw new RangeError("a rotation needs a host");
    const laps = Math.floor(this.#failures / this.#hosts.length);
    const lapEnded = !again && laps > 0 && this.#failures % this.#hosts.length === 0;
    if (!lapEnded) return { host, waitMs: 0 };
    const longest = Math.min(longestWaitMs, shortestWaitMs * 2 ** Math.min(laps - 1, 10));
    return { host, waitMs: longest * (0.5 + this.#random() / 2) };
  }

  /** The attempt is over: it failed, or its connection ended after so long. */
  ended(connectedMs: number): void {
    this.#failures = connectedMs >= livedMs ? 0 : this.#failures + 1;
  }

  /** Have the same host once more, at once: nothing is wrong with it. */
  tryAgain(): void {
    this.#again = true;
  }

  /** Have this host next, at once, if it is one of them. */
  prefer(isIt: (host: Host) => boolean): void {
    const index = this.#hosts.findIndex(isIt);
    if (index < 0) return;
    this.#index = index;
    this.#again = true;
  }
}
