import type { NacosError } from "./nacos-error.ts";

/**
 * What meshregistry asks of a Nacos cluster, whatever its generation (1.x, 2.x, 3.x) and however it is read: by push
 * over gRPC, by polling over HTTP, or by polling with hints of the `nacos` package. All drivers pass the suite in `test/simulators/nacos-suite.ts`.
 *
 * One `Nacos` is one cluster and one login. Discovery is per namespace ({@link openNaming}), since a push doesn't say
 * which namespace it is about: each has a connection of its own.
 */
export interface Nacos extends AsyncDisposable {
  /** What the cluster turned out to be; undefined before a server answered. */
  readonly about: NacosAbout | undefined;
  /** Requests sent since the start, by operation, over all connections; of use to see what a cluster is asked for. */
  readonly requests: ReadonlyMap<string, number>;

  /** Finds out what the cluster is, unless that is known. @throws NacosError */
  detect(signal: AbortSignal): Promise<NacosAbout>;
  /**
   * All namespaces, by id, the public one as `public` and once. Those that only services use, and nobody created, are
   * not listed by any Nacos. @throws NacosError
   */
  namespaces(signal: AbortSignal): Promise<readonly NacosNamespace[]>;
  /**
   * Opens discovery in a namespace; `""` and `public` are the same. It connects in the background, and goes on until it
   * is disposed of (or this client is).
   */
  openNaming(namespace: string, options?: NamingOptions): NacosNaming;
  /** Content of a configuration; undefined if there is none. @throws NacosError */
  getConfig(config: ConfigName, signal: AbortSignal): Promise<string | undefined>;
}

/** Discovery in one namespace. */
export interface NacosNaming extends AsyncDisposable {
  /** Its id; `public` for the public one. */
  readonly namespace: string;
  /** How it is read; undefined until the cluster is known, if the client was left to choose. */
  readonly mode: "watching" | "polling" | undefined;
  /** The connection in use. Polling has none in the strict sense: there it is a time of answers from one server. */
  readonly connection: NacosConnection | undefined;
  /** Why there is no connection, as one sentence; undefined while there is one. */
  readonly lastError: string | undefined;

  /** Tells all that happens, in order. Returns the function that ends it. A listener must not throw. */
  onEvent(listener: (event: NamingEvent) => void): () => void;
  /**
   * Follows which services there are, until the function that is returned is called: `services` first, and again at
   * each complete list; `service-added` and `service-gone` in between where the server tells (Nacos 3).
   */
  watchServices(): () => void;
  /**
   * Follows a service: a `snapshot` soon, and another for each change. It stays subscribed over reconnects. Subscribing
   * to what is subscribed does nothing, and so does unsubscribing what isn't. There need not be such a service.
   */
  subscribe(service: ServiceName): void;
  /** No `snapshot` of this service comes after this call. */
  unsubscribe(service: ServiceName): void;
  /** All services now, in no order, without duplicates. @throws NacosError if not all of them could be read. */
  listServices(signal: AbortSignal): Promise<readonly ServiceName[]>;
  /** Asks for the instances of a service now: a snapshot without instances if there is no such service. @throws NacosError */
  query(service: ServiceName, signal: AbortSignal): Promise<ServiceSnapshot>;
  /** Settles when there is a connection. @throws NacosError when the signal aborts, or this is closed. */
  connected(signal: AbortSignal): Promise<void>;
}

/**
 * What discovery tells.
 *
 * What a caller has to know: a server that was just started, and one node of a cluster that lost the others, answers
 * with empty or short lists until the providers have registered again, and is sure of it. So what comes from a *new*
 * connection, and lacks what an older one had, needs a second look (`query`) and time before it is believed. On a
 * connection that has been quiet for long, an empty list is a service that was scaled to zero.
 */
export type NamingEvent =
  /**
   * There is a connection, and all subscriptions are being renewed on it. Where one connection replaces another while
   * that still works (the server asked for it), there is no `lost` in between.
   */
  | { readonly type: "connected"; readonly connection: NacosConnection }
  /** There is none any more; another is being looked for. All that was told stays as it is. */
  | { readonly type: "lost"; readonly connection: NacosConnection; readonly error: NacosError }
  /** No connection came about. Told for each attempt; the next one follows. */
  | { readonly type: "failed"; readonly error: NacosError }
  /**
   * Every subscribed service has been told of (`snapshot`, or `refused`) since this connection began: nothing is
   * outstanding. Again, when that is so again after more were subscribed; while polling, at the end of each round.
   */
  | { readonly type: "caught-up"; readonly connection: NacosConnection }
  /**
   * The instances of a subscribed service, all of them. A push may say what was said before; while polling they are
   * told only if they changed, or the connection did.
   */
  | { readonly type: "snapshot"; readonly snapshot: ServiceSnapshot }
  /** One service can't be had (no right to it, a name that the server refuses). It is tried again from time to time. */
  | { readonly type: "refused"; readonly service: ServiceName; readonly error: NacosError }
  /** All services that there are, without duplicates: a complete list. One that is missing is gone at this server. */
  | {
    readonly type: "services";
    readonly connection: NacosConnection;
    readonly services: readonly ServiceName[];
  }
  | { readonly type: "service-added"; readonly connection: NacosConnection; readonly service: ServiceName }
  /** The server said so: its last instance left. */
  | { readonly type: "service-gone"; readonly connection: NacosConnection; readonly service: ServiceName }
  /** The list couldn't be read, or not all of it. What was told before stands; the list is tried again. */
  | { readonly type: "services-failed"; readonly error: NacosError };

