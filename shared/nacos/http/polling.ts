import { pause } from "../../runtime/waiting.ts";
import { ListFollower } from "../list-follower.ts";
import { NamingListeners, untilConnected } from "../listeners.ts";
import { isNacosError, NacosError } from "../nacos-error.ts";
import type { NacosConnection, NacosNaming, NamingEvent, ServiceName, ServiceSnapshot } from "../nacos.ts";
import { namespaceId, serviceKey } from "../wire/service-key.ts";
import type { NacosApi } from "./api.ts";
import { isInDoubt, isSame } from "./polled.ts";
import type { Polled } from "./polled.ts";

/** Tells that something may have changed, before it is polled for. */
export interface PollingHints extends AsyncDisposable {
  follow(service: ServiceName, hint: () => void): void;
  unfollow(service: ServiceName): void;
}

/** What polling needs. */
export interface PollingOptions {
  readonly namespace: string;
  readonly groups: readonly string[] | undefined;
  readonly api: NacosApi;
  readonly concurrency: number;
  readonly refreshPeriodMs: number;
  /** Undefined: nothing is known between two rounds. */
  readonly hints?: PollingHints | undefined;
}

/** The catalogue is read if so many services, and a quarter of all, are subscribed to: else it costs more than it saves. */
const fewestForCatalogue = 50;

/** Connections are counted from 1. */
const noConnection = 0;

/** A round that failed is begun again after this time, or after a period if that is shorter. */
const failedRoundMs = 2_000;

/**
 * Discovery in a namespace by asking for every subscribed service once in a period. What stands for a connection is a
 * time in which one server answers; when another one does, or none did for a while, what it says is of a new one.
 */
export class PollingNaming implements NacosNaming {
  readonly mode = "polling";
  readonly namespace: string;
  readonly #options: PollingOptions;
  readonly #listeners = new NamingListeners();
  readonly #stop = new AbortController();
  readonly #services = new Map<string, Polled>();
  readonly #lists: ListFollower;
  readonly #background: Promise<void>[] = [];
  /** Subscribed since they were last asked for. */
  readonly #fresh = new Set<string>();
  #wake = new AbortController();
  #watchers = 0;
  #connection: NacosConnection | undefined;
  #lastServer: string | undefined;
  #connections = 0;
  #lastError: string | undefined = "not connected to Nacos yet";
  /** False once the catalogue turned out to be closed to us, or not to be there. */
  #hasCatalogue = true;
  /** How many services the catalogue had last. */
  #catalogueSize = 0;

