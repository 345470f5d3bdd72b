import { createAdaptorServer } from "@hono/node-server";
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context, Hono } from "hono";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { errorText, MeshError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { maskAddress } from "./mask.ts";
import { Quota } from "./quota.ts";
import { ServerCertificate } from "./server-certificate.ts";

/** Connections at a time to a server of pages for people, probes and Prometheus, in all and from one address. */
const maxConnections = 512;
const maxConnectionsOfOne = 256;

/** How long a request may take to arrive: its head, and all of it, in milliseconds. */
const headersTimeout = 10_000;
const requestTimeout = 30_000;

/** A connection on which nothing moves for so long is cut, in milliseconds: its reader takes nothing. */
const idleMs = 120_000;

/** What one listener allows its clients. */
export interface HttpLimits {
  /** Counts connections; default: 512, of which one address may have half. */
  readonly connections?: Quota;
  /** How long nothing may move on a connection, in milliseconds; 0: for ever. Default: 2 minutes. */
  readonly idleMs?: number;
  /** Connections are served over TLS with it; absent: in plain text. */
  readonly certificate?: ServerCertificate | undefined;
  /** Called with the address whose connection was cut because there are too many. */
  readonly onRefusal?: (address: string) => void;
}

/** A listening HTTP server. */
export interface HttpServer extends AsyncDisposable {
  /** `http://host:port` or `https://host:port`, with the real port. */
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
      `Cannot listen on "${maskAddress(address)}": it must be host:port, such as 127.0.0.1:8081`,
    );
  }
  return { host: host === "" ? "0.0.0.0" : host, port };
}

/**
 * Serves a Hono app. Clients that open as many connections as they can, or send and take nothing on them, lock nobody
 * else out.
 * @throws MeshError `address-in-use` if the port is taken; `key` names the configuration key to change.
 */
export async function serveHttp(
  app: Hono,
  address: string,
  key: string,
  limits: HttpLimits = {},
): Promise<HttpServer> {
  const { host, port } = splitAddress(address);
  const { certificate } = limits;
  const timeouts = { headersTimeout, requestTimeout, connectionsCheckingInterval: headersTimeout / 2 };
  const server = certificate === undefined
    ? createAdaptorServer({ fetch: app.fetch, serverOptions: timeouts })
    : createAdaptorServer({
      fetch: app.fetch,
      createServer: createTlsServer,
      serverOptions: { ...timeouts, ...certificate.current, minVersion: "TLSv1.2" },
    });
  const forgetCertificate = certificate?.onChange((next) => {
    if ("setSecureContext" in server) server.setSecureContext(next);
  });
  if ("timeout" in server) server.timeout = limits.idleMs ?? idleMs;
  const { connections = new Quota(maxConnections, maxConnectionsOfOne), onRefusal = () => {} } = limits;
  server.prependListener("connection", (socket: Socket) => {
    const from = socket.remoteAddress ?? "";
    if (connections.take(from) === undefined) socket.once("close", () => connections.release(from));
    else {
      socket.destroy();
      onRefusal(from);
    }
  });
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
    url: `${certificate === undefined ? "http" : "https"}://${
      host.includes(":") ? `[${host}]` : host
    }:${realPort}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        forgetCertificate?.();
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

/** The address of the client that sent a request, without its port. */
export function clientIp(c: Context): string {
  return getConnInfo(c).remote.address ?? "";
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}

/** The certificate of `http.tls`; undefined if there is none. @throws MeshError `configuration` if it can't be used */
export async function httpCertificate(
  tls: { readonly certFile: string; readonly keyFile: string } | undefined,
  log: Logger,
): Promise<ServerCertificate | undefined> {
  return tls && await ServerCertificate.load({ ...tls, clientCaFile: "" }, "http.tls", "HTTP", log);
}
