import { Agent as HttpAgent, request as httpRequest } from "node:http";
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { errorText } from "../../runtime/errors.ts";
import type { Credentials, CredentialSource } from "../access/credential-source.ts";
import { KubernetesError } from "../kubernetes-error.ts";
import { proxyAuthorization, TunnelAgent } from "./tunnel-agent.ts";

/** A response whose body has not been read. The caller reads it to its end, or destroys it. */
export interface ApiResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/** How a transport reaches the server. */
export interface TransportOptions {
  /** Maximum time for connecting and for the header of a response. */
  readonly responseTimeoutMs: number;
  /** Undefined: directly. */
  readonly proxy: URL | undefined;
}

/** Connections that nothing uses are closed before a server does it (Go's: after 90 s, proxies: often after 60). */
const idleConnectionMs = 30_000;

/**
 * GET requests to one API server, with its credentials of the moment. Connections are kept between requests, and not
 * used any more once certificates or keys have changed.
 */
export class Transport {
  readonly #source: CredentialSource;
  readonly #options: TransportOptions;
  #agent: { readonly agent: HttpAgent; readonly tls: string } | undefined;

  constructor(source: CredentialSource, options: TransportOptions) {
    this.#source = source;
    this.#options = options;
  }

  /**
   * Asks for a path with query and returns the response, whatever its status, as soon as its header is there. `signal`
   * ends request and body. `isLarge`: takes a compressed body, which is decompressed here.
   * @throws KubernetesError `unreachable`, MeshError `registry-unavailable` if the credentials can't be read.
   */
  async get(path: string, isLarge: boolean, signal: AbortSignal): Promise<ApiResponse> {
    const credentials = await this.#source.credentials();
    try {
      return await this.#send(path, isLarge, credentials, signal);
    } catch (error) {
      // The server closed a kept connection while we were about to use it.
      if (!(error instanceof StaleConnection)) throw error;
      return await this.#send(path, isLarge, credentials, signal);
    }
  }

  /** Closes connections that aren't in use. */
  close(): void {
    this.#agent?.agent.destroy();
    this.#agent = undefined;
  }

  async #send(
    path: string,
    isLarge: boolean,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<ApiResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<ApiResponse>();
    const request = this.#request(path, isLarge, credentials, signal);
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      request.destroy();
    }, this.#options.responseTimeoutMs);
    request.once("response", (response) => resolve(readable(response)));
    request.once("error", (error) => reject(this.#failure(error, request, isLate)));
    // Deno tells a destroyed request by this alone.
    request.once("close", () => reject(this.#failure(new Error("the connection ended"), request, isLate)));
    request.end();
    try {
      return await promise;
    } finally {
      clearTimeout(late);
    }
  }

  #request(path: string, isLarge: boolean, credentials: Credentials, signal: AbortSignal): ClientRequest {
    const { server } = this.#source;
    const { proxy } = this.#options;
    const isPlain = server.protocol === "http:";
    const viaProxy = isPlain ? proxy : undefined;
    const target = viaProxy ?? server;
    const prefix = server.pathname.replace(/\/$/, "");
    const fullPath = `${prefix}${path}`;
    return (target.protocol === "http:" ? httpRequest : httpsRequest)({
      host: target.hostname.replace(/^\[|\]$/g, ""),
      port: target.port,
      path: viaProxy === undefined ? fullPath : new URL(fullPath, server).href,
      agent: this.#agentFor(credentials),
      signal,
      headers: {
        Accept: "application/json",
        "User-Agent": "meshregistry",
        ...(isLarge && { "Accept-Encoding": "gzip" }),
        ...(viaProxy !== undefined && { Host: server.host, ...proxyAuthorization(viaProxy) }),
        ...mutable(credentials.headers),
      },
    });
  }

  #agentFor({ tls }: Credentials): HttpAgent {
    const key = JSON.stringify(tls);
    if (this.#agent?.tls === key) return this.#agent.agent;
    this.#agent?.agent.destroy();
    const { server } = this.#source;
    const { proxy, responseTimeoutMs: timeoutMs } = this.#options;
    const options = { keepAlive: true, maxFreeSockets: 4, timeout: idleConnectionMs };
    const agent = server.protocol === "http:"
      ? new HttpAgent(options)
      : proxy === undefined
      ? new HttpsAgent({ ...options, ...tls })
      : new TunnelAgent({ ...options, ...tls }, { proxy, server, timeoutMs });
    this.#agent = { agent, tls: key };
    return agent;
  }

  #failure(error: Error, request: ClientRequest, isLate: boolean): Error {
    const { host } = this.#source.server;
    if (isLate) {
      const text = `the API server ${host} gave no response within ${
        this.#options.responseTimeoutMs / 1000
      } s`;
      return new KubernetesError("unreachable", text, { isTimeout: true });
    }
    const code = "code" in error ? error.code : undefined;
    if (request.reusedSocket && (code === "ECONNRESET" || code === "EPIPE")) return new StaleConnection();
    const hint = tlsHint(code);
    const text = `the API server ${host} can't be reached: ${errorText(error)}${hint}`;
    return new KubernetesError("unreachable", text, { cause: error });
  }
}

class StaleConnection extends Error {}

/** The body, decompressed if it is compressed. */
function readable(response: IncomingMessage): ApiResponse {
  const { statusCode: status = 0, headers } = response;
  if (headers["content-encoding"] !== "gzip") return { status, headers, body: response };
  const body = createGunzip();
  response.once("error", (error) => body.destroy(error));
  response.once("aborted", () => body.destroy(new Error("the connection ended")));
  body.once("close", () => response.destroy());
  response.pipe(body);
  return { status, headers, body };
}

function mutable(headers: Credentials["headers"]): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]),
  );
}

/** What to do about the usual ones. */
function tlsHint(code: unknown): string {
  switch (code) {
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return "; its certificate isn't from the authority in the kubeconfig (certificate-authority-data)";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "; its certificate is for another name: see tls-server-name";
    case "CERT_HAS_EXPIRED":
      return "; renew its certificate, or set our clock";
    case "CERT_NOT_YET_VALID":
      return "; compare our clock with that of the API server";
    default:
      return "";
  }
}