  constructor(options: PollingOptions) {
    this.#options = options;
    this.namespace = namespaceId(options.namespace);
    const connection = () => this.#connection;
    this.#lists = new ListFollower({
      list: (signal) => this.listServices(signal),
      get connection() {
        return connection();
      },
      isNeeded: () => this.#watchers > 0,
      tell: (event) => this.#listeners.tell(event),
    }, options.refreshPeriodMs);
    this.#background.push(this.#run());
  }

  get connection(): NacosConnection | undefined {
    return this.#connection;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  onEvent(listener: (event: NamingEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  watchServices(): () => void {
    if (this.#watchers++ === 0 && this.#background.length === 1) {
      this.#background.push(this.#lists.run(this.#stop.signal));
    }
    this.#lists.hurry();
    let isOn = true;
    return () => {
      if (isOn) this.#watchers--;
      isOn = false;
    };
  }

  subscribe(service: ServiceName): void {
    const key = serviceKey(service);
    if (this.#services.has(key)) return;
    this.#services.set(key, { service, last: undefined, listed: undefined, doubts: 0, toldOf: 0 });
    this.#hurry(key);
    this.#options.hints?.follow(service, () => this.#hurry(key));
  }

  unsubscribe(service: ServiceName): void {
    this.#options.hints?.unfollow(service);
    this.#services.delete(serviceKey(service));
    this.#fresh.delete(serviceKey(service));
  }

  async listServices(signal: AbortSignal): Promise<readonly ServiceName[]> {
    const { api, groups } = this.#options;
    const ended = AbortSignal.any([signal, this.#stop.signal]);
    if (groups === undefined) return await api.allServices(this.namespace, ended);
    const lists: ServiceName[] = [];
    for (const group of groups) lists.push(...await api.servicesOfGroup(this.namespace, group, ended));
    return lists;
  }

  async query(service: ServiceName, signal: AbortSignal): Promise<ServiceSnapshot> {
    const ended = AbortSignal.any([signal, this.#stop.signal]);
    const { info, server } = await this.#options.api.instances(this.namespace, service, ended);
    const { connection } = this;
    // Another server's answer is of no connection yet: it may know less than the one that is followed.
    const number = connection?.server === server ? connection.number : noConnection;
    return { ...info, service, origin: "query", server, connection: number };
  }

  connected(signal: AbortSignal): Promise<void> {
    return untilConnected(this, [signal, this.#stop.signal]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#connection = undefined;
    await this.#options.hints?.[Symbol.asyncDispose]();
    await Promise.all(this.#background);
  }

  /** Polls for a service without waiting for the next round. */
  #hurry(key: string): void {
    if (!this.#services.has(key)) return;
    this.#fresh.add(key);
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { refreshPeriodMs } = this.#options;
    await pause(0, signal);
    for (let nextRoundMs = 0; !signal.aborted;) {
      this.#wake = new AbortController();
      const isWhole = performance.now() >= nextRoundMs;
      const keys = isWhole ? new Set(this.#services.keys()) : new Set(this.#fresh);
      this.#fresh.clear();
      const isGood = await this.#round(keys, isWhole);
      const waitMs = isGood ? refreshPeriodMs : Math.min(failedRoundMs, refreshPeriodMs);
      if (isWhole || !isGood) nextRoundMs = performance.now() + waitMs;
      // What was subscribed meanwhile isn't kept waiting for a whole period.
      if (this.#fresh.size > 0 && this.#connection !== undefined) continue;
      await pause(
        Math.max(0, nextRoundMs - performance.now()),
        AbortSignal.any([signal, this.#wake.signal]),
      );
    }
  }

  /** Asks for services, so many at a time. Returns false, and stops, if no server answers. */
  async #round(keys: Set<string>, isWhole: boolean): Promise<boolean> {
    let failure: NacosError | undefined;
    // Without services: whether there is a server at all.
    if (keys.size === 0 && isWhole) failure = await this.#probe();
    if (isWhole && this.#isCatalogueWorthIt()) failure = await this.#leaveOutUnchanged(keys);
    const queue = keys.values();
    // A server may fail at one service alone, such as with HTTP 500. One look for a round tells whether it is that.
    let probe: Promise<NacosError | undefined> | undefined;
    const work = async () => {
      for (const key of queue) {
        if (failure !== undefined || this.#stop.signal.aborted) return;
        const polled = this.#services.get(key);
        if (polled === undefined) continue;
        const error = await this.#poll(key, polled);
        if (error === undefined) continue;
        probe ??= this.#probe();
        const isDown = await probe !== undefined;
        if (isDown) failure ??= error;
        else if (this.#services.get(key) === polled) {
          this.#listeners.tell({ type: "refused", service: polled.service, error });
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#options.concurrency, keys.size) }, work));
    if (this.#stop.signal.aborted) return false;
    if (failure !== undefined) {
      this.#onFailure(failure);
      return false;
    }
    const connection = this.#connection;
    if (connection !== undefined) this.#listeners.tell({ type: "caught-up", connection });
    return true;
  }

  #isCatalogueWorthIt(): boolean {
    const { size } = this.#services;
    return this.#hasCatalogue && size >= fewestForCatalogue && size >= this.#catalogueSize / 4;
  }

  /**
   * Takes out the services that haven't changed by what the catalogue says. Those that it doesn't have are asked for.
   * Returns what is wrong with the cluster.
   */
  async #leaveOutUnchanged(keys: Set<string>): Promise<NacosError | undefined> {
    let size = 0;
    try {
      for await (const page of this.#options.api.catalogue(this.namespace, this.#stop.signal)) {
        const { number } = this.#heardFrom(page.server);
        size += page.services.length;
        for (const { service, instances } of page.services) {
          const key = serviceKey(service);
          const polled = this.#services.get(key);
          if (polled === undefined) continue;
          if (polled.toldOf === number && !isInDoubt(polled, instances)) keys.delete(key);
          polled.listed = instances;
        }
      }
      this.#catalogueSize = size;
      return undefined;
    } catch (error) {
      if (!(error instanceof NacosError)) throw error;
      if (isNacosError(error, "unreachable", "closed")) return await this.#probe();
      this.#hasCatalogue = false;
      return undefined;
    }
  }

  async #probe(): Promise<NacosError | undefined> {
    try {
      this.#heardFrom(await this.#options.api.ping(this.#stop.signal));
      return undefined;
    } catch (error) {
      if (!(error instanceof NacosError)) throw error;
      return error;
    }
  }

  /** Returns what is wrong with the cluster; what is wrong with the service alone is told. */
  async #poll(key: string, polled: Polled): Promise<NacosError | undefined> {
    const { service } = polled;
    try {
      const snapshot = await this.query(service, this.#stop.signal);
      const connection = this.#heardFrom(snapshot.server);
      if (this.#services.get(key) !== polled || this.#stop.signal.aborted) return undefined;
      const isNew = polled.toldOf !== connection.number;
      const { last } = polled;
      if (!isNew && last !== undefined && isSame(last, snapshot)) return undefined;
      polled.last = { ...snapshot, connection: connection.number, origin: isNew ? "initial" : "poll" };
      polled.toldOf = connection.number;
      this.#listeners.tell({ type: "snapshot", snapshot: polled.last });
      return undefined;
    } catch (error) {
      if (!(error instanceof NacosError)) throw error;
      // Whatever the catalogue says, it has to be asked for again.
      polled.listed = undefined;
      if (isNacosError(error, "unreachable", "closed")) return error;
      if (this.#services.get(key) === polled) this.#listeners.tell({ type: "refused", service, error });
      return undefined;
    }
  }

  /** An answer came: from the server that answered before, or from another one. */
  #heardFrom(server: string): NacosConnection {
    const current = this.#connection;
    if (current?.server === server) return current;
    const sameServer = this.#lastServer === undefined || this.#lastServer === server;
    const connection = { number: ++this.#connections, server, sameServer };
    this.#lastServer = server;
    this.#connection = connection;
    this.#lastError = undefined;
    this.#listeners.tell({ type: "connected", connection });
    this.#lists.hurry();
    return connection;
  }

  #onFailure(error: NacosError): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#lastError = error.message;
    this.#listeners.tell(
      connection === undefined ? { type: "failed", error } : { type: "lost", connection, error },
    );
  }
}
