import type { ResourceCache } from "../catalogue/cache.ts";
import type { HistoryBook } from "./history-book.ts";

/** What answers about the history are made of. */
export interface HistoryOptions {
  readonly cache: ResourceCache;
  readonly history: HistoryBook;
  /** When changes began to be kept, in milliseconds since 1970; undefined: not yet. */
  readonly historySince: () => number | undefined;
}
