import type { Logger } from "../../runtime/log.ts";
import { Reachability } from "../../runtime/reachability.ts";

/** Says in the log when a stream can't be used, now and then that it still can't, and when it can be again. */
export class UsabilityNotice {
  readonly #stream: string;
  readonly #log: Logger;
  readonly #usability = new Reachability();

  constructor(stream: string, log: Logger) {
    this.#stream = stream;
    this.#log = log;
  }

  /** Takes in why the stream can't be used at the moment; empty if it can. */
  see(problem: string): void {
    const stream = this.#stream;
    const news = this.#usability.see(problem === "" ? undefined : problem, performance.now());
    switch (news?.type) {
      case "lost":
        return this.#log.error({ stream }, `stream ${stream} can't be used: ${news.reason}; trying again`);
      case "still-lost":
        return this.#log.error(
          { stream, forSeconds: Math.round(news.forMs / 1000) },
          `stream ${stream} still can't be used: ${news.reason}; trying again`,
        );
      case "back":
        return this.#log.info(
          { stream, afterSeconds: Math.round(news.afterMs / 1000) },
          `stream ${stream} can be used again`,
        );
      case undefined:
    }
  }
}
