import { Backoff } from "../runtime/waiting.ts";
import { NamingListeners, untilConnected } from "./listeners.ts";
import { NacosError } from "./nacos-error.ts";
import type { NacosConnection, NacosNaming, NamingEvent, ServiceName, ServiceSnapshot } from "./nacos.ts";
import { serviceKey } from "./wire/service-key.ts";

/** The ways between which is chosen. */
export type NamingWays = Readonly<Record<"watching" | "polling", () => NacosNaming>>;

/**
 * Discovery that finds out first how the servers can be read, and then goes on in that way for good. What it is asked
 * for before that is done then.
 */
export class ChoosingNaming implements NacosNaming {
  readonly namespace: string;
  readonly #listeners = new NamingListeners();
  readonly #services = new Map<string, ServiceName>();
  readonly #stop = new AbortController();
  readonly #choosing: Promise<void>;
  #watchers = 0;
  #endWatch: (() => void) | undefined;
  #chosen: NacosNaming | undefined;
  #failure: NacosError = new NacosError("unreachable", "not connected to Nacos yet");

  /** @param choose may be called again after it has thrown a NacosError */
  constructor(
    namespace: string,
    ways: NamingWays,
    choose: (signal: AbortSignal) => Promise<"watching" | "polling">,
  ) {
    this.namespace = namespace;
    this.#choosing = this.#choose(ways, choose);
  }

  get mode(): "watching" | "polling" | undefined {
    return this.#chosen?.mode;
  }

  get connection(): NacosConnection | undefined {
    return this.#chosen?.connection;
  }

  get lastError(): string | undefined {
    return this.#chosen === undefined ? this.#failure.message : this.#chosen.lastError;
  }

  onEvent(listener: (event: NamingEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  watchServices(): () => void {
    if (this.#watchers++ === 0) this.#endWatch = this.#chosen?.watchServices();
    let isOn = true;
    return () => {
      if (isOn && --this.#watchers === 0) this.#endWatch?.();
      isOn = false;
    };
  }

  subscribe(service: ServiceName): void {
    this.#services.set(serviceKey(service), service);
    this.#chosen?.subscribe(service);
  }

  unsubscribe(service: ServiceName): void {
    this.#services.delete(serviceKey(service));
    this.#chosen?.unsubscribe(service);
  }

  async listServices(signal: AbortSignal): Promise<readonly ServiceName[]> {
    return await this.#use.listServices(signal);
  }

  async query(service: ServiceName, signal: AbortSignal): Promise<ServiceSnapshot> {
    return await this.#use.query(service, signal);
  }

  connected(signal: AbortSignal): Promise<void> {
    return untilConnected(this, [signal, this.#stop.signal]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#choosing;
    await this.#chosen?.[Symbol.asyncDispose]();
  }

  get #use(): NacosNaming {
    if (this.#chosen === undefined) throw this.#failure;
    return this.#chosen;
  }

  async #choose(
    ways: NamingWays,
    choose: (signal: AbortSignal) => Promise<"watching" | "polling">,
  ): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        const mode = await choose(signal);
        if (!signal.aborted) this.#take(ways[mode]());
        return;
      } catch (error) {
        if (!(error instanceof NacosError)) throw error;
        if (signal.aborted) return;
        this.#failure = error;
        this.#listeners.tell({ type: "failed", error });
      }
      await backoff.wait(signal);
    }
  }

  #take(naming: NacosNaming): void {
    this.#chosen = naming;
    naming.onEvent((event) => this.#listeners.tell(event));
    if (this.#watchers > 0) this.#endWatch = naming.watchServices();
    for (const service of this.#services.values()) naming.subscribe(service);
    this.#services.clear();
  }
}
