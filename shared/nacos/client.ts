import { networkInterfaces } from "node:os";
import { errorText } from "../runtime/errors.ts";
import { aliyunAuthenticator } from "./auth/aliyun.ts";
import { withoutLogin } from "./auth/authenticator.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import { PasswordAuthenticator } from "./auth/password.ts";
import { GrpcConnection } from "./grpc/connection.ts";
import { usualHealthTimes } from "./grpc/health.ts";
import type { HealthTimes } from "./grpc/health.ts";
import type { ConnectionSettings } from "./grpc/keeper.ts";
import { GrpcNaming } from "./grpc/naming.ts";
import { NacosApi } from "./http/api.ts";
import { NacosHttp } from "./http/http-client.ts";
import { readPages } from "./http/pages.ts";
import { PollingNaming } from "./http/polling.ts";
import { PackageHints } from "./package/package-hints.ts";
import { loadNacosPackage } from "./package/package.ts";
import type { PackageClient, PackageOptions } from "./package/package.ts";
import { isNacosError, NacosError } from "./nacos-error.ts";
import type {
  ConfigName,
  Nacos,
  NacosAbout,
  NacosNamespace,
  NacosNaming,
  NacosOptions,
  NamingOptions,
  ServiceName,
} from "./nacos.ts";
import { ChoosingNaming } from "./choosing.ts";
import { parseServers } from "./server-address.ts";
import type { ServerAddress } from "./server-address.ts";
import { namespaceId, parseServiceKey } from "./wire/service-key.ts";

const defaults = {
  requestTimeoutMs: 5_000,
  /** The limit of the servers. */
  maxMessageBytes: 10 * 1024 * 1024,
  concurrency: 32,
  application: "meshregistry",
};

/** How often a server that doesn't refuse a gRPC connection is asked for one before it is polled. */
const choosingAttempts = 3;

/** HTTP answers hold whole lists. */
const answerFactor = 10;

/** A Nacos client in TypeScript alone: gRPC for pushes, HTTP for the rest. */
export class NacosClient implements Nacos {
  readonly requests = new Map<string, number>();
  readonly #options: NacosOptions;
  readonly #servers: readonly ServerAddress[];
  readonly #http: NacosHttp;
  readonly #api: NacosApi;
  readonly #settings: ConnectionSettings;
  readonly #stop = new AbortController();
  readonly #namings = new Set<NacosNaming>();
  readonly #openPackage: ((options: PackageOptions) => PackageClient) | undefined;

