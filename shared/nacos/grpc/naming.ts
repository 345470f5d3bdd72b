import { NamingListeners, untilConnected } from "../listeners.ts";
import { isNacosError, NacosError } from "../nacos-error.ts";
import type { NacosConnection, NacosNaming, NamingEvent, ServiceName, ServiceSnapshot } from "../nacos.ts";
import type { ServerAddress } from "../server-address.ts";
import { isObject, textOr } from "../wire/json.ts";
import type { JsonObject } from "../wire/json.ts";
import type { Message } from "../wire/payload.ts";
import { decodeServiceInfo } from "../wire/service-info.ts";
import type { ServiceInfo } from "../wire/service-info.ts";
import { namespaceId, parseServiceKey } from "../wire/service-key.ts";
import type { GrpcConnection } from "./connection.ts";
import { GrpcKeeper } from "./keeper.ts";
import type { ConnectionSettings } from "./keeper.ts";
import { ServiceWatch } from "./service-watch.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { SubscriptionTask } from "./subscriptions.ts";

/** What discovery over gRPC needs. */
export interface GrpcNamingOptions {
  readonly namespace: string;
  readonly groups: readonly string[] | undefined;
  readonly servers: readonly ServerAddress[];
  readonly settings: ConnectionSettings;
  readonly concurrency: number;
  readonly refreshPeriodMs: number;
  /** All services of all groups, from this server if it can be had there. */
  listAll(server: ServerAddress, signal: AbortSignal): Promise<readonly ServiceName[]>;
  /** Those of one group, by requests on the connection. */
  listGroup(connection: GrpcConnection, group: string): Promise<readonly ServiceName[]>;
}

/**
 * A refused service is tried again after this time; one that only failed sooner, and so is one whose reader the server
 * doesn't know: it reads its users every 15 seconds.
 */
const retryMs = { refused: 30_000, unauthorized: 3_000, failed: 1_000 };

/** A server at which every request fails for so long is left for another one, if there is one. */
const uselessMs = 10_000;

/** Discovery in a namespace by push: one connection, on which services are subscribed to. */
export class GrpcNaming implements NacosNaming {
  readonly mode = "watching";
  readonly namespace: string;
  readonly #options: GrpcNamingOptions;
  readonly #keeper: GrpcKeeper;
  readonly #listeners = new NamingListeners();
  readonly #subscriptions = new Subscriptions();
  readonly #watch: ServiceWatch;
  #inFlight = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #wasCaughtUp = false;
  #connection: NacosConnection | undefined;
  #lastServer: string | undefined;
  #connections = 0;
  /** Since when every subscription has failed at this server. */
  #failingSinceMs: number | undefined;

