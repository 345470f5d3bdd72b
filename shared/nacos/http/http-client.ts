import type { Authenticator } from "../auth/authenticator.ts";
import { anonymous } from "../auth/authenticator.ts";
import { isNacosError, NacosError } from "../nacos-error.ts";
import type { NacosTls, ServiceName } from "../nacos.ts";
import { errorText } from "../../runtime/errors.ts";
import type { ServerAddress } from "../server-address.ts";
import { jsonOf, textOf } from "./answer.ts";
import { HttpTransport } from "./transport.ts";

/** A request to any of the servers. */
export interface ApiRequest {
  /** What is counted. */
  readonly operation: string;
  readonly method?: "GET" | "POST";
  /** Below the server's base URL. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  /** What the request is about, for signatures. */
  readonly service?: ServiceName | undefined;
  /** The console instead of the servers. */
  readonly console?: boolean;
  /** Without a proof of who asks: a login, and what is asked before one. */
  readonly anonymous?: boolean;
  /** `host:port` of the server to ask first. */
  readonly server?: string | undefined;
  /** The answer is text and not JSON. */
  readonly isText?: boolean;
  /** How an answer says that there is no such thing: its JSON is undefined then. Otherwise the API is missing. */
  readonly notFound?: RegExp;
}

/** An answer's JSON, and who gave it. */
export interface ApiAnswer {
  readonly json: unknown;
  /** `host:port` */
  readonly server: string;
}

export interface HttpClientOptions {
  readonly servers: readonly ServerAddress[];
  readonly consoleUrl: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: NacosTls | undefined;
  readonly requestTimeoutMs: number;
  readonly maxAnswerBytes: number;
  readonly maxConnections: number;
  /** Counts requests by operation. */
  count(operation: string): void;
}

/**
 * Asks a cluster over HTTP. It stays with one server, since each has its own view, and takes the next one when that
 * can't be reached.
 */
export class NacosHttp implements Disposable {
  readonly #options: HttpClientOptions;
  readonly #transport: HttpTransport;
  readonly #servers: readonly ServerAddress[];
  #current = 0;
  /** Set once: who asks is found out by asking. */
  authenticator: Authenticator = anonymous;

  constructor(options: HttpClientOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#transport = new HttpTransport(options);
    this.#servers = options.servers.map((server) => ({ server, order: random() }))
      .sort((a, b) => a.order - b.order).map(({ server }) => server);
  }

  /**
   * The answer of the server in use, or of the first other one that can be reached.
   * @throws NacosError; if no server can be reached, the message tells of each.
   */
  async ask(request: ApiRequest, signal: AbortSignal): Promise<ApiAnswer> {
    const failures: unknown[] = [];
    for (const { base, index } of this.#bases(request)) {
      try {
        return await this.#askServer(base, request, signal);
      } catch (error) {
        if (!isNacosError(error, "unreachable", "protocol-violation")) throw error;
        failures.push(error);
        // Unless a request that ran beside this one moved on already.
        if (this.#current === index) this.#current = (index + 1) % this.#servers.length;
      }
    }
    const [only] = failures;
    if (failures.length === 1 && only instanceof NacosError) throw only;
    throw new NacosError("unreachable", `no server of Nacos: ${failures.map(errorText).join("; ")}`);
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  /** Where to ask, one after the other. @throws NacosError `api-gone` if there is no such place. */
  #bases(
    { console, server, path }: ApiRequest,
  ): readonly { readonly base: string; readonly index: number }[] {
    if (console === true) {
      const base = this.#options.consoleUrl;
      if (base === undefined) throw new NacosError("api-gone", `${path}: no console is configured`);
      return [{ base, index: -1 }];
    }
    const preferred = this.#servers.findIndex(({ text }) => text === server);
    const start = preferred < 0 ? this.#current : preferred;
    return this.#servers.map((_, step) => {
      const index = (start + step) % this.#servers.length;
      return { base: this.#servers[index]?.baseUrl ?? "", index };
    });
  }

  async #askServer(base: string, request: ApiRequest, signal: AbortSignal): Promise<ApiAnswer> {
    const { path, service } = request;
    const server = hostOf(base);
    const authenticator = request.anonymous === true ? anonymous : this.authenticator;
    for (let isSecondTry = false;; isSecondTry = true) {
      const proof = await authenticator.proof(service);
      const params = new URLSearchParams({ ...request.params, ...proof.params }).toString();
      const { method = "GET" } = request;
      const url = new URL(
        `${base.replace(/\/$/, "")}${path}${method === "GET" && params !== "" ? `?${params}` : ""}`,
      );
      const headers = { ...this.#options.headers, ...proof.http };
      this.#options.count(request.operation);
      const answer = await this.#transport.send(
        { method, url, headers, body: method === "POST" ? params : undefined },
        signal,
      );
      if (answer.status < 500 && request.notFound?.test(answer.text) === true) {
        return { json: undefined, server };
      }
      try {
        const what = `${server}${path}`;
        return { json: request.isText === true ? textOf(answer, what) : jsonOf(answer, what), server };
      } catch (error) {
        if (!isNacosError(error, "unauthorized", "forbidden") || isSecondTry) throw error;
        if (!(await authenticator.refused(proof, error.message))) throw error;
      }
    }
  }
}

/** `host:port`, as servers are told apart. */
function hostOf(base: string): string {
  const { host, port, protocol } = new URL(base);
  return port === "" ? `${host}:${protocol === "https:" ? 443 : 80}` : host;
}
