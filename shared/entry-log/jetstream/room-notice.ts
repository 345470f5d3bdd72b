import type { Logger } from "../../runtime/log.ts";

/** Says once that a stream has no room for new messages, and once that it has again. */
export class RoomNotice {
  readonly #log: Logger;
  #full: string | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Why there is no room; undefined as far as is known. */
  get full(): string | undefined {
    return this.#full;
  }

  /** Takes in how the server answered a message: why there is no room for it, or (undefined) that it was stored. */
  see(reason: string | undefined): void {
    if ((reason === undefined) === (this.#full === undefined)) return;
    if (reason === undefined) this.#log.info("NATS: there is room again, messages are stored");
    else {
      this.#log.error(
        `NATS: no room for new messages: ${reason}. What is stored stays, changes are missing until the stream ` +
          "(or its account) may be larger; they are tried again",
      );
    }
    this.#full = reason;
  }
}
