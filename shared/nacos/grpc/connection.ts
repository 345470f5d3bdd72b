import type { Client, ClientDuplexStream, ClientUnaryCall } from "@grpc/grpc-js";
import { errorText } from "../../runtime/errors.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import { isNacosError, NacosError } from "../nacos-error.ts";
import type { NacosTls, ServiceName } from "../nacos.ts";
import type { ServerAddress } from "../server-address.ts";
import { isObject, textOr } from "../wire/json.ts";
import type { JsonObject } from "../wire/json.ts";
import { decodeMessage } from "../wire/payload.ts";
import type { Message } from "../wire/payload.ts";
import { openChannel, paths, serialize } from "./channel.ts";
import { HealthMonitor } from "./health-monitor.ts";
import type { HealthTimes } from "./health.ts";
import { callError, errorCodes, ResponseError, responseError } from "./response.ts";

/** What a connection needs, and whom it tells. */
export interface GrpcConnectionOptions {
  readonly server: ServerAddress;
  readonly tls: NacosTls | undefined;
  readonly application: string;
  readonly clientIp: string;
  readonly maxMessageBytes: number;
  /** For each request, and for the acknowledgement of the connection's setup. */
  readonly requestTimeoutMs: number;
  readonly health: HealthTimes;
  readonly authenticator: Authenticator;
  /** Counts requests by operation. */
  count(operation: string): void;
  /** A request of the server, in its order. It is acknowledged when this returns. */
  onPush(message: Message): void;
  /** The server wants to be rid of us, and may name another one. The connection works on for a while. */
  onReset(host: string | undefined, port: string | undefined): void;
  /** Called once, when a connection that had been opened ended. Not after `close`. */
  onEnd(error: NacosError): void;
}

/** A request that expects a response. */
export interface GrpcRequest {
  readonly operation: string;
  /** Without `Request` at the end. */
  readonly type: string;
  /** The type of the response, without `Response`, where the two differ. */
  readonly answer?: string;
  readonly body: JsonObject;
  /** What the request is about, for signatures. */
  readonly service?: ServiceName;
}

/** Between questions whether the setup took effect. */
const registrationPauseMs = 20;

/** The one request of a server that is an answer, too. */
const setupAck = "SetupAckRequest";

const healthCheck: GrpcRequest = { operation: "health", type: "HealthCheck", body: {} };

/**
 * One connection to a server, from the handshake to its end. To Nacos a connection is one TCP connection: requests and
 * the stream of pushes share it, and another one is another client. So a connection that broke is never repaired.
 */
export class GrpcConnection {
  readonly #options: GrpcConnectionOptions;
  readonly #client: Client;
  readonly #health: HealthMonitor;
  readonly #abilities = Promise.withResolvers<JsonObject>();
  #stream: ClientDuplexStream<Message, Message> | undefined;
  #end: NacosError | undefined;
  /** Requests that wait for an answer. */
  readonly #calls = new Set<ClientUnaryCall>();
  #isOpen = false;
  /** Whether this server tells which services there are. */
  hasFuzzyWatch = false;

