import { errorText, isMeshError, MeshError } from "../../../shared/runtime/errors.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import { maskAddress, maskUserInfo } from "../../../shared/runtime/mask.ts";
import { ApplicationDecoder } from "./application-decoder.ts";
import type { RememberedApplications } from "./application-decoder.ts";
import { ApplicationSplitter } from "./application-splitter.ts";
import type { EurekaApplication, EurekaFrame } from "./decode.ts";
import { decodeFrame } from "./decode.ts";

/** How to reach one Eureka cluster. */
export interface EurekaClientOptions {
  /** Base URLs as Eureka's clients know them (`http://user:password@host:8761/eureka`), alternatives to one another. */
  readonly addresses: readonly string[];
  /** A request whose answer isn't complete after this time is given up, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** Longest answer accepted, in bytes. */
  readonly maxResponseBytes: number;
  readonly log: Logger;
  /** Is called after each request with its outcome. */
  readonly requested: (success: boolean) => void;
}

/** An answer: the applications, and the hash that the server computed over its whole registry. */
export interface EurekaAnswer extends EurekaFrame {
  readonly applications: readonly EurekaApplication[];
  /** Unusable records by place, with the reason. */
  readonly invalidRecords: ReadonlyMap<string, string>;
  /** Changes when another server of the cluster answered than last time: timestamps and deltas don't compare then. */
  readonly server: number;
}

interface Server {
  readonly url: string;
  /** For messages: without the password. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Reads one Eureka cluster over REST. It stays with one server, since the servers of a cluster replicate with a delay
 * and alternating between them would make the view flap; when that fails it takes the next.
 */
export class EurekaClient {
  readonly #options: EurekaClientOptions;
  readonly #servers: readonly Server[];
  #current = 0;
  /** The applications of the last complete answer, so that those that are the same need no decoding. */
  #remembered: RememberedApplications = new Map();
  /** Validator of the last delta, for servers that take part in conditional requests. */
  #deltaTag: { readonly server: number; readonly etag: string; readonly answer: EurekaAnswer } | undefined;

  constructor(options: EurekaClientOptions) {
    this.#options = options;
    this.#servers = options.addresses.map(toServer);
  }

  /** The server that the next request goes to. */
  get server(): number {
    return this.#current;
  }

  /**
   * The whole registry, from the present server or the first other one that answers.
   * @throws MeshError `registry-unavailable` or `protocol-violation` if none did; the message names each.
   */
  async fetchAll(signal: AbortSignal): Promise<EurekaAnswer> {
    const failures: unknown[] = [];
    for (let attempt = 0; attempt < this.#servers.length; attempt++) {
      try {
        return await this.#fetch("/apps", signal);
      } catch (error) {
        if (signal.aborted) throw error;
        failures.push(error);
        this.#takeNext(error);
      }
    }
    const violated = failures.length > 0 &&
      failures.every((error) => isMeshError(error, "protocol-violation"));
    throw new MeshError(
      violated ? "protocol-violation" : "registry-unavailable",
      failures.map(errorText).join("; "),
    );
  }

  /**
   * The changes of about the last three minutes, from the present server only.
   * @throws MeshError if it doesn't answer with a delta; the caller then reads everything.
   */
  async fetchDelta(signal: AbortSignal): Promise<EurekaAnswer> {
    return await this.#fetch("/apps/delta", signal);
  }

  #takeNext(error: unknown): void {
    const failed = this.#servers[this.#current];
    this.#current = (this.#current + 1) % this.#servers.length;
    if (this.#servers.length === 1) return;
    this.#options.log.warn(
      { failed: failed?.name, next: this.#servers[this.#current]?.name, reason: errorText(error) },
      "a Eureka server failed: the collector reads from the next one",
    );
  }

  async #fetch(path: string, signal: AbortSignal): Promise<EurekaAnswer> {
    const { requested } = this.#options;
    try {
      const answer = await this.#ask(path, signal);
      requested(true);
      return answer;
    } catch (error) {
      if (!signal.aborted) requested(false);
      throw error;
    }
  }

