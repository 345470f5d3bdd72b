import { createServer } from "node:http2";
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import { splitAddress } from "../../../shared/runtime/http-server.ts";
import { GrpcCall, GrpcStatus } from "./grpc-call.ts";
import type { CallHandler } from "./grpc-call.ts";

export interface GrpcServerOptions {
  /** Where to listen, `host:port`; port 0 takes a free one. */
  readonly address: string;
  /** What to do with a call, by its path (`/package.Service/Method`); all are bidirectional streams. */
  readonly methods: ReadonlyMap<string, (call: GrpcCall) => CallHandler>;
}

/** Requests are small; istiod's largest have a few kilobytes. */
const maxMessageBytes = 4 * 1024 * 1024;

/** A client that is gone without a word is noticed by our pings: one every so often, to be answered in time. */
const pingEveryMs = 30_000;
const pingTimeoutMs = 10_000;

/** How long connections may take to end in their own way when the server stops. */
const drainMs = 500;

/**
 * A gRPC server for bidirectional streams, directly on HTTP/2. It exists because a state-of-the-world response has
 * many megabytes and goes to many clients: it is written from the pieces that all clients share, where a gRPC library
 * copies the whole message once per client to put five bytes in front. Back-pressure comes with it.
 * Rules: «gRPC over HTTP2» (PROTOCOL-HTTP2.md of the gRPC project).
 */
export class GrpcServer implements AsyncDisposable {
  readonly #server: Http2Server;
  readonly #methods: GrpcServerOptions["methods"];
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #calls = new Set<GrpcCall>();
  #address = "";

  private constructor(methods: GrpcServerOptions["methods"]) {
    this.#methods = methods;
    this.#server = createServer();
    this.#server.on("session", (session) => this.#keepAlive(session));
    this.#server.on("stream", (stream, headers) => this.#accept(stream, headers));
  }

  /**
   * Starts to listen.
   * @throws MeshError `address-in-use` if the port is taken, `configuration` if the address can't be one.
   */
  static async listen({ address, methods }: GrpcServerOptions): Promise<GrpcServer> {
    const { host, port } = splitAddress(address);
    const server = new GrpcServer(methods);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", (error) =>
        reject(
          new MeshError(
            "address-in-use",
            `Cannot listen for xDS on ${address}: ${
              errorText(error)
            }; stop what listens there, or set --xds or mcp.serverUrl`,
          ),
        ));
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

  #keepAlive(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    let waiting: NodeJS.Timeout | undefined;
    const timer = setInterval(() => {
      if (waiting !== undefined || session.destroyed) return;
      waiting = setTimeout(() => session.destroy(), pingTimeoutMs);
      session.ping(() => {
        clearTimeout(waiting);
        waiting = undefined;
      });
    }, pingEveryMs);
    timer.unref();
    session.on("error", () => session.destroy());
    session.on("close", () => {
      clearInterval(timer);
      clearTimeout(waiting);
      this.#sessions.delete(session);
    });
  }

  #accept(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on("error", () => stream.destroy());
    if (headers[":method"] !== "POST" || headers["content-type"]?.startsWith("application/grpc") !== true) {
      stream.respond({ ":status": 415 }, { endStream: true });
      return;
    }
    const path = headers[":path"] ?? "";
    const method = this.#methods.get(path);
    if (method === undefined) {
      const trailers = {
        "grpc-status": String(GrpcStatus.unimplemented),
        "grpc-message": encodeURI(`no method ${path}`),
      };
      stream.respond({ ":status": 200, "content-type": "application/grpc", ...trailers }, {
        endStream: true,
      });
      return;
    }
    const { remoteAddress = "", remotePort = 0 } = stream.session?.socket ?? {};
    const call = new GrpcCall(stream, `${remoteAddress.replace(/^::ffff:/, "")}:${remotePort}`);
    this.#calls.add(call);
    stream.on("close", () => this.#calls.delete(call));
    call.start(method(call), maxMessageBytes);
  }

  /** Ends all calls with `unavailable`: clients keep what they have, and reconnect elsewhere or later. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const call of this.#calls) call.end(GrpcStatus.unavailable, "server is stopping");
    for (const session of this.#sessions) session.close();
    const force = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, drainMs);
    await closed;
    clearTimeout(force);
  }
}
