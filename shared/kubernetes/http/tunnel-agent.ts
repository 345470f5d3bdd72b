import { request as httpRequest } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { AgentOptions } from "node:https";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";

/** Where a tunnel ends, and how long it may take to open. */
interface Tunnel {
  readonly proxy: URL;
  readonly server: URL;
  readonly timeoutMs: number;
}

/** Connections to one https server, each through a tunnel of a proxy (`CONNECT`). They are kept and used again. */
export class TunnelAgent extends Agent {
  readonly #tunnel: Tunnel;

  constructor(options: AgentOptions, tunnel: Tunnel) {
    super(options);
    this.#tunnel = tunnel;
  }

  override createConnection(
    options: AgentOptions & { readonly servername?: string },
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    void this.#connect(options, callback);
  }

  /** Node passes no stream with an error, whatever the type of the callback says. */
  async #connect(
    options: AgentOptions & { readonly servername?: string },
    callback: ((...result: [Error | null, Duplex]) => void) | undefined,
  ): Promise<void> {
    try {
      const socket = await openTunnel(this.#tunnel);
      const host = this.#tunnel.server.hostname.replace(/^\[(.*)\]$/, "$1");
      // An IP address is no server name for TLS (Node 26 refuses it); the certificate is compared with the host then.
      const servername = options.servername || (isIP(host) === 0 ? host : undefined);
      const named = servername === undefined ? {} : { servername };
      callback?.(null, connectTls({ ...this.options, ...options, host, socket, ...named }));
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      if (callback !== undefined) Reflect.apply(callback, undefined, [failure]);
    }
  }
}

async function openTunnel({ proxy, server, timeoutMs }: Tunnel): Promise<Duplex> {
  const port = server.port === "" ? "443" : server.port;
  const target = `${server.hostname}:${port}`;
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const request = (proxy.protocol === "https:" ? httpsRequest : httpRequest)({
    host: proxy.hostname.replace(/^\[|\]$/g, ""),
    port: proxy.port === "" ? (proxy.protocol === "https:" ? 443 : 80) : proxy.port,
    method: "CONNECT",
    path: target,
    agent: false,
    headers: { Host: target, ...proxyAuthorization(proxy) },
  });
  const fail = (why: string) => reject(new Error(`the proxy ${proxy.host} ${why}`));
  const late = setTimeout(() => request.destroy(new Error("timed out")), timeoutMs);
  request.once("connect", ({ statusCode }, socket) => {
    if (statusCode === 200) return resolve(socket);
    socket.destroy();
    fail(`refuses a tunnel to ${target} with status ${statusCode}`);
  });
  request.once("response", (response) => {
    response.destroy();
    fail(`refuses a tunnel to ${target} with status ${response.statusCode}`);
  });
  request.once("error", (error) => fail(`can't be used: ${error.message}`));
  request.end();
  try {
    return await promise;
  } finally {
    clearTimeout(late);
  }
}

/** Basic authentication with what the URL of a proxy says. */
export function proxyAuthorization(proxy: URL): Record<string, string> {
  if (proxy.username === "" && proxy.password === "") return {};
  const text = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { "Proxy-Authorization": `Basic ${Buffer.from(text, "utf8").toString("base64")}` };
}
