import { setTimeout as delay } from "node:timers/promises";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "../../nacos/wire/json.ts";
import type { Message } from "../../nacos/wire/payload.ts";
import { SimulatedAccess } from "./access.ts";
import type { SimulatedUser } from "./access.ts";
import type { ClientConnection } from "./client-connection.ts";
import { SimulatedGrpc } from "./grpc-server.ts";
import { answerApi } from "./http-api.ts";
import type { ApiCall, ApiReply } from "./http-api.ts";
import { SimulatedRegistry } from "./registry.ts";

/** How a simulated server is. */
export interface SimulatedNacosOptions {
  /** Default: `3.1.0`. What there is depends on it: gRPC from 2.0 on, fuzzy watches from 3.0 on, HTTP v1 up to 3.1. */
  readonly version?: string;
  /** Of the servers of one cluster; default: its own. */
  readonly registry?: SimulatedRegistry;
  /** By name. Without any, nobody has to log in. */
  readonly users?: Readonly<Record<string, SimulatedUser>>;
  readonly tokenSeconds?: number;
  /** Nacos 3: whether who hasn't logged in may use the admin API. Default: unless there are users. */
  readonly isAdminOpen?: boolean;
  /** Nacos gathers changes for 500 ms, the default. */
  readonly pushDelayMs?: number;
  /** Where it listens; default: loopback. */
  readonly host?: string;
  /** PEM texts: both APIs are spoken with TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Default: 20. */
  readonly mostPatterns?: number;
  /** Default: 500. */
  readonly mostWatchedServices?: number;
}

/** What becomes of an HTTP request in place of its answer. */
export type HttpFault =
  | ApiReply
  | "silence"
  | "reset"
  /** Sent as they are, whether they are HTTP or not; the connection ends behind them. */
  | { readonly bytes: string };

/** What becomes of a message over gRPC in place of its answer. */
export type GrpcFault = Message | Uint8Array | "silence" | undefined;

/** How often free ports are looked for. */
const portAttempts = 50;

/** How often, and in what distance (milliseconds), it is tried to listen on the same ports again. */
const restartAttempts = 50;
const restartPauseMs = 100;

/** The distance that Nacos' clients expect. */
const grpcOffset = 1_000;

/** A Nacos server in this process, over gRPC and HTTP, with faults to order. */
export class SimulatedNacos implements AsyncDisposable {
  readonly registry: SimulatedRegistry;
  readonly access: SimulatedAccess;
  /** Requests so far, by type or path. */
  readonly requests = new Map<string, number>();
  /** Looks at each HTTP request; what it returns is done in place of an answer. */
  httpFault: ((call: ApiCall) => HttpFault | undefined) | undefined;
  /**
   * The same for messages over gRPC. A promise: an answer that is late. Setups of connections are among them: "silence"
   * leaves out their acknowledgement, which a promise makes late; any message refuses them.
   */
  grpcFault: ((message: Message) => GrpcFault | Promise<GrpcFault>) | undefined;
  readonly #options: SimulatedNacosOptions;
  #http: Server | undefined;
  #grpc: SimulatedGrpc | undefined;
  #port = 0;

  constructor(options: SimulatedNacosOptions = {}) {
    this.#options = options;
    this.registry = options.registry ?? new SimulatedRegistry();
    this.access = new SimulatedAccess(options.users, options.tokenSeconds ?? 18_000);
  }

  /** `host:port` of its HTTP API; its gRPC port is 1000 above. */
  get address(): string {
    return `${this.#host}:${this.#port}`;
  }