  /** @throws MeshError `configuration` for servers that are none, or a driver that isn't to be had here. */
  constructor(options: NacosOptions, healthTimes: HealthTimes = usualHealthTimes) {
    this.#options = options;
    this.#openPackage = options.driver === "package" ? loadNacosPackage() : undefined;
    const { tls, consoleUrl, headers = {}, credentials } = options;
    const requestTimeoutMs = options.requestTimeoutMs ?? defaults.requestTimeoutMs;
    const maxMessageBytes = options.maxMessageBytes ?? defaults.maxMessageBytes;
    const count = (operation: string) => {
      this.requests.set(operation, (this.requests.get(operation) ?? 0) + 1);
    };
    this.#servers = parseServers(options.servers, { tls: tls !== undefined, grpcPort: options.grpcPort });
    this.#http = new NacosHttp({
      servers: this.#servers,
      consoleUrl,
      headers,
      tls,
      requestTimeoutMs,
      maxAnswerBytes: maxMessageBytes * answerFactor,
      maxConnections: options.concurrency ?? defaults.concurrency,
      count,
    });
    const authenticator = authenticatorOf(credentials, this.#http, this.#stop.signal);
    this.#http.authenticator = authenticator;
    this.#api = new NacosApi(this.#http, options.generation);
    this.#settings = {
      tls,
      application: options.application ?? defaults.application,
      clientIp: ownAddress(),
      maxMessageBytes,
      requestTimeoutMs,
      health: healthTimes,
      authenticator,
      count,
    };
  }

  get about(): NacosAbout | undefined {
    return this.#api.about;
  }

  async detect(signal: AbortSignal): Promise<NacosAbout> {
    return await this.#api.detect(this.#ended(signal));
  }

  async namespaces(signal: AbortSignal): Promise<readonly NacosNamespace[]> {
    return await this.#api.namespaces(this.#ended(signal));
  }

  async getConfig(config: ConfigName, signal: AbortSignal): Promise<string | undefined> {
    return await this.#api.config(config, this.#ended(signal));
  }

  openNaming(namespace: string, options: NamingOptions = {}): NacosNaming {
    if (this.#stop.signal.aborted) throw new NacosError("closed", "the Nacos client is closed");
    const mode = this.#openPackage === undefined ? this.#options.mode : "polling";
    const open = {
      watching: () => this.#openGrpc(namespace, options),
      polling: () => this.#openPolling(namespace, options),
    };
    const naming = mode === "auto"
      ? new ChoosingNaming(namespaceId(namespace), open, this.#chooser())
      : open[mode]();
    this.#namings.add(naming);
    return naming;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#namings].map((naming) => naming[Symbol.asyncDispose]()));
    this.#http[Symbol.dispose]();
  }

  #ended(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#stop.signal]);
  }

  #openGrpc(namespace: string, { groups }: NamingOptions): NacosNaming {
    const id = namespaceId(namespace);
    return new GrpcNaming({
      namespace: id,
      groups,
      servers: this.#servers,
      settings: this.#settings,
      concurrency: this.#options.concurrency ?? defaults.concurrency,
      refreshPeriodMs: this.#options.refreshPeriodMs,
      listAll: (server, signal) => this.#api.allServices(id, this.#ended(signal), server.text),
      listGroup: (connection, group) => listGroup(connection, id, group),
    });
  }

  #openPolling(namespace: string, { groups }: NamingOptions): NacosNaming {
    const open = this.#openPackage;
    return new PollingNaming({
      hints: open && new PackageHints({
        servers: this.#servers,
        namespace: namespaceId(namespace),
        isTls: this.#servers.some(({ baseUrl }) => baseUrl.startsWith("https:")),
        credentials: this.#options.credentials,
        open,
      }),
      namespace,
      groups,
      api: this.#api,
      concurrency: this.#options.concurrency ?? defaults.concurrency,
      refreshPeriodMs: this.#options.refreshPeriodMs,
    });
  }

  /**
   * Whether the servers push: those of the first generation don't, and of others the gRPC port may be closed. Only
   * where HTTP answers and no server takes a connection, polling is the choice; where the port isn't closed, as at a
   * server that is starting, only after some attempts, since the choice is for good.
   */
  #chooser(): (signal: AbortSignal) => Promise<"watching" | "polling"> {
    let left = choosingAttempts;
    return (signal) => this.#choose(signal, --left === 0);
  }

  /** @throws NacosError if nobody answers at all, or it can't be said yet. */
  async #choose(signal: AbortSignal, isLast: boolean): Promise<"watching" | "polling"> {
    const ended = this.#ended(signal);
    let failure: unknown;
    let open: unknown;
    try {
      if ((await this.#api.detect(ended)).generation === 1) return "polling";
    } catch (error) {
      failure = error;
    }
    for (const server of this.#servers) {
      try {
        const nothing = () => undefined;
        const trial = { ...this.#settings, server, onPush: nothing, onReset: nothing, onEnd: nothing };
        (await GrpcConnection.open(trial, ended)).close();
        return "watching";
      } catch (error) {
        if (ended.aborted) throw error;
        if (!isClosedPort(error)) open ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    if (open !== undefined && !isLast) throw open;
    return "polling";
  }
}

/** True for an error of a port at which nobody listens, or nobody who speaks Nacos' gRPC. */
function isClosedPort(error: unknown): boolean {
  return isNacosError(error, "api-gone") || /ECONNREFUSED/.test(errorText(error));
}

function authenticatorOf(
  credentials: NacosOptions["credentials"],
  http: NacosHttp,
  signal: AbortSignal,
): Authenticator {
  switch (credentials?.kind) {
    case undefined:
      return withoutLogin;
    case "password":
      return new PasswordAuthenticator(http, credentials.username, credentials.password, signal);
    case "aliyun":
      return aliyunAuthenticator(credentials);
  }
}

async function listGroup(
  connection: GrpcConnection,
  namespace: string,
  group: string,
): Promise<readonly ServiceName[]> {
  return await readPages(async (pageNo, pageSize) => {
    const { count, serviceNames } = await connection.request({
      operation: "list",
      type: "ServiceList",
      body: { namespace, serviceName: "", groupName: group, pageNo, pageSize },
    });
    if (typeof count !== "number" || !Array.isArray(serviceNames)) {
      throw new NacosError("protocol-violation", "list of services: no names, or no count of them");
    }
    return { total: count, services: serviceNames.map((name) => parseServiceKey(String(name), group)) };
  });
}

/** The address that servers show for us. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
}