  constructor(options: GrpcNamingOptions) {
    this.namespace = namespaceId(options.namespace);
    this.#options = options;
    this.#keeper = new GrpcKeeper(options.servers, options.settings, {
      onConnected: (connection) => this.#onConnected(connection),
      onLost: (_, error) => this.#onLost(error),
      onFailed: (error) => this.#listeners.tell({ type: "failed", error }),
      onPush: (message) => this.#onPush(message),
    });
    this.#watch = new ServiceWatch({
      namespace: this.namespace,
      groups: options.groups,
      refreshPeriodMs: options.refreshPeriodMs,
      keeper: this.#keeper,
      connection: () => this.#connection,
      list: (signal) => this.listServices(signal),
      tell: (event) => this.#listeners.tell(event),
    });
  }

  get connection(): NacosConnection | undefined {
    return this.#connection;
  }

  get lastError(): string | undefined {
    return this.#keeper.lastError?.message;
  }

  onEvent(listener: (event: NamingEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  watchServices(): () => void {
    return this.#watch.on();
  }

  subscribe(service: ServiceName): void {
    if (this.#subscriptions.want(service)) this.#wasCaughtUp = false;
    this.#pump();
  }

  unsubscribe(service: ServiceName): void {
    this.#subscriptions.unwant(service);
    this.#pump();
  }

  async listServices(signal: AbortSignal): Promise<readonly ServiceName[]> {
    const { groups, listAll, listGroup } = this.#options;
    const connection = this.#keeper.connection;
    if (groups === undefined) return await listAll(connection.server, signal);
    const lists: ServiceName[] = [];
    for (const group of groups) {
      if (signal.aborted) throw new NacosError("closed", "listing services: stopped");
      lists.push(...await listGroup(connection, group));
    }
    return lists;
  }

  async query(service: ServiceName, signal: AbortSignal): Promise<ServiceSnapshot> {
    const [connection, number] = [this.#keeper.connection, this.#connections];
    signal.throwIfAborted();
    const body = await connection.request({
      operation: "query",
      type: "ServiceQuery",
      answer: "QueryService",
      body: { ...this.#name(service), cluster: "", healthyOnly: false, udpPort: 0 },
      service,
    });
    const info = decodeServiceInfo(body["serviceInfo"] ?? { name: service.name, hosts: [] });
    return this.#snapshot(service, info, "query", connection.server.text, number);
  }

  connected(signal: AbortSignal): Promise<void> {
    return untilConnected(this, [signal, this.#keeper.signal]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection = undefined;
    await this.#keeper.close();
    clearTimeout(this.#retryTimer);
    await this.#watch.ended();
  }

  #onConnected({ server }: GrpcConnection): void {
    const sameServer = this.#lastServer === undefined || this.#lastServer === server.text;
    this.#lastServer = server.text;
    this.#connection = { number: ++this.#connections, server: server.text, sameServer };
    this.#subscriptions.restart();
    this.#failingSinceMs = undefined;
    this.#wasCaughtUp = false;
    this.#listeners.tell({ type: "connected", connection: this.#connection });
    this.#watch.begin();
    this.#pump();
  }

  #onLost(error: NacosError): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) this.#listeners.tell({ type: "lost", connection, error });
  }

  #name({ group, name }: ServiceName) {
    return { namespace: this.namespace, serviceName: name, groupName: group };
  }

  #snapshot(
    service: ServiceName,
    info: ServiceInfo,
    origin: ServiceSnapshot["origin"],
    server: string,
    connection: number,
  ): ServiceSnapshot {
    return { ...info, service, origin, server, connection };
  }

  /** Sends what there is to ask for, so many at a time. */
  #pump(): void {
    const connection = this.#connection;
    if (connection === undefined || this.#keeper.signal.aborted) return;
    while (this.#inFlight < this.#options.concurrency) {
      const task = this.#subscriptions.next(performance.now());
      if (task === undefined) break;
      this.#inFlight++;
      void this.#perform(task, connection).finally(() => {
        this.#inFlight--;
        this.#pump();
      });
    }
    clearTimeout(this.#retryTimer);
    const retryInMs = this.#subscriptions.nextRetryMs(performance.now());
    if (retryInMs !== undefined) this.#retryTimer = setTimeout(() => this.#pump(), retryInMs);
    this.#tellCaughtUp(connection);
  }

  #tellCaughtUp(connection: NacosConnection): void {
    if (this.#wasCaughtUp || !this.#subscriptions.isCaughtUp) return;
    this.#wasCaughtUp = true;
    this.#listeners.tell({ type: "caught-up", connection });
  }

  async #perform(task: SubscriptionTask, connection: NacosConnection): Promise<void> {
    const { service, subscribe } = task;
    try {
      const body = await this.#subscribeRequest(service, subscribe);
      if (this.#connection !== connection) return;
      this.#subscriptions.succeeded(task);
      this.#failingSinceMs = undefined;
      // A server that has nothing to say of an unknown service has said that there is none.
      if (subscribe) {
        this.#arrived(service, body["serviceInfo"] ?? { ...service, hosts: [] }, "initial", connection);
      }
    } catch (error) {
      if (!(error instanceof NacosError)) throw error;
      if (this.#connection !== connection) return;
      if (subscribe) await this.#onRefused(task, error);
      else this.#subscriptions.failed(task, performance.now(), 0);
    }
  }

  async #onRefused(task: SubscriptionTask, error: NacosError): Promise<void> {
    const { service } = task;
    if (error.kind === "protocol-violation") {
      // The server has subscribed it, and a push that can't be read would end the connection.
      await this.#subscribeRequest(service, false).catch(() => undefined);
    }
    this.#subscriptions.failed(task, performance.now(), retryAfterMs(error));
    if (this.#subscriptions.isWanted(service)) this.#listeners.tell({ type: "refused", service, error });
    if (error.kind === "unreachable") this.#leaveIfUseless(error, performance.now());
    else this.#failingSinceMs = undefined;
  }

  /** A server that takes connections may be out of order all the same, and say so for each service. */
  #leaveIfUseless(error: NacosError, nowMs: number): void {
    this.#failingSinceMs ??= nowMs;
    if (this.#options.servers.length < 2 || nowMs - this.#failingSinceMs < uselessMs) return;
    this.#failingSinceMs = undefined;
    this.#keeper.connection.abandon(
      `every request has failed for some time, so another server is asked (${error.message})`,
    );
  }

  #subscribeRequest(service: ServiceName, subscribe: boolean): Promise<JsonObject> {
    // All clusters: what is left out here is missing in pushes, or not, as the version likes.
    const body = { ...this.#name(service), subscribe, clusters: "" };
    const operation = subscribe ? "subscribe" : "unsubscribe";
    return this.#keeper.connection.request({ operation, type: "SubscribeService", body, service });
  }

  /** @throws NacosError `protocol-violation` if it can't be read. */
  #arrived(
    service: ServiceName,
    value: unknown,
    origin: "initial" | "push",
    { number, server }: NacosConnection,
  ): void {
    const info = decodeServiceInfo(value);
    switch (this.#subscriptions.arrived(service, info.serverTimeMs, origin)) {
      case "take":
        this.#listeners.tell({
          type: "snapshot",
          snapshot: this.#snapshot(service, info, origin, server, number),
        });
        return;
      case "ask":
        void this.#askAgain(service);
        return;
      case "drop":
    }
  }

  /** A push was no good: what is true is asked for. */
  async #askAgain(service: ServiceName): Promise<void> {
    const connection = this.#connection;
    try {
      const snapshot = await this.query(service, this.#keeper.signal);
      if (this.#connection !== connection) return;
      if (this.#subscriptions.arrived(service, snapshot.serverTimeMs, "query") !== "take") return;
      this.#listeners.tell({ type: "snapshot", snapshot: { ...snapshot, origin: "push" } });
    } catch (error) {
      if (!(error instanceof NacosError)) throw error;
      if (this.#connection !== connection || !this.#subscriptions.isWanted(service)) return;
      this.#listeners.tell({ type: "refused", service, error });
    }
  }

  #onPush({ type, body }: Message): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (type === "NotifySubscriberRequest") {
      this.#onSnapshotPush(body, connection);
      return;
    }
    this.#watch.take(type, body);
  }

  #onSnapshotPush(body: JsonObject, connection: NacosConnection): void {
    const info = body["serviceInfo"];
    // Servers of others fill it; Nacos never does.
    const namespace = textOr(body["namespace"], "");
    if (!isObject(info) || (namespace !== "" && namespaceId(namespace) !== this.namespace)) return;
    const service = parseServiceKey(textOr(info["name"], ""), textOr(info["groupName"], undefined));
    if (!this.#subscriptions.isWanted(service)) return;
    try {
      this.#arrived(service, info, "push", connection);
    } catch (error) {
      if (!(error instanceof NacosError)) throw error;
      void this.#askAgain(service);
    }
    this.#tellCaughtUp(connection);
  }
}

function retryAfterMs(error: NacosError): number {
  if (isNacosError(error, "unreachable", "closed")) return retryMs.failed;
  return isNacosError(error, "unauthorized") ? retryMs.unauthorized : retryMs.refused;
}
