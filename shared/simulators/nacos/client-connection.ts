import type { JsonObject } from "../../nacos/wire/json.ts";
import type { Message } from "../../nacos/wire/payload.ts";
import { serviceKey, watchKey } from "../../nacos/wire/service-key.ts";
import { serviceInfo } from "./registry.ts";
import type { RegistryChange, SimulatedRegistry } from "./registry.ts";
import { keysMatching, matchesPattern } from "./watch-pattern.ts";

/** How a server deals with its connections. */
export interface ConnectionRules {
  readonly registry: SimulatedRegistry;
  /** Changes of so long are one push. */
  readonly pushDelayMs: number;
  /** The most services that are told of for one pattern. */
  readonly mostWatchedServices: number;
  /** Sends to the client. */
  send(message: Message): void;
  /** Each request of the server has another one. */
  nextRequestId(): string;
}

/** What a server knows about one client: its subscriptions and watches, which end with the connection. */
export class ClientConnection {
  readonly id: string;
  readonly #rules: ConnectionRules;
  readonly #subscriptions = new Map<
    string,
    { readonly namespace: string; readonly group: string; readonly name: string }
  >();
  readonly #patterns = new Set<string>();
  readonly #due = new Map<string, NodeJS.Timeout>();
  readonly #unacknowledged = new Map<string, () => void>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isClosed = false;

  constructor(id: string, rules: ConnectionRules) {
    this.id = id;
    this.#rules = rules;
  }

  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  get patterns(): ReadonlySet<string> {
    return this.#patterns;
  }

  /** Requests of the server that the client hasn't answered. */
  get unacknowledged(): number {
    return this.#unacknowledged.size;
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of [...this.#due.values(), ...this.#timers]) clearTimeout(timer);
  }

  /** The first subscription to a service is followed by a push. */
  subscribe(namespace: string, group: string, name: string): void {
    const key = `${namespace}@@${serviceKey({ group, name })}`;
    const isNew = !this.#subscriptions.has(key);
    this.#subscriptions.set(key, { namespace, group, name });
    if (isNew) this.#pushSoon(key);
  }

  unsubscribe(namespace: string, group: string, name: string): void {
    this.#subscriptions.delete(`${namespace}@@${serviceKey({ group, name })}`);
  }

  onChange({ type, service }: RegistryChange): void {
    const key = watchKey(service.namespace, service);
    if (type === "changed") {
      if (this.#subscriptions.has(key)) this.#pushSoon(key);
      return;
    }
    const isWatched = [...this.#patterns].some((pattern) =>
      matchesPattern(pattern, service.namespace, service)
    );
    if (!isWatched) return;
    void this.request("NamingFuzzyWatchChangeNotifyRequest", {
      syncType: "FUZZY_WATCH_RESOURCE_CHANGED",
      serviceKey: key,
      changedType: type === "added" ? "ADD_SERVICE" : "DELETE_SERVICE",
    });
  }

  /** Tells what matches the pattern and the client doesn't have, and in the end that this was all. */
  watch(pattern: string, received: readonly string[], initializing: boolean): void {
    this.#patterns.add(pattern);
    this.#later(() => void this.#sendMatches(pattern, received, initializing));
  }

  unwatch(pattern: string): void {
    this.#patterns.delete(pattern);
  }

  /** Sends a request to the client; settles with its answer. */
  request(type: string, body: JsonObject): Promise<void> {
    const requestId = this.#rules.nextRequestId();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#unacknowledged.set(requestId, resolve);
    this.#rules.send({ type, body: { headers: {}, ...body, requestId, module: "naming" } });
    return promise;
  }

  /** The client answered. */
  acknowledge(body: JsonObject): void {
    const { requestId } = body;
    if (typeof requestId !== "string" || body["success"] !== true) return;
    this.#unacknowledged.get(requestId)?.();
    this.#unacknowledged.delete(requestId);
  }

  async #sendMatches(pattern: string, received: readonly string[], initializing: boolean): Promise<void> {
    const { registry, mostWatchedServices } = this.#rules;
    const matching = keysMatching(registry, pattern).slice(0, mostWatchedServices);
    const has = new Set(received);
    const is = new Set(matching);
    const contexts = [
      ...matching.filter((key) => !has.has(key)).map((key) => ({
        serviceKey: key,
        changedType: "ADD_SERVICE",
      })),
      ...received.filter((key) => !is.has(key)).map((key) => ({
        serviceKey: key,
        changedType: "DELETE_SERVICE",
      })),
    ];
    const syncType = initializing ? "FUZZY_WATCH_INIT_NOTIFY" : "FUZZY_WATCH_DIFF_SYNC_NOTIFY";
    const totalBatch = Math.ceil(contexts.length / 10);
    const acknowledged: Promise<void>[] = [];
    for (let batch = 0; batch < totalBatch; batch++) {
      acknowledged.push(this.request("NamingFuzzyWatchSyncRequest", {
        syncType,
        groupKeyPattern: pattern,
        contexts: contexts.slice(batch * 10, batch * 10 + 10),
        totalBatch,
        currentBatch: batch + 1,
      }));
    }
    await Promise.all(acknowledged);
    if (!initializing || this.#isClosed) return;
    void this.request("NamingFuzzyWatchSyncRequest", {
      syncType: "FINISH_FUZZY_WATCH_INIT_NOTIFY",
      groupKeyPattern: pattern,
      contexts: [],
      totalBatch: 1,
      currentBatch: 1,
    });
  }

  #pushSoon(key: string): void {
    if (this.#due.has(key) || this.#isClosed) return;
    const timer = setTimeout(() => {
      this.#due.delete(key);
      const subscription = this.#subscriptions.get(key);
      if (subscription === undefined) return;
      const { namespace, group, name } = subscription;
      const service = this.#rules.registry.service(namespace, group, name) ??
        { group, name, instances: new Map(), protectThreshold: undefined };
      void this.request("NotifySubscriberRequest", { serviceInfo: serviceInfo(service) });
    }, this.#rules.pushDelayMs);
    this.#due.set(key, timer);
  }

  #later(action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, this.#rules.pushDelayMs);
    this.#timers.add(timer);
  }
}