/** A connection, or what stands for one. */
export interface NacosConnection {
  /** Counts up from 1 for each naming; snapshots carry it. */
  readonly number: number;
  /** `host:port` of the server, as configured. */
  readonly server: string;
  /** Whether the connection before was to the same server. True for the first one. */
  readonly sameServer: boolean;
}

/** Which cluster this is. */
export interface NacosAbout {
  /** 1, 2 or 3; what the driver is to expect. */
  readonly generation: NacosGeneration;
  /** As the server tells it, e.g. `2.3.2`; undefined where it tells none. */
  readonly version: string | undefined;
}

export type NacosGeneration = 1 | 2 | 3;

export interface NacosNamespace {
  readonly id: string;
  /** What people see. Several namespaces may have the same name. */
  readonly name: string;
}

/** A service within a namespace. Groups separate: there may be the same name in another group. */
export interface ServiceName {
  readonly group: string;
  /** Without the group. May hold `:`, as Dubbo's names do. */
  readonly name: string;
}

/** The configuration side of Nacos, where Dubbo keeps its metadata. */
export interface ConfigName {
  /** `""` and `public` are the same. */
  readonly namespace: string;
  readonly group: string;
  readonly dataId: string;
}

/** The instances of one service at one time, as one server sees them. */
export interface ServiceSnapshot {
  readonly service: ServiceName;
  /**
   * Sorted by address, port and cluster, each once. Unhealthy ones are included, and so are those without weight.
   * Disabled ones are left out by most servers, and marked by the rest.
   */
  readonly instances: readonly NacosInstance[];
  /**
   * Instances that could not be read, each with its place and the reason, as one sentence. A service whose list holds
   * some isn't known completely.
   */
  readonly invalid: readonly string[];
  /**
   * The server's protection threshold was reached: too few are healthy, and so it calls all of them healthy. What
   * `healthy` says means nothing then.
   */
  readonly protected: boolean;
  /** Number of the connection that it came by; see {@link NacosConnection}. */
  readonly connection: number;
  readonly server: string;
  /** The server's clock in milliseconds when it wrote this; 0 where it doesn't say. Only to be compared with the same server's. */
  readonly serverTimeMs: number;
  /** `initial`: the answer to a subscription, or the first round of a poll; `push` and `poll`: a change. */
  readonly origin: "initial" | "push" | "poll" | "query";
}

/** One instance. Key it by `ip`, `port` and `cluster`: there are servers without ids. */
export interface NacosInstance {
  /** An address, or a host name. */
  readonly ip: string;
  /** A whole number, not necessarily one that is a port. */
  readonly port: number;
  /** 1 is normal, 0 is no traffic; NaN if the server sent what is no number. */
  readonly weight: number;
  readonly healthy: boolean;
  /** What an operator switches. */
  readonly enabled: boolean;
  /** Gone with its registrant, as opposed to one that stays until somebody deletes it. */
  readonly ephemeral: boolean;
  readonly cluster: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Not unique, and not always there. */
  readonly instanceId: string | undefined;
}

/** Which services of a namespace matter. */
export interface NamingOptions {
  /**
   * Groups whose services are listed and watched; undefined: all. Nacos 1.x and 2.x tell of all groups by their
   * console's catalogue only. Other groups' services can be subscribed to as well.
   */
  readonly groups?: readonly string[] | undefined;
}

/** How to reach a cluster. */
export interface NacosOptions {
  /**
   * Servers of one cluster: `host:port` or a base URL such as `https://nacos.example/nacos` (default port 8848, default
   * path `/nacos`); the gRPC port is 1000 above. They are tried in random order.
   */
  readonly servers: readonly string[];
  /** `auto`: by push where the server can, else by polling. */
  readonly mode: "watching" | "polling" | "auto";
  /**
   * `package`: polling, with Nacos' own package for Node beside it, by which servers tell of changes over UDP. Default:
   * `pure`, our client alone.
   */
  readonly driver?: "pure" | "package" | undefined;
  /** Not to be found out but taken for granted. */
  readonly generation?: NacosGeneration | undefined;
  readonly credentials?: NacosCredentials | undefined;
  /** Sent with each HTTP request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** PEM texts; an empty object: TLS with the system's CA certificates. Implied for HTTP by `https://`. */
  readonly tls?: NacosTls | undefined;
  /** Base URL of the console of Nacos 3, e.g. `http://nacos:8080`; for lists where the admin API is closed. */
  readonly consoleUrl?: string | undefined;
  /** Default: 1000 above the HTTP port. */
  readonly grpcPort?: number | undefined;
  /** How often what nobody tells is asked for: lists, and instances while polling. */
  readonly refreshPeriodMs: number;
  /** Default: 5000. */
  readonly requestTimeoutMs?: number | undefined;
  /** Larger messages and answers are refused. Default: 10 MiB, the limit of the servers; HTTP answers: ten times that. */
  readonly maxMessageBytes?: number | undefined;
  /** Requests at a time, for each namespace. Default: 32. */
  readonly concurrency?: number | undefined;
  /** Shown in Nacos' list of subscribers. Default: `meshregistry`. */
  readonly application?: string | undefined;
}

export interface NacosTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** `aliyun`: as MSE, Alibaba Cloud's Nacos, wants it. With a region, the key is derived for it (version 4). */
export type NacosCredentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | {
    readonly kind: "aliyun";
    readonly accessKey: string;
    readonly secretKey: string;
    readonly securityToken?: string | undefined;
    readonly region?: string | undefined;
  };
