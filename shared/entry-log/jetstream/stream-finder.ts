import { JetStreamApiError } from "@nats-io/jetstream";
import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import type { Logger } from "../../runtime/log.ts";
import { configOf } from "./config.ts";
import type { StreamOptions } from "./config.ts";

const streamNotFound = 10059;
const nameInUse = 10058;

/** Looks at a stream, and creates it if it is missing and permissions allow. */
export class StreamFinder {
  readonly #options: StreamOptions;
  readonly #log: Logger;
  #toldCreated = "";

  constructor(options: StreamOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  /** @throws Error if the stream can't be reached, or is missing and can't be created. */
  async find(api: JetStreamManager): Promise<StreamInfo> {
    const { stream } = this.#options;
    try {
      return await api.streams.info(stream);
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== streamNotFound) throw error;
    }
    if (!this.#options.create) throw new Error("it doesn't exist");
    try {
      const created = await api.streams.add(configOf(this.#options));
      // Everybody who finds it missing within the same second asks for the same one, and each is told that it was created.
      if (created.created !== this.#toldCreated) this.#log.info({ stream }, "created the stream");
      this.#toldCreated = created.created;
    } catch (error) {
      // Somebody was faster, and its stream has another first sequence than ours would have had.
      const exists = error instanceof JetStreamApiError && error.code === nameInUse;
      if (!exists) throw new Error("it is missing and can't be created", { cause: error });
    }
    // In a cluster whose leader was just elected, a stream may be missing that is there: what was said of its creation
    // would be another time than the stream's own, and look like another stream.
    return await api.streams.info(stream);
  }
}
