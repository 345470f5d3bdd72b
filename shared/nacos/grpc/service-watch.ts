import { pause } from "../../runtime/waiting.ts";
import { ListFollower } from "../list-follower.ts";
import { isNacosError, NacosError } from "../nacos-error.ts";
import type { NacosConnection, NamingEvent, ServiceName } from "../nacos.ts";
import type { JsonObject } from "../wire/json.ts";
import { FuzzyWatch } from "./fuzzy-watch.ts";
import type { WatchRequest } from "./fuzzy-watch.ts";
import type { GrpcKeeper } from "./keeper.ts";
import { ResponseError } from "./response.ts";

/** What following the services of a namespace needs. */
export interface ServiceWatchOptions {
  readonly namespace: string;
  readonly groups: readonly string[] | undefined;
  readonly refreshPeriodMs: number;
  readonly keeper: GrpcKeeper;
  connection(): NacosConnection | undefined;
  list(signal: AbortSignal): Promise<readonly ServiceName[]>;
  tell(event: NamingEvent): void;
}

/** How often is looked whether the watch needs anything. */
const tickMs = 1_000;

/**
 * Follows which services there are: by a fuzzy watch where the server has them, and by lists where it hasn't, or where
 * the watch doesn't tell everything.
 */
export class ServiceWatch {
  readonly #options: ServiceWatchOptions;
  readonly #watch: FuzzyWatch;
  readonly #lists: ListFollower;
  readonly #background: Promise<void>[] = [];
  #watchers = 0;

  constructor(options: ServiceWatchOptions) {
    this.#options = options;
    this.#watch = new FuzzyWatch(options.namespace, options.groups);
    this.#lists = new ListFollower({
      list: (signal) => options.list(signal),
      get connection() {
        return options.connection();
      },
      isNeeded: () => this.#watchers > 0 && this.#needsLists(),
      tell: (event) => options.tell(event),
    }, options.refreshPeriodMs);
  }

  /** Begins to follow; returns the function that ends it. */
  on(): () => void {
    this.#watchers++;
    if (this.#background.length === 0) {
      this.#background.push(this.#lists.run(this.#options.keeper.signal), this.#tick());
    }
    if (this.#watchers === 1) this.begin();
    let isOn = true;
    return () => {
      if (isOn) this.#watchers--;
      isOn = false;
    };
  }

  /** There is a connection: everything is asked for, if anybody follows. */
  begin(): void {
    if (this.#watchers === 0 || this.#options.connection() === undefined) return;
    if (this.#hasFuzzyWatch()) void this.#send(this.#watch.begin(performance.now()));
    if (this.#needsLists()) this.#lists.hurry();
  }

  /** A message of the server that is about no service's instances. */
  take(type: string, body: JsonObject): void {
    const connection = this.#options.connection();
    if (this.#watchers === 0 || connection === undefined) return;
    for (const finding of this.#watch.take(type, body, performance.now())) {
      this.#options.tell({ ...finding, connection });
    }
  }

  /** Settles when all work has ended, after the keeper has. */
  async ended(): Promise<void> {
    await Promise.all(this.#background);
  }

  #needsLists(): boolean {
    return !this.#hasFuzzyWatch() || this.#watch.needsLists(performance.now());
  }

  #hasFuzzyWatch(): boolean {
    const { connection, keeper } = this.#options;
    return connection() !== undefined && keeper.connection.hasFuzzyWatch;
  }

  async #tick(): Promise<void> {
    const { signal } = this.#options.keeper;
    while (!signal.aborted) {
      await pause(tickMs, signal);
      if (this.#watchers === 0 || !this.#hasFuzzyWatch()) continue;
      const request = this.#watch.due(performance.now());
      if (request !== undefined) await this.#send(request);
    }
  }

  async #send(request: WatchRequest): Promise<void> {
    const { keeper, connection: connectionNow, tell } = this.#options;
    const connection = connectionNow();
    try {
      await keeper.connection.request({ operation: "watch", type: "NamingFuzzyWatch", body: { ...request } });
      if (connectionNow() === connection) this.#watch.answered(0, performance.now());
    } catch (error) {
      if (!(error instanceof NacosError)) throw error;
      if (connectionNow() !== connection || keeper.signal.aborted) return;
      const code = error instanceof ResponseError ? error.errorCode : -1;
      this.#watch.answered(code, performance.now());
      if (isNacosError(error, "forbidden", "unauthorized")) tell({ type: "services-failed", error });
      if (this.#needsLists()) this.#lists.hurry();
    }
  }
}
