import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import type { sendUnaryData, ServerDuplexStream, ServerUnaryCall, ServiceDefinition } from "@grpc/grpc-js";
import { isObject, textOr } from "../../nacos/wire/json.ts";
import type { JsonObject } from "../../nacos/wire/json.ts";
import { decodeMessage, encodeMessage } from "../../nacos/wire/payload.ts";
import type { Message } from "../../nacos/wire/payload.ts";
import type { SimulatedAccess } from "./access.ts";
import { ClientConnection } from "./client-connection.ts";
import { answerTypeOf, failure, instancesOf, response } from "./grpc-responses.ts";
import { serviceInfo } from "./registry.ts";
import type { SimulatedRegistry } from "./registry.ts";

type Fault = Message | Uint8Array | "silence" | undefined;

/** How a simulated server behaves over gRPC. */
export interface GrpcRules {
  readonly registry: SimulatedRegistry;
  readonly access: SimulatedAccess;
  /** From 2.3 on: abilities are negotiated. */
  readonly negotiates: boolean;
  /** From 3.0 on. */
  readonly hasFuzzyWatch: boolean;
  readonly pushDelayMs: number;
  readonly mostPatterns: number;
  readonly mostWatchedServices: number;
  /** What a fault does to a request: an answer in place of the right one, or none at all. */
  fault(message: Message): Fault | Promise<Fault>;
  /** Asked for so often, by type. */
  count(type: string): void;
}

type Frame = Message | Uint8Array;
type Stream = ServerDuplexStream<Message, Frame>;

/** The gRPC half of a simulated Nacos server. */
export class SimulatedGrpc implements AsyncDisposable {
  readonly #rules: GrpcRules;
  readonly #server = new Server({ "grpc.max_receive_message_length": 10 * 1024 * 1024 });
  /** By peer: a connection is what is one TCP connection. */
  readonly #connections = new Map<
    string,
    { readonly connection: ClientConnection; readonly stream: Stream }
  >();
  readonly #ids = new Map<string, string>();
  readonly #stopListening: () => void;
  #target = "";
  #accepted = 0;
  #requestId = 0;

