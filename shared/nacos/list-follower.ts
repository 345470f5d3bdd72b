import { pause } from "../runtime/waiting.ts";
import { NacosError } from "./nacos-error.ts";
import type { NacosConnection, NamingEvent, ServiceName } from "./nacos.ts";
import { serviceKey } from "./wire/service-key.ts";

/** What a list's follower needs. */
export interface ListSource {
  /** All services. @throws NacosError if not all of them could be read: then it may have `partial` ones. */
  list(signal: AbortSignal): Promise<readonly ServiceName[]>;
  /** The connection that counts now; undefined while there is none. */
  readonly connection: NacosConnection | undefined;
  /** False while the list isn't needed, because the server tells by itself. */
  isNeeded(): boolean;
  tell(event: NamingEvent): void;
}

/** A list could be read in part: what is there is there, what is missing may be, too. */
export class PartialListError extends NacosError {
  readonly services: readonly ServiceName[];

  constructor(message: string, services: readonly ServiceName[]) {
    super("unreachable", message);
    this.services = services;
  }
}

/** A list that failed is read again sooner than after a whole period. */
const retryMs = 2_000;

/** Reads the list of services again and again, and tells of it when it has changed, or the connection has. */
export class ListFollower {
  readonly #source: ListSource;
  readonly #periodMs: number;
  #told: { readonly connection: number; readonly keys: ReadonlySet<string> } | undefined;
  /** Aborts the pause between two rounds. */
  #wake = new AbortController();

  constructor(source: ListSource, periodMs: number) {
    this.#source = source;
    this.#periodMs = periodMs;
  }

  /** Reads the list now: the connection is another one. */
  hurry(): void {
    this.#wake.abort();
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { connection } = this.#source;
      let isGood = true;
      this.#wake = new AbortController();
      const woken = AbortSignal.any([signal, this.#wake.signal]);
      if (connection !== undefined && this.#source.isNeeded()) isGood = await this.#round(connection, signal);
      await pause(isGood ? this.#periodMs : Math.min(retryMs, this.#periodMs), woken);
    }
  }

  async #round(connection: NacosConnection, signal: AbortSignal): Promise<boolean> {
    try {
      const services = await this.#source.list(signal);
      // What an earlier connection's server said is of the past.
      if (signal.aborted || this.#source.connection !== connection) return false;
      const keys = new Set(services.map(serviceKey));
      const told = this.#told;
      if (told?.connection === connection.number && isSame(told.keys, keys)) return true;
      this.#told = { connection: connection.number, keys };
      this.#source.tell({ type: "services", connection, services });
      return true;
    } catch (error) {
      if (!(error instanceof NacosError)) throw error;
      if (signal.aborted || this.#source.connection !== connection) return false;
      if (error instanceof PartialListError) this.#tellNew(connection, error.services);
      this.#source.tell({ type: "services-failed", error });
      return false;
    }
  }

  /** What is new needn't wait for a complete list. */
  #tellNew(connection: NacosConnection, services: readonly ServiceName[]): void {
    const keys = new Set(this.#told?.keys);
    for (const service of services) {
      const key = serviceKey(service);
      if (keys.has(key)) continue;
      keys.add(key);
      this.#source.tell({ type: "service-added", connection, service });
    }
    // Of no connection: the next complete list is told, whatever it is.
    this.#told = { connection: 0, keys };
  }
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && a.isSubsetOf(b);
}
