import { connect as connectSocket, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { freePort } from "../../../test/servers/free-port.ts";

/** A TCP proxy that can cut its connections, refuse new ones, and swallow what the server or the client sends. */
export class TcpProxy implements AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Refuse new connections. */
  closed = false;
  /** Forward nothing to the client: acknowledgements are lost. */
  swallowAnswers = false;
  /** Forward nothing to the server. */
  swallowRequests = false;
  /** Is called with what the client sent and {@link swallowRequests} kept from the server. */
  onSwallowed: (data: Buffer) => void = () => {};
  /** How many connections were tried. */
  attempts = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    this.url = `nats://127.0.0.1:${port}`;
  }

  static async start(target: number): Promise<TcpProxy> {
    const port = await freePort();
    const server = createServer();
    const proxy = new TcpProxy(server, port);
    server.on("connection", (socket) => proxy.#onConnection(socket, target));
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return proxy;
  }

  /** Breaks all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #onConnection(client: Socket, target: number): void {
    this.attempts++;
    if (this.closed) {
      client.destroy();
      return;
    }
    const server = connectSocket(target, "127.0.0.1");
    for (const [socket, other] of [[client, server], [server, client]] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (data) => {
      if (this.swallowRequests) this.onSwallowed(data);
      else server.write(data);
    });
    server.on("data", (data) => void (this.swallowAnswers || client.write(data)));
  }
}
