import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import type { Server } from "node:net";
import type { Instance } from "./registries.ts";

/**
 * Starts an instance of an HTTP service, or of a TCP service that answers each line with a line: always with the
 * instance's own name.
 */
export async function startUpstream(
  { name, address, port }: Instance,
  protocol: "HTTP" | "TCP",
): Promise<AsyncDisposable> {
  const sockets = new Set<{ destroy(): unknown }>();
  const server: Server = protocol === "HTTP"
    ? createHttpServer((_request, response) => response.end(name))
    : createServer((socket) => {
      socket.on("data", (data) => data.includes("\n") && socket.write(`${name}\n`));
      // Whoever asked may be gone.
      socket.on("error", () => socket.destroy());
    });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