  async #ask(path: string, signal: AbortSignal): Promise<EurekaAnswer> {
    const index = this.#current;
    const server = this.#servers[index];
    if (server === undefined) throw new MeshError("configuration", "No Eureka address is configured");
    const { requestTimeoutMs } = this.#options;
    const tooLate = AbortSignal.timeout(requestTimeoutMs);
    try {
      const tag = path === "/apps/delta" && this.#deltaTag?.server === index ? this.#deltaTag : undefined;
      const response = await fetch(`${server.url}${path}`, {
        headers: { ...server.headers, ...(tag === undefined ? {} : { "If-None-Match": tag.etag }) },
        signal: AbortSignal.any([signal, tooLate]),
      });
      if (response.status === 304 && tag !== undefined) {
        await response.body?.cancel();
        return tag.answer;
      }
      const answer = await this.#readAnswer(response, index, path === "/apps");
      const etag = response.headers.get("etag");
      if (path === "/apps/delta" && etag !== null) this.#deltaTag = { server: index, etag, answer };
      return answer;
    } catch (error) {
      if (signal.aborted) throw error;
      if (tooLate.aborted) {
        throw new MeshError(
          "registry-unavailable",
          `${server.name}${path}: no complete answer within ${requestTimeoutMs} ms`,
        );
      }
      const code = isMeshError(error, "protocol-violation") ? error.code : "registry-unavailable";
      throw new MeshError(code, `${server.name}${path}: ${errorText(error)}`, { cause: error });
    }
  }

  async #readAnswer(response: Response, server: number, isComplete: boolean): Promise<EurekaAnswer> {
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new MeshError("registry-unavailable", `HTTP ${response.status}${statusHint(response.status)}`);
    }
    const { maxResponseBytes } = this.#options;
    const decoder = new ApplicationDecoder(isComplete ? this.#remembered : new Map());
    const splitter = isComplete
      ? new ApplicationSplitter(
        decoder.decode.bind(decoder),
        maxResponseBytes,
        decoder.recognise.bind(decoder),
      )
      : new ApplicationSplitter(decoder.decode.bind(decoder), maxResponseBytes);
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > maxResponseBytes) {
        throw new MeshError(
          "protocol-violation",
          `Eureka's answer has more than ${maxResponseBytes} bytes: raise eurekaSource.maxResponseBytes if that is right`,
        );
      }
      splitter.write(chunk);
    }
    const frame = decodeFrame(splitter.end());
    if (isComplete) this.#remembered = decoder.remembered;
    const { applications, invalidRecords } = decoder;
    return { ...frame, applications, invalidRecords, server };
  }
}

function statusHint(status: number): string {
  if (status === 401) return " (are user name and password in the address?)";
  if (status === 403) return " (a server that has just started refuses reads until it has copied its peers)";
  if (status === 404) return " (is the path right? Spring's servers want /eureka, Netflix' own /eureka/v2)";
  return "";
}

/**
 * Splits credentials off a base URL: Node's fetch refuses URLs that carry them.
 * @throws MeshError `configuration` if it is no URL. Node's own error would carry the text, and its password into logs.
 */
function toServer(address: string): Server {
  if (!URL.canParse(address)) {
    throw new MeshError(
      "configuration",
      `Cannot read Eureka at ${maskAddress(address)}: expected a URL such as http://host:8761/eureka`,
    );
  }
  const url = new URL(address);
  const headers: Record<string, string> = { Accept: "application/json" };
  if (url.username !== "" || url.password !== "") {
    const credentials = `${percentDecoded(url.username)}:${percentDecoded(url.password)}`;
    headers["Authorization"] = `Basic ${Buffer.from(credentials).toString("base64")}`;
  }
  url.username = "";
  url.password = "";
  const base = url.href.replace(/\/+$/, "");
  // A password with a slash in it ends up in the path.
  return { url: base, name: maskUserInfo(base), headers };
}

/** A `%` that encodes nothing stands for itself. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
