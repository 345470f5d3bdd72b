import type { Logger } from "../../../shared/runtime/log.ts";
import type { RefusedCluster } from "./wanted-clusters.ts";

/** Logs each refusal of a cluster once, and again when it comes back. */
export class RefusalLog {
  readonly #log: Logger;
  #told = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The refusals as they are now. */
  tell(refused: Iterable<RefusedCluster>): void {
    const present = new Set<string>();
    for (const { id, origin, reason } of refused) {
      const text = `${id}\0${origin}\0${reason}`;
      present.add(text);
      if (this.#told.has(text)) continue;
      this.#log.warn({ cluster: id, origin, reason }, "a cluster is not read; the others are");
    }
    this.#told = present;
  }
}