  constructor(rules: GrpcRules) {
    this.#rules = rules;
    this.#server.addService(definition, {
      request: (call: ServerUnaryCall<Message, Frame>, answer: sendUnaryData<Frame>) =>
        this.#onRequest(call, answer),
      requestBiStream: (stream: Stream) => this.#onStream(stream),
    });
    this.#stopListening = rules.registry.onChange((change) => {
      for (const { connection } of this.#connections.values()) connection.onChange(change);
    });
  }

  /** Clients that have set up their connection. */
  get connections(): readonly ClientConnection[] {
    return [...this.#connections.values()].map(({ connection }) => connection);
  }

  /** @throws Error if the port is taken. */
  async listen(target: string, tls?: { readonly cert: string; readonly key: string }): Promise<void> {
    const credentials = tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
        { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) },
      ]);
    await new Promise<void>((resolve, reject) =>
      this.#server.bindAsync(
        target,
        credentials,
        (error) => error === null ? resolve() : reject(error),
      )
    );
    this.#target = target;
  }

  /** Sends a request to all clients, whatever it is. */
  push(type: string, body: JsonObject): void {
    for (const { connection } of this.#connections.values()) void connection.request(type, body);
  }

  /** Sends bytes to all clients that are a message or aren't. */
  pushBytes(bytes: Uint8Array): void {
    for (const { stream } of this.#connections.values()) stream.write(bytes);
  }

  /** Ends all connections, without a word; the server goes on listening. */
  drop(): void {
    for (const peer of this.#connections.keys()) this.#forget(peer);
    this.#server.drain(this.#target, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    for (const peer of this.#connections.keys()) this.#forget(peer);
    this.#server.forceShutdown();
    await Promise.resolve();
  }

  #onRequest(call: ServerUnaryCall<Message, Frame>, answer: sendUnaryData<Frame>): void {
    const { type, body, headers = {} } = call.request;
    this.#rules.count(type);
    const respond = (fault: Fault) => {
      if (fault !== "silence") answer(null, fault ?? this.#respond(call.getPeer(), type, body, headers));
    };
    const fault = this.#rules.fault(call.request);
    if (!(fault instanceof Promise)) {
      respond(fault);
      return;
    }
    void (async () => respond(await fault))();
  }

  #respond(
    peer: string,
    type: string,
    body: JsonObject,
    headers: Readonly<Record<string, string>>,
  ): Message {
    if (type === "ServerCheckRequest") {
      return response("ServerCheckResponse", {
        connectionId: this.#idOf(peer),
        ...(this.#rules.negotiates && { supportAbilityNegotiation: true }),
      });
    }
    const connection = this.#connections.get(peer)?.connection;
    if (connection === undefined) return failure("ErrorResponse", 301, "Connection is unregistered.");
    if (type === "HealthCheckRequest") return response("HealthCheckResponse", {});
    const answerType = answerTypeOf(type);
    const namespace = textOr(body["namespace"], textOr(body["tenant"], "")) || "public";
    const refusal = this.#rules.access.refusal(headers["accessToken"], namespace);
    if (refusal !== undefined) return failure(answerType, 403, refusal);
    const group = textOr(body["groupName"], "DEFAULT_GROUP");
    const name = textOr(body["serviceName"], "");
    if (/[^\x20-\x7e]| /.test(`${namespace}${group}${name}`)) {
      return failure(answerType, 400, "Param check invalid: illegal characters");
    }
    return this.#perform(connection, type, body, { namespace, group, name }) ??
      failure("ErrorResponse", 302, `RequestHandler Not Found of ${type}`);
  }

  #perform(
    connection: ClientConnection,
    type: string,
    body: JsonObject,
    service: { readonly namespace: string; readonly group: string; readonly name: string },
  ): Message | undefined {
    const { namespace, group, name } = service;
    const { registry } = this.#rules;
    const info = () =>
      serviceInfo(
        registry.service(namespace, group, name) ??
          { group, name, instances: new Map(), protectThreshold: undefined },
      );
    switch (type) {
      case "SubscribeServiceRequest":
        if (body["subscribe"] !== true) {
          connection.unsubscribe(namespace, group, name);
          return response("SubscribeServiceResponse", { serviceInfo: { name, groupName: group } });
        }
        connection.subscribe(namespace, group, name);
        return response("SubscribeServiceResponse", { serviceInfo: info() });
      case "ServiceQueryRequest":
        return response("QueryServiceResponse", { serviceInfo: info() });
      case "ServiceListRequest": {
        const names = registry.services(namespace).filter((one) => one.group === group).map((one) =>
          one.name
        );
        const [page, size] = [Number(body["pageNo"]), Number(body["pageSize"])];
        return response("ServiceListResponse", {
          count: names.length,
          serviceNames: names.slice((page - 1) * size, page * size),
        });
      }
      case "InstanceRequest":
      case "BatchInstanceRequest": {
        const isGone = body["type"] === "deregisterInstance";
        const given = type === "InstanceRequest" ? [body["instance"]] : body["instances"];
        registry.setInstances(service, isGone ? [] : instancesOf(given), connection.id);
        return response(type.replace("Request", "Response"), { type: body["type"] });
      }
      case "PersistentInstanceRequest":
        for (const instance of instancesOf([body["instance"]])) {
          if (body["type"] === "deregisterInstance") registry.deregister(service, instance);
          else registry.register(service, { ...instance, ephemeral: false });
        }
        return response("InstanceResponse", { type: body["type"] });
      case "NamingFuzzyWatchRequest":
        return this.#rules.hasFuzzyWatch ? this.#watch(connection, body) : undefined;
      case "ConfigQueryRequest": {
        const content = registry.config(namespace, textOr(body["group"], ""), textOr(body["dataId"], ""));
        if (content === undefined) return failure("ConfigQueryResponse", 300, "config data not exist");
        return response("ConfigQueryResponse", { content });
      }
      default:
        return undefined;
    }
  }

  #watch(connection: ClientConnection, body: JsonObject): Message {
    const pattern = textOr(body["groupKeyPattern"], "");
    if (body["watchType"] === "CANCEL_WATCH") {
      connection.unwatch(pattern);
      return response("NamingFuzzyWatchResponse", {});
    }
    const received = Array.isArray(body["receivedGroupKeys"]) ? body["receivedGroupKeys"].map(String) : [];
    const patterns = new Set(this.connections.flatMap((one) => [...one.patterns]));
    if (!patterns.has(pattern) && patterns.size >= this.#rules.mostPatterns) {
      return failure("NamingFuzzyWatchResponse", 50310, "fuzzy watch pattern count is over limit");
    }
    connection.watch(pattern, received, body["initializing"] === true);
    const matching = this.#rules.registry.services(pattern.split(">>")[0] ?? "").length;
    if (matching > this.#rules.mostWatchedServices) {
      return failure("NamingFuzzyWatchResponse", 50311, "fuzzy watch match count is over limit");
    }
    return response("NamingFuzzyWatchResponse", {});
  }

  #onStream(stream: Stream): void {
    const peer = stream.getPeer();
    stream.on("data", (message: Message) => this.#onStreamMessage(peer, stream, message));
    stream.on("error", () => this.#forget(peer));
    stream.on("cancelled", () => this.#forget(peer));
    stream.on("end", () => {
      this.#forget(peer);
      stream.end();
    });
  }

  #onStreamMessage(peer: string, stream: Stream, message: Message): void {
    const { type, body } = message;
    if (type !== "ConnectionSetupRequest") {
      this.#connections.get(peer)?.connection.acknowledge(body);
      return;
    }
    this.#rules.count(type);
    const labels = isObject(body["labels"]) ? body["labels"] : {};
    const fault = this.#rules.fault(message);
    const isRefused = fault !== undefined && fault !== "silence" && !(fault instanceof Promise);
    if (isRefused || labels["module"] !== "naming") {
      stream.emit("error", { code: status.UNAVAILABLE, details: "refused" });
      return;
    }
    const connection = new ClientConnection(this.#idOf(peer), {
      registry: this.#rules.registry,
      pushDelayMs: this.#rules.pushDelayMs,
      mostWatchedServices: this.#rules.mostWatchedServices,
      send: (request) => void stream.write(request),
      nextRequestId: () => String(++this.#requestId),
    });
    this.#connections.set(peer, { connection, stream });
    if (this.#rules.negotiates) void this.#acknowledgeSetup(peer, stream, fault);
  }

  async #acknowledgeSetup(peer: string, stream: Stream, fault: Fault | Promise<Fault>): Promise<void> {
    const isSilent = fault instanceof Promise ? (await fault) === "silence" : fault === "silence";
    if (isSilent || this.#connections.get(peer)?.stream !== stream) return;
    stream.write({
      type: "SetupAckRequest",
      body: {
        headers: {},
        abilityTable: {
          supportPersistentInstanceByGrpc: true,
          ...(this.#rules.hasFuzzyWatch && { fuzzyWatch: true, lock: true, mcp: true }),
        },
        module: "internal",
      },
    });
  }

  #idOf(peer: string): string {
    const known = this.#ids.get(peer);
    if (known !== undefined) return known;
    const id = `${++this.#accepted}_${peer.replace(/:(\d+)$/, "_$1")}`;
    this.#ids.set(peer, id);
    return id;
  }

  #forget(peer: string): void {
    const entry = this.#connections.get(peer);
    if (entry === undefined) return;
    this.#connections.delete(peer);
    this.#ids.delete(peer);
    entry.connection.close();
    this.#rules.registry.disown(entry.connection.id);
  }
}

const method = {
  requestDeserialize: decodeMessage,
  requestSerialize: toBuffer,
  responseDeserialize: decodeMessage,
  responseSerialize: toBuffer,
};

const definition: ServiceDefinition = {
  request: { ...method, path: "/Request/request", requestStream: false, responseStream: false },
  requestBiStream: {
    ...method,
    path: "/BiRequestStream/requestBiStream",
    requestStream: true,
    responseStream: true,
  },
};

function toBuffer(frame: Frame): Buffer {
  return Buffer.from(frame instanceof Uint8Array ? frame : encodeMessage(frame));
}
