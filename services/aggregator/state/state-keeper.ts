import { join } from "node:path";
import { Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import { pause } from "../../../shared/runtime/waiting.ts";
import { errorText } from "../../../shared/runtime/errors.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import type { EarlierState } from "../ingest/ingest-options.ts";
import type { StreamIngest } from "../ingest/ingest.ts";
import { readStateFile, readStateHeader, writeStateFile } from "./state-file.ts";
import type { AggregatorState, StateHeader } from "./state-file.ts";

export interface StateOptions {
  /** Where the file is kept. */
  readonly folder: string;
  /** Shortest time between two writes. */
  readonly intervalMs: number;
  /** The name of the stream: a state of another one is not taken. */
  readonly stream: string;
  readonly log: Logger;
}

/** The file's name in its folder. */
const fileName = "aggregator.state";

/** How long a start waits for the entry log before it serves the state on disk. */
const patienceMs = 3000;

/** How often it is looked whether the entry log is there. */
const lookMs = 250;

/** A state that hasn't changed is written all the same after so many intervals: its age says how well it is known. */
const unchangedIntervals = 10;

/** The state on disk: what was there at the start, and what is written. A file that can't be used is only a warning. */
export class StateStore implements EarlierState {
  readonly #options: StateOptions;
  readonly #path: string;
  /** When the last state was written by this process, RFC 3339; empty if none was. */
  writtenAt = "";

  constructor(options: StateOptions) {
    this.#options = options;
    this.#path = join(options.folder, fileName);
  }

  async header(): Promise<StateHeader | undefined> {
    return await this.#tried(async () => this.#own(await readStateHeader(this.#path)));
  }

  async load(): Promise<AggregatorState | undefined> {
    return await this.#tried(async () => this.#own(await readStateFile(this.#path)));
  }

  /** Writes what the aggregator serves. What fails is logged, and tried again the next time: answers whether it did. */
  async write(state: Omit<AggregatorState, "stream" | "writtenAt">): Promise<boolean> {
    const { stream, log } = this.#options;
    const writtenAt = new Date().toISOString();
    try {
      await writeStateFile(this.#path, { ...state, stream, writtenAt });
      this.writtenAt = writtenAt;
      return true;
    } catch (error) {
      log.warn({ err: error, path: this.#path }, `the state can't be written: ${errorText(error)}`);
      return false;
    }
  }

  #own<State extends StateHeader>(state: State | undefined): State | undefined {
    if (state === undefined || state.stream === this.#options.stream) return state;
    this.#options.log.warn(
      `Not using the state in ${this.#path}: it is of stream ${state.stream}, not ${this.#options.stream}`,
    );
    return undefined;
  }

  async #tried<State>(read: () => Promise<State | undefined>): Promise<State | undefined> {
    try {
      return await read();
    } catch (error) {
      this.#options.log.warn(errorText(error));
      return undefined;
    }
  }
}

/** Keeps the state on disk, and has it served at a start at which the entry log can't be reached. */
export class StateKeeper {
  readonly #store: StateStore;
  readonly #options: StateOptions;
  readonly #ingest: StreamIngest;
  #isChanged = true;

  constructor(store: StateStore, options: StateOptions, ingest: StreamIngest, cache: ResourceCache) {
    this.#store = store;
    this.#options = options;
    this.#ingest = ingest;
    cache.onChange(() => this.#isChanged = true);
  }

  /** Registers what an operator should see. */
  registerMetrics(metrics: Registry): void {
    const store = this.#store;
    const ingest = this.#ingest;
    const age = new Gauge({
      name: "meshregistry_served_state_age_seconds",
      help:
        "Age of the state on disk that is served because the entry log can't be read; 0 if the log's is served.",
      registers: [],
      collect() {
        const { servedStateOf } = ingest;
        this.set(servedStateOf === undefined ? 0 : (Date.now() - Date.parse(servedStateOf)) / 1000);
      },
    });
    const written = new Gauge({
      name: "meshregistry_state_written_timestamp_seconds",
      help: "When the state was last written to disk; 0 if this process hasn't yet.",
      registers: [],
      collect() {
        this.set(store.writtenAt === "" ? 0 : Date.parse(store.writtenAt) / 1000);
      },
    });
    metrics.registerMetric(age);
    metrics.registerMetric(written);
  }

  /** Serves the state if need be, then writes it now and then, and once more when the signal aborts. */
  async run(entryLog: EntryLog, signal: AbortSignal): Promise<void> {
    await this.#serveInTime(entryLog, signal);
    const { intervalMs } = this.#options;
    let unchanged = 0;
    // At least once: the signal may have come while the log was waited for.
    do {
      await pause(intervalMs, signal);
      unchanged++;
      if (this.#isChanged || unchanged >= unchangedIntervals) {
        if (await this.#write()) unchanged = 0;
      }
    } while (!signal.aborted);
  }

  async #write(): Promise<boolean> {
    const state = this.#ingest.state();
    if (state === undefined) return false;
    this.#isChanged = false;
    if (await this.#store.write(state)) return true;
    this.#isChanged = true;
    return false;
  }

  /** Waits until the log has been read, or can't be: a log that is there and takes its time is waited for. */
  async #serveInTime(entryLog: EntryLog, signal: AbortSignal): Promise<void> {
    await pause(patienceMs, signal);
    while (!signal.aborted && !this.#ingest.hasRead) {
      const { connected, detail } = entryLog.status();
      if (!connected) {
        const state = await this.#store.load();
        if (state === undefined || signal.aborted || this.#ingest.hasRead) return;
        const { writtenAt } = state;
        this.#options.log.warn(
          { writtenAt },
          `serving the state on disk, the entry log can't be read: ${detail}`,
        );
        return await this.#ingest.serve(state);
      }
      await pause(lookMs, signal);
    }
  }
}
