import { randomBytes, timingSafeEqual } from "node:crypto";

/** A client's session. It outlives its connections. */
export interface Session {
  readonly id: bigint;
  readonly password: Uint8Array;
  /** Granted: silence of this length ends it. */
  readonly timeoutMs: number;
}

/** A session with what this file keeps of it. */
interface Held extends Session {
  readonly timer: NodeJS.Timeout;
}

/** The sessions of a server. A client that is silent for as long as its session's timeout loses it. */
export class SessionTable {
  readonly #sessions = new Map<bigint, Held>();
  readonly #tickTimeMs: number;
  readonly #onExpired: (session: Session) => void;
  /** Real ids are larger than JavaScript's safe integers; so are these. */
  #lastId = (BigInt(Date.now()) << 24n) & 0x00ff_ffff_ffff_ffffn;

  /**
   * @param tickTimeMs a session gets at least two of these and at most twenty
   * @param onExpired called when a session is lost, or expired by hand, and is no longer here
   */
  constructor(tickTimeMs: number, onExpired: (session: Session) => void) {
    this.#tickTimeMs = tickTimeMs;
    this.#onExpired = onExpired;
  }

  /** Begins a session with a timeout as near to `wantedMs` as the server allows. */
  begin(wantedMs: number): Session {
    const timeoutMs = Math.min(Math.max(wantedMs, this.#tickTimeMs * 2), this.#tickTimeMs * 20);
    const id = ++this.#lastId;
    const timer = setTimeout(() => this.expire(id), timeoutMs);
    // Whoever keeps the server open keeps the process open.
    timer.unref();
    const session = { id, password: new Uint8Array(randomBytes(16)), timeoutMs, timer };
    this.#sessions.set(id, session);
    return session;
  }

  /** The session of that id and password, which goes on; undefined if there is none. */
  resume(id: bigint, password: Uint8Array): Session | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined || password.length !== session.password.length) return undefined;
    if (!timingSafeEqual(password, session.password)) return undefined;
    session.timer.refresh();
    return session;
  }

  /** Something was heard of the client. */
  touch(id: bigint): void {
    this.#sessions.get(id)?.timer.refresh();
  }

  /** Ends a session without calling it expired: the client closed it. */
  end(id: bigint): void {
    clearTimeout(this.#sessions.get(id)?.timer);
    this.#sessions.delete(id);
  }

  /** Makes a session expire now. */
  expire(id: bigint): void {
    const session = this.#sessions.get(id);
    this.end(id);
    if (session !== undefined) this.#onExpired(session);
  }

  /** Makes all sessions expire now. */
  expireAll(): void {
    for (const id of this.#sessions.keys()) this.expire(id);
  }

  /** Forgets all sessions; nobody is told. */
  clear(): void {
    for (const id of this.#sessions.keys()) this.end(id);
  }
}
