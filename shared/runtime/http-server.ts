import { createAdaptorServer } from "@hono/node-server";
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context, Hono } from "hono";
import type { AddressInfo } from "node:net";
import { errorText, MeshError } from "./errors.ts";

/** A listening HTTP server. */
export interface HttpServer extends AsyncDisposable {
  /** `http://host:port`, with the real port. */
  readonly url: string;
}

/** `host:port` in two; the host may be an IPv6 address in brackets, or missing (all addresses). */
export function splitAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const port = Number(address.slice(colon + 1));
  if (colon === -1 || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new MeshError(
      "configuration",
      `Cannot listen on "${address}": it must be host:port, such as 127.0.0.1:8081`,
    );
  }
  return { host: host === "" ? "0.0.0.0" : host, port };
}

/**
 * Serves a Hono app.
 * @throws MeshError `address-in-use` if the port is taken; `key` names the configuration key to change.
 */
export async function serveHttp(app: Hono, address: string, key: string): Promise<HttpServer> {
  const { host, port } = splitAddress(address);
  const server = createAdaptorServer({ fetch: app.fetch });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new MeshError(
          "address-in-use",
          `Cannot listen for HTTP on ${address}: ${errorText(error)}; stop what listens there, or set ${key}`,
        ),
      ));
    server.listen(port, host, () => resolve());
  });
  const bound = server.address();
  const realPort = isAddressInfo(bound) ? bound.port : port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${realPort}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      }),
  };
}

/** `host:port` of who sent a request; IPv6 addresses are in brackets. */
export function clientAddress(c: Context): string {
  const { address = "", port } = getConnInfo(c).remote;
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}
