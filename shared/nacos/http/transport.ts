import { Agent as HttpAgent, request as requestHttp } from "node:http";
import type { IncomingMessage, RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { errorText } from "../../runtime/errors.ts";
import { NacosError } from "../nacos-error.ts";
import type { NacosTls } from "../nacos.ts";

/** How many redirects are followed in a row. */
const mostRedirects = 3;

/** One HTTP request. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** A form. */
  readonly body?: string | undefined;
}

/** A complete answer, whatever its status. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** What limits a transport. */
export interface TransportOptions {
  readonly tls: NacosTls | undefined;
  readonly requestTimeoutMs: number;
  readonly maxAnswerBytes: number;
  /** To one server. */
  readonly maxConnections: number;
}

/**
 * HTTP with connections that are kept and used again, certificates of our own, and limits. Node's own `fetch` has no
 * certificates of ours, and no limit of connections.
 */
export class HttpTransport {
  readonly #options: TransportOptions;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor(options: TransportOptions) {
    this.#options = options;
    const { tls, maxConnections: maxSockets } = options;
    this.#http = new HttpAgent({ keepAlive: true, maxSockets });
    this.#https = new HttpsAgent({
      keepAlive: true,
      maxSockets,
      ...(tls?.ca !== undefined && { ca: tls.ca }),
      ...(tls?.cert !== undefined && { cert: tls.cert }),
      ...(tls?.key !== undefined && { key: tls.key }),
    });
  }

  /**
   * Sends a request, and follows redirects of a GET. What is secret goes on to the same host only.
   * @throws NacosError `unreachable`, `closed` or `protocol-violation`
   */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    let { url, headers } = request;
    for (let hops = 0;; hops++) {
      const { status, text, location } = await this.#sendTimed({ ...request, url, headers }, signal);
      const isRedirect = status === 301 || status === 302 || status === 303 || status === 307 ||
        status === 308;
      if (!isRedirect || location === undefined || request.method !== "GET") return { status, text };
      const target = URL.parse(location, url.href);
      if (hops === mostRedirects || target === null || !/^https?:$/.test(target.protocol)) {
        const why = hops === mostRedirects ? `more than ${mostRedirects} redirects` : `a redirect`;
        throw new NacosError("unreachable", `${nameOf(request.url)}: ${why} to ${location.slice(0, 200)}`);
      }
      if (target.hostname !== url.hostname) headers = {};
      url = target;
    }
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  async #sendTimed(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer & { location?: string }> {
    const { requestTimeoutMs } = this.#options;
    const tooLate = AbortSignal.timeout(requestTimeoutMs);
    const ended = AbortSignal.any([signal, tooLate]);
    try {
      return await this.#sendOnce(request, ended);
    } catch (error) {
      if (error instanceof NacosError) throw error;
      const name = nameOf(request.url);
      if (signal.aborted) throw new NacosError("closed", `${name}: stopped before it answered`);
      if (error instanceof Error && "code" in error && String(error.code).startsWith("HPE_")) {
        throw new NacosError("protocol-violation", `${name}: ${errorText(error)}`, { cause: error });
      }
      const why = tooLate.aborted ? `no complete answer within ${requestTimeoutMs} ms` : errorText(error);
      throw new NacosError("unreachable", `${name}: ${why}`, { cause: error });
    }
  }

  async #sendOnce(
    request: HttpRequest,
    signal: AbortSignal,
    isSecondTry = false,
  ): Promise<HttpAnswer & { location?: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { url, method, headers, body } = request;
    const options: RequestOptions = {
      method,
      signal,
      headers: body === undefined
        ? headers
        : { ...headers, "Content-Type": "application/x-www-form-urlencoded" },
    };
    const sent = url.protocol === "https:"
      ? requestHttps(url, { ...options, agent: this.#https }, resolve)
      : requestHttp(url, { ...options, agent: this.#http }, resolve);
    sent.on("error", reject);
    sent.end(body);
    let response: IncomingMessage;
    try {
      response = await promise;
    } catch (error) {
      // The server closed a connection that was kept, just when it was to be used again.
      if (sent.reusedSocket && !signal.aborted && !isSecondTry && method === "GET") {
        return await this.#sendOnce(request, signal, true);
      }
      throw error;
    }
    const text = await readText(response, url, this.#options.maxAnswerBytes);
    const { statusCode: status = 0, headers: { location } } = response;
    return { status, text, ...(location !== undefined && { location }) };
  }
}

async function readText(response: IncomingMessage, url: URL, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop destroys what is left.
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new NacosError(
        "protocol-violation",
        `${nameOf(url)}: the answer is longer than ${maxBytes} bytes`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** For messages: without parameters, which may hold secrets. */
function nameOf({ host, pathname }: URL): string {
  return `${host}${pathname}`;
}
