import { createSecureServer, createServer } from "node:http2";
import type {
  Http2SecureServer,
  Http2Server,
  Http2Session,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import { splitAddress } from "../../../shared/runtime/http-server.ts";
import { refusalOf } from "./client-certificate.ts";
import { Connections } from "./connections.ts";
import { GrpcCall, GrpcStatus } from "./grpc-call.ts";
import type { CallHandler } from "./grpc-call.ts";
import { GrpcSession, lastWordsMs } from "./grpc-session.ts";
import { statusTrailers } from "./grpc-status.ts";
import type { Transport } from "./transport.ts";

/** What to do with calls, by their paths (`/package.Service/Method`). */
export type GrpcMethods = ReadonlyMap<string, GrpcMethod>;

/** A method. Every kind of it is the case of a bidirectional stream in which one side says no more than one thing. */
export type GrpcMethod = (call: GrpcCall) => CallHandler;

export interface GrpcServerOptions {
  /** Where to listen, `host:port`; port 0 takes a free one. */
  readonly address: string;
  readonly methods: GrpcMethods;
  /** Shared by all listeners of the process. */
  readonly transport: Transport;
}

/** A probe has to be answered also when there are too many streams: a restart would make nothing better. */
const uncountedMethod = "/grpc.health.v1.Health/Check";

/**
 * So many clients are sent away per second at shutdown. Each opens a stream to another replica then and is given
 * everything, which costs that one some 10 ms to 100 ms.
 */
const departuresPerSecond = 10;

/** As many calls may be open on one connection; gRPC's clients wait, or open another one. */
const maxStreamsPerConnection = 100;

/** A client whose frames break the protocol so often is cut off. (Node's default lets 1000 pass.) */
const maxInvalidFrames = 100;

/**
 * A gRPC server directly on HTTP/2. It exists because a state-of-the-world response has many megabytes and goes to many
 * clients: it is written from the pieces that all clients share, where a gRPC library copies the whole message once per
 * client to put five bytes in front. Back-pressure comes with it.
 * Rules: «gRPC over HTTP2» (PROTOCOL-HTTP2.md of the gRPC project). What HTTP/2 itself forbids, and floods of control
 * frames and resets, nghttp2 below us answers by ending the connection.
 */
export class GrpcServer implements AsyncDisposable {
  readonly #server: Http2Server | Http2SecureServer;
  readonly #methods: GrpcMethods;
  readonly #transport: Transport;
  readonly #connections: Connections;
  readonly #sessions = new Map<Http2Session, GrpcSession>();
  readonly #refusals = new WeakMap<Http2Session, string>();
  #forgetCertificate: (() => void) | undefined;
  #address = "";

  private constructor({ methods, transport }: GrpcServerOptions) {
    this.#methods = methods;
    this.#transport = transport;
    this.#connections = new Connections(transport);
    this.#server = this.#create();
    // Before the HTTP/2 server's own listener, which makes the session.
    this.#server.prependListener("connection", (socket: Socket) => this.#connections.add(socket));
    this.#server.on("session", (session: ServerHttp2Session) => this.#welcome(session));
    this.#server.on(
      "stream",
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => this.#accept(stream, headers),
    );
  }

  /**
   * Starts to listen.
   * @throws MeshError `address-in-use` if the port is taken, `configuration` if the address can't be one.
   */
  static async listen(options: GrpcServerOptions): Promise<GrpcServer> {
    const { address } = options;
    const { host, port } = splitAddress(address);
    const server = new GrpcServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", (error) => {
        server.#forgetCertificate?.();
        const what = `Cannot listen for xDS on ${address}: ${errorText(error)}`;
        reject(
          new MeshError("address-in-use", `${what}; stop what listens there, or set --xds or mcp.serverUrl`),
        );
      });
      server.#server.listen(port, host, () => resolve());
    });
    const bound = server.#server.address();
    server.#address = address.replace(/:\d+$/, `:${typeof bound === "object" ? bound?.port ?? port : port}`);
    return server;
  }

  /** Where it listens, with the real port. */
  get address(): string {
    return this.#address;
  }

  #create(): Http2Server | Http2SecureServer {
    const { certificate, settings, log } = this.#transport;
    const options = {
      maxSessionInvalidFrames: maxInvalidFrames,
      settings: { maxConcurrentStreams: Math.min(settings.maxStreams, maxStreamsPerConnection) },
    };
    if (certificate === undefined) return createServer(options);
    const server = createSecureServer({
      ...options,
      ...certificate.current,
      requestCert: certificate.asksClients,
      rejectUnauthorized: certificate.asksClients,
      minVersion: "TLSv1.2",
    });
    this.#forgetCertificate = certificate.onChange((next) => server.setSecureContext(next));
    server.on("tlsClientError", (error, socket) => {
      log.warn(
        { address: socket.remoteAddress, reason: errorText(error) },
        "TLS handshake with a client failed",
      );
    });
    return server;
  }

  #welcome(session: ServerHttp2Session): void {
    const { settings, log } = this.#transport;
    const socket = this.#connections.find(session.socket);
    const ours = new GrpcSession(session, socket, settings, log);
    this.#sessions.set(session, ours);
    session.on("close", () => this.#sessions.delete(session));
    const refusal = this.#refusalOf(session);
    if (refusal === undefined) return;
    log.warn({ address: ours.peer, reason: refusal }, "xDS client refused");
    this.#refusals.set(session, refusal);
  }

  #refusalOf({ socket }: ServerHttp2Session): string | undefined {
    const allowed = this.#transport.settings.tls?.allowedSans ?? [];
    if (allowed.length === 0) return undefined;
    if (!(socket instanceof TLSSocket)) return "no TLS";
    return refusalOf(socket.getPeerCertificate().subjectaltname, allowed);
  }

  #accept(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on("error", () => stream.destroy());
    const session = stream.session && this.#sessions.get(stream.session);
    if (session === undefined) {
      stream.destroy();
      return;
    }
    if (
      headers[":method"] !== "POST" || !/^application\/grpc(?:$|[+;])/.test(headers["content-type"] ?? "")
    ) {
      stream.respond({ ":status": 415 }, { endStream: true });
      return;
    }
    const refusal = stream.session && this.#refusals.get(stream.session);
    if (refusal !== undefined) {
      refuse(stream, GrpcStatus.unauthenticated, refusal);
      session.end(GrpcStatus.unauthenticated, refusal);
      return;
    }
    const path = headers[":path"] ?? "";
    const method = this.#methods.get(path);
    if (method === undefined) return refuse(stream, GrpcStatus.unimplemented, `no method ${path}`);
    this.#connections.hasCall(session.socket);
    const { streams, refusals, settings, arriving } = this.#transport;
    const { address } = session;
    if (path !== uncountedMethod) {
      const shortage = this.#transport.takeStream(address);
      if (shortage !== undefined) return refuse(stream, GrpcStatus.resourceExhausted, shortage);
      stream.once("close", () => streams.release(address));
    }
    const call = new GrpcCall(stream, session.peer);
    session.calls.add(call);
    stream.on("close", () => session.calls.delete(call));
    const onSlow = (message: string) =>
      refusals.add("slow-request", address, `${message}: the call was ended`);
    call.start(method(call), { ...settings, arriving }, onSlow);
  }

  /**
   * Stops listening and tells all clients to go elsewhere; ends their calls as `unavailable`, one client after the
   * other in `drainTime` at most: clients keep what they have, and don't all come to the next replica at once. Cuts the
   * connections that are left then: of frozen clients, and those on which no HTTP/2 was ever spoken.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const sessions = [...this.#sessions.values()];
    const spreadMs = Math.min(
      this.#transport.settings.drainTime,
      Math.max(sessions.length - 1, 0) * 1000 / departuresPerSecond,
    );
    for (const session of sessions) {
      session.goAway();
      session.endAfter(Math.random() * spreadMs, GrpcStatus.unavailable, "server is stopping");
    }
    // A timer of the same length would be allowed to come before the sessions' own.
    const cutting = setTimeout(() => this.#connections.cutAll(), spreadMs + lastWordsMs + 10);
    await closed;
    clearTimeout(cutting);
    this.#forgetCertificate?.();
  }
}

/** Answers a call that isn't taken, with nothing but its status. */
function refuse(stream: ServerHttp2Stream, code: GrpcStatus, message: string): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc", ...statusTrailers(code, message) }, {
    endStream: true,
  });
}
