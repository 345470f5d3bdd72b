import type { ConnectRequest, ConnectResponse } from "./wire/records.ts";

/** What a server's first frame makes of a session. */
export type Greeting = "new" | "resumed" | "expired" | "refused";

/** Not even that many servers in a row may hang up on a session before it is given up. */
const fewestHangUps = 3;

/**
 * A session: what the servers know a client by, across its connections. It ends when the servers say so. And it is
 * given up when they only ever hang up on it: they do so if they have not seen what it has, which is how it looks when
 * their data was lost. Without I/O and clock; times are milliseconds of a monotonic clock.
 */
export class Session {
  readonly #askedTimeoutMs: number;
  #id = 0n;
  #password = new Uint8Array(16);
  #timeoutMs: number;
  #lastZxid = 0n;
  #hangUps = 0;
  #heardMs: number;

  constructor(askedTimeoutMs: number, nowMs: number) {
    this.#askedTimeoutMs = askedTimeoutMs;
    this.#timeoutMs = askedTimeoutMs;
    this.#heardMs = nowMs;
  }

  /** As granted, or as asked for while there is no session. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** The first frame to send. */
  request(): ConnectRequest {
    return {
      lastZxidSeen: this.#lastZxid,
      timeoutMs: this.#askedTimeoutMs,
      sessionId: this.#id,
      password: this.#password,
      // A server that is cut off from the others would show a tree that stands still.
      readOnly: false,
    };
  }

  /** Takes a server's first frame. `refused`: try another server. */
  greet(response: ConnectResponse, nowMs: number): Greeting {
    const isNew = this.#id === 0n;
    if (response.timeoutMs <= 0) {
      this.#startOver();
      return isNew ? "refused" : "expired";
    }
    if (response.readOnly) return "refused";
    this.#id = response.sessionId;
    this.#password = new Uint8Array(response.password);
    this.#timeoutMs = response.timeoutMs;
    this.#hangUps = 0;
    this.#heardMs = nowMs;
    return isNew ? "new" : "resumed";
  }

  /** A reply told the server's last transaction. */
  sawZxid(zxid: bigint): void {
    if (zxid > this.#lastZxid) this.#lastZxid = zxid;
  }

  /** A connection ended that the session lived on. */
  ended(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  /**
   * A server hung up without a word. Answers true if that was one too many: all servers did it twice, and have done it
   * for as long as the session would live. The session is given up then.
   */
  hungUp(hostCount: number, nowMs: number): boolean {
    this.#hangUps++;
    const enough = Math.max(fewestHangUps, 2 * hostCount);
    if (this.#hangUps < enough || nowMs - this.#heardMs < this.#timeoutMs) return false;
    const had = this.#id !== 0n;
    this.#startOver();
    return had;
  }

  #startOver(): void {
    this.#id = 0n;
    this.#password = new Uint8Array(16);
    this.#timeoutMs = this.#askedTimeoutMs;
    this.#lastZxid = 0n;
    this.#hangUps = 0;
  }
}
