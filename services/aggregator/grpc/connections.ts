import type { Socket } from "node:net";
import { plainAddress } from "./grpc-session.ts";
import type { Transport } from "./transport.ts";

/** What tells one connection of a listener from all others. */
type Ends = Pick<Socket, "localAddress" | "remoteAddress" | "remotePort">;

/**
 * The TCP connections of one listener, from their first moment on: before a TLS handshake, and whether HTTP/2 is ever
 * spoken on them. HTTP/2 sessions close their connections with FIN and wait for the peer's, which a frozen client never
 * sends, and they don't let their socket be destroyed.
 */
export class Connections {
  readonly #transport: Transport;
  readonly #sockets = new Map<string, Socket>();
  /** Of connections without a call so far. */
  readonly #timers = new Map<Socket, NodeJS.Timeout>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Remembers a connection until it is closed. Cuts it if there are too many, or if it has no call in time. */
  add(socket: Socket): void {
    const { connections, refusals, settings } = this.#transport;
    const address = plainAddress(socket.remoteAddress);
    const shortage = connections.take(address);
    if (shortage !== undefined) {
      const whose = shortage === "address" ? " from its address" : "";
      refusals.add("too-many-connections", address, `too many connections${whose}: a further one was cut`);
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    this.#sockets.set(key, socket);
    if (settings.requestTimeout > 0) {
      const cutting = setTimeout(() => {
        refusals.add("silent", address, "connection without a call within xds.requestTimeout: it was cut");
        socket.destroy();
      }, settings.requestTimeout);
      this.#timers.set(socket, cutting.unref());
    }
    socket.once("close", () => {
      connections.release(address);
      this.hasCall(socket);
      if (this.#sockets.get(key) === socket) this.#sockets.delete(key);
    });
  }

  /** A call was made on the connection: from now on its calls have times of their own. */
  hasCall(socket: Socket | undefined): void {
    if (socket === undefined) return;
    clearTimeout(this.#timers.get(socket));
    this.#timers.delete(socket);
  }

  /** Returns the connection with the ends of this socket, which may be its TLS layer. Undefined if it is closed. */
  find(ends: Ends): Socket | undefined {
    return this.#sockets.get(keyOf(ends));
  }

  /** Cuts all connections, whatever is still to be sent on them. */
  cutAll(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }
}

function keyOf({ localAddress, remoteAddress, remotePort }: Ends): string {
  return `${localAddress} ${remoteAddress} ${remotePort}`;
}