  private constructor(options: GrpcConnectionOptions) {
    this.#options = options;
    this.#client = openChannel(options);
    this.#health = new HealthMonitor(options.health, {
      ask: (timeoutMs) => this.#askForHealth(timeoutMs),
      giveUp: () => this.#finish(new NacosError("unreachable", `${this.#name}: it doesn't answer any more`)),
    });
    // Nobody may be waiting for them.
    this.#abilities.promise.catch(() => undefined);
  }

  /**
   * Connects, and waits until the server takes requests.
   * @throws NacosError if it doesn't.
   */
  static async open(options: GrpcConnectionOptions, signal: AbortSignal): Promise<GrpcConnection> {
    const connection = new GrpcConnection(options);
    const stop = () =>
      connection.#finish(new NacosError("closed", `${connection.#name}: stopped while connecting`));
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (signal.aborted) stop();
      await connection.#handshake();
      connection.#isOpen = true;
      connection.#health.start();
      return connection;
    } catch (error) {
      const failure = connection.#end ??
        (error instanceof NacosError
          ? error
          : new NacosError("unreachable", errorText(error), { cause: error }));
      connection.#finish(failure);
      throw failure;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Which server it is to. */
  get server(): ServerAddress {
    return this.#options.server;
  }

  /** Whether it can still be used. */
  get isOpen(): boolean {
    return this.#end === undefined;
  }

  /**
   * Sends a request; returns the body of the response. A refused token is renewed, once.
   * @throws NacosError ({@link ResponseError} if the server says so)
   */
  async request(request: GrpcRequest): Promise<JsonObject> {
    const { authenticator, application } = this.#options;
    for (let isSecondTry = false;; isSecondTry = true) {
      const proof = await authenticator.proof(request.service);
      try {
        return await this.#call(request, { ...proof.grpc, app: application });
      } catch (error) {
        if (error instanceof ResponseError && isOver(error.errorCode)) this.#finish(error);
        if (!isNacosError(error, "forbidden", "unauthorized") || isSecondTry) throw error;
        if (!(await authenticator.refused(proof, error.message))) throw error;
      }
    }
  }

  /** Ends it; requests that wait for an answer fail. */
  close(): void {
    this.#isOpen = false;
    this.#finish(new NacosError("closed", `${this.#name}: the connection is closed`));
  }

  /** Ends it as if it had broken, because the server is of no use; `why` is part of a sentence. */
  abandon(why: string): void {
    this.#finish(new NacosError("unreachable", `${this.#name}: ${why}`));
  }

  get #name(): string {
    return `Nacos at ${this.#options.server.grpcTarget}`;
  }

  async #handshake(): Promise<void> {
    const check = await this.#call({ operation: "connect", type: "ServerCheck", body: {} }, {});
    const negotiates = check["supportAbilityNegotiation"] === true;
    this.#openStream();
    if (negotiates) {
      const timeoutMs = this.#options.requestTimeoutMs;
      const late = setTimeout(() => {
        const text =
          `${this.#name}: it answers, and didn't acknowledge the setup of a connection within ${timeoutMs} ms; ` +
          "it is overloaded, or behind a proxy that shares connections";
        this.#abilities.reject(new NacosError("unreachable", text));
      }, timeoutMs);
      try {
        this.hasFuzzyWatch = (await this.#abilities.promise)["fuzzyWatch"] === true;
      } finally {
        clearTimeout(late);
      }
    }
    await this.#untilRegistered();
  }

  #openStream(): void {
    const stream = this.#client.makeBidiStreamRequest(paths.stream, serialize, decodeMessage);
    this.#stream = stream;
    stream.on("data", (message: Message) => this.#onServerRequest(message));
    stream.on("error", (error: Error) => this.#finish(callError(error, this.#name)));
    stream.on(
      "end",
      () => this.#finish(new NacosError("unreachable", `${this.#name}: it ended the connection`)),
    );
    stream.write({
      type: "ConnectionSetupRequest",
      clientIp: this.#options.clientIp,
      body: {
        clientVersion: "Meshregistry:v1.0.0",
        tenant: "",
        // Without the module the server takes subscriptions, and tells nothing.
        labels: {
          source: "sdk",
          module: "naming",
          AppName: this.#options.application,
          "tls.enable": String(this.#options.tls !== undefined),
        },
        abilityTable: { fuzzyWatch: true },
        module: "internal",
      },
    });
  }

  /** Older servers acknowledge nothing, so all are asked until they know the connection. */
  async #untilRegistered(): Promise<void> {
    const deadline = performance.now() + this.#options.requestTimeoutMs;
    for (;;) {
      try {
        await this.#call(healthCheck, {});
        return;
      } catch (error) {
        const isEarly = error instanceof ResponseError && error.errorCode === errorCodes.notRegistered;
        if (!isEarly || performance.now() > deadline || this.#end !== undefined) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, registrationPauseMs));
    }
  }

  #call(
    request: GrpcRequest,
    headers: Readonly<Record<string, string>>,
    timeoutMs = this.#options.requestTimeoutMs,
  ): Promise<JsonObject> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const { type, answer = type, body, operation } = request;
    const what = `${this.#name}, ${operation}`;
    this.#options.count(operation);
    const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
    const message: Message = {
      type: `${type}Request`,
      headers,
      clientIp: this.#options.clientIp,
      body: { ...body, module: "naming" },
    };
    const call = this.#client.makeUnaryRequest(
      paths.request,
      serialize,
      decodeMessage,
      message,
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        this.#calls.delete(call);
        if (error !== null) return reject(this.#end ?? callError(error, what));
        this.#health.heard();
        if (response === undefined) return reject(new NacosError("protocol-violation", `${what}: no answer`));
        const failure = responseError(response, `${answer}Response`, what);
        if (failure !== undefined) return reject(failure);
        resolve(response.body);
      },
    );
    this.#calls.add(call);
    return promise;
  }

  #onServerRequest(message: Message): void {
    if (this.#end !== undefined) return;
    this.#health.heard();
    const { type, body } = message;
    if (type === setupAck) {
      const table = body["abilityTable"];
      this.#abilities.resolve(isObject(table) ? table : {});
      return;
    }
    switch (type) {
      case "ClientDetectionRequest":
        break;
      case "ConnectResetRequest":
        this.#acknowledge(message);
        this.#options.onReset(textOr(body["serverIp"], undefined), textOr(body["serverPort"], undefined));
        return;
      default:
        // Whatever it is: a server that gets no answer repeats itself without end.
        this.#options.onPush(message);
    }
    this.#acknowledge(message);
  }

  #acknowledge({ type, body }: Message): void {
    const { requestId } = body;
    if (typeof requestId !== "string" || !type.endsWith("Request") || this.#end !== undefined) return;
    this.#stream?.write({
      type: `${type.slice(0, -"Request".length)}Response`,
      clientIp: this.#options.clientIp,
      body: { resultCode: 200, errorCode: 0, success: true, requestId },
    });
  }

  async #askForHealth(timeoutMs: number): Promise<void> {
    try {
      await this.#call(healthCheck, {}, timeoutMs);
    } catch (error) {
      if (error instanceof ResponseError && isOver(error.errorCode)) this.#finish(error);
      throw error;
    }
  }

  #finish(error: NacosError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#health.stop();
    this.#abilities.reject(error);
    for (const call of this.#calls) call.cancel();
    this.#stream?.cancel();
    this.#client.close();
    if (this.#isOpen) this.#options.onEnd(error);
  }
}

/** The server doesn't know the connection, or not as one for naming: another one is needed. */
function isOver(errorCode: number): boolean {
  return errorCode === errorCodes.notRegistered || errorCode === errorCodes.noNamingClient;
}