  get #host(): string {
    return this.#options.host ?? "127.0.0.1";
  }

  /** Clients that have a connection. */
  get connections(): readonly ClientConnection[] {
    return this.#grpc?.connections ?? [];
  }

  /** Begins to listen. @returns {@link address} */
  async listen(port = 0): Promise<string> {
    for (let attempt = 1;; attempt++) {
      try {
        await this.#start(port);
        return this.address;
      } catch (error) {
        await this.stop();
        if (port !== 0 || attempt === portAttempts) throw error;
      }
    }
  }

  /** Ends all connections and stops listening, as a process that is killed. What it held stays, until `loseMemory`. */
  async stop(): Promise<void> {
    const [http, grpc] = [this.#http, this.#grpc];
    this.#http = undefined;
    this.#grpc = undefined;
    http?.closeAllConnections();
    await new Promise<void>((resolve) => http === undefined ? resolve() : http.close(() => resolve()));
    await grpc?.[Symbol.asyncDispose]();
  }

  /** Listens again, on the same ports. Another process may use one for a moment, as its own end of a connection. */
  async start(): Promise<void> {
    for (let attempt = 1;; attempt++) {
      try {
        await this.listen(this.#port);
        return;
      } catch (error) {
        if (attempt === restartAttempts) throw error;
        await delay(restartPauseMs);
      }
    }
  }

  /** Ends all connections, and goes on listening. */
  dropConnections(): void {
    this.#http?.closeAllConnections();
    this.#grpc?.drop();
  }

  /** Asks all clients to connect to another server, or again. */
  resetConnections(serverIp?: string, serverPort?: number): void {
    this.#grpc?.push("ConnectResetRequest", {
      ...(serverIp !== undefined && { serverIp, serverPort: String(serverPort ?? 0) }),
    });
  }

  /** Sends any request to all clients. */
  push(type: string, body: JsonObject): void {
    this.#grpc?.push(type, body);
  }

  /** Sends to all clients what may be no message at all. */
  pushBytes(bytes: Uint8Array): void {
    this.#grpc?.pushBytes(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(port: number): Promise<void> {
    const { version = "3.1.0", pushDelayMs = 500, mostPatterns = 20, mostWatchedServices = 500 } =
      this.#options;
    const [major = 0, minor = 0] = version.split(".").map(Number);
    const { tls } = this.#options;
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response);
    const http = tls === undefined ? createServer(serve) : createSecureServer({ ...tls }, serve);
    this.#http = http;
    await new Promise<void>((resolve, reject) => {
      http.once("error", reject);
      http.listen(port, this.#host, () => resolve());
    });
    this.#port = portOf(http.address());
    if (major < 2) return;
    if (this.#port + grpcOffset > 65_535) throw new Error("no room for the gRPC port");
    const grpc = new SimulatedGrpc({
      registry: this.registry,
      access: this.access,
      negotiates: major > 2 || minor >= 3,
      hasFuzzyWatch: major >= 3,
      pushDelayMs,
      mostPatterns,
      mostWatchedServices,
      fault: (message) => this.grpcFault?.(message),
      count: (type) => this.#count(type),
    });
    this.#grpc = grpc;
    await grpc.listen(`${this.#host}:${this.#port + grpcOffset}`, tls);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = await readCall(request);
    this.#count(call.path);
    const { version = "3.1.0", isAdminOpen = !this.access.isOn } = this.#options;
    const { registry, access } = this;
    const reply = this.httpFault?.(call) ?? answerApi({ registry, access, version, isAdminOpen }, call);
    if (reply === "silence") return;
    if (reply === "reset") {
      request.socket.resetAndDestroy();
      return;
    }
    if ("bytes" in reply) {
      request.socket.end(reply.bytes);
      return;
    }
    const { status, body, headers } = reply;
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  }

  #count(what: string): void {
    this.requests.set(what, (this.requests.get(what) ?? 0) + 1);
  }
}

async function readCall(request: IncomingMessage): Promise<ApiCall> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const params = new URLSearchParams(url.search);
  let body = "";
  for await (const chunk of request) body += String(chunk);
  for (const [key, value] of new URLSearchParams(body)) params.append(key, value);
  const bearer = /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1];
  return {
    method: request.method ?? "GET",
    path: url.pathname.replace(/^\/nacos(?=\/)/, ""),
    params,
    token: bearer ?? params.get("accessToken") ?? undefined,
    headers: request.headers,
  };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  return address.port;
}
