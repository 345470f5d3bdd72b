import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { TLSSocket } from "node:tls";
import { errorText, MeshError } from "../../runtime/errors.ts";
import { splitAddress } from "../../runtime/http-server.ts";
import { resources } from "../../kubernetes/kubernetes.ts";
import { ListPages } from "./list-pages.ts";
import type { Page } from "./list-pages.ts";
import { apiVersionOf, kinds } from "./objects.ts";
import type { KindName, Metadata, ObjectKinds } from "./objects.ts";
import { ObjectHistory } from "./object-history.ts";
import { parseRequest } from "./requests.ts";
import type { ApiRequest } from "./requests.ts";
import { applyFault, forbiddenMessage, refuse, sendJson } from "./responses.ts";
import type { Fault } from "./responses.ts";
import { Watcher } from "./watcher.ts";

export type { Fault };

/** How to run a simulated API server. */
export interface SimulatedKubernetesOptions {
  /** PEM. Default: plain HTTP. The common name of a client certificate from the authority `clientCa` is a user. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** How often a watch tells the version though nothing happens. Default: 60 000, as with a real server. */
  readonly bookmarkMs?: number;
}

/** Request counts of a simulated server, by what was asked. */
export type SimulatedRequestKind = "list" | "watch" | "watchList" | "get";

/**
 * A Kubernetes API server in this process, over the real protocol: lists, pages, watches, WatchLists, bookmarks,
 * versions, selectors and errors of the kinds that collectors read. For the demo, and for tests of faults and scale. It
 * passes the suite that a real one passes (`test/simulators/kubernetes-suite.ts`). It takes no writes: call {@link set} and
 * {@link delete}.
 */
export class SimulatedKubernetes implements AsyncDisposable {
  readonly history: ObjectHistory = new ObjectHistory();
  /** Requests so far, refused ones too. */
  readonly requests: Record<SimulatedRequestKind, number> = { list: 0, watch: 0, watchList: 0, get: 0 };
  /** Tokens that are taken, with the name of their user. Empty: everybody is let in. */
  readonly tokens: Map<string, string> = new Map();
  /** Whether a user is denied a verb on a kind, as by RBAC. `user` is `""` while everybody is let in. */
  denies:
    | ((user: string, verb: ApiRequest["verb"], kind: KindName, namespace?: string) => boolean)
    | undefined;
  /** Chooses the fault for a request; undefined means a correct response. */
  fault: ((request: ApiRequest) => Fault | undefined) | undefined;
  /** False: like a server without the feature gate WatchList. */
  knowsWatchList = true;
  /** Kinds that aren't served, like those of a CRD that isn't installed. */
  readonly unknownKinds: Set<KindName> = new Set();
  readonly #options: SimulatedKubernetesOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #pages = new ListPages();
  #server: Server | undefined;

  constructor(options: SimulatedKubernetesOptions = {}) {
    this.#options = options;
    this.history.onChange = (change) => {
      const kind = change.after?.kind ?? change.before?.kind;
      for (const watcher of this.#watchers) {
        if (watcher.request.kind === kind) watcher.changed(change);
      }
    };
  }

  /** Creates or replaces an object; returns its `resourceVersion`. */
  set<Kind extends KindName>(kind: Kind, object: ObjectKinds[Kind]): string {
    return this.history.set(kind, object);
  }

  /** Deletes an object; false if there is none. */
  delete(kind: KindName, metadata: Pick<Metadata, "name" | "namespace">): boolean {
    return this.history.delete(kind, metadata);
  }

  /**
   * Starts to listen on `address` (`host:port`, port 0 for any); returns the URL with the real port. After {@link stop}
   * it may listen again: objects and versions are as they were. @throws MeshError `address-in-use`
   */
  async listen(address: string): Promise<string> {
    const { host, port } = splitAddress(address);
    const { tls } = this.#options;
    const listener: RequestListener = (request, response) => this.#answer(request, response);
    const server = tls === undefined ? createServer(listener) : createTlsServer({
      cert: tls.cert,
      key: tls.key,
      ...(tls.clientCa !== undefined && { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false }),
    }, listener);
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => {
        const why = `Cannot listen for Kubernetes on ${address}: ${errorText(error)}`;
        reject(new MeshError("address-in-use", `${why}; stop what listens there`));
      });
      server.listen(port, host, resolve);
    });
    this.#server = server;
    const bound = server.address();
    const realPort = typeof bound === "object" && bound !== null ? bound.port : port;
    return `${tls === undefined ? "http" : "https"}://${host}:${realPort}`;
  }

  /** Ends all connections and listens no more. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  /** Watches that are open now; of one kind if it is given. */
  watchers(kind?: KindName): readonly Watcher[] {
    return [...this.#watchers].filter(({ request }) => kind === undefined || request.kind === kind);
  }

  /** Breaks all watches, each in the middle of an object that is never finished. */
  breakWatches(): void {
    const half = '{"type":"MODIFIED","object":{"kind":"Service","metadata":{"name":"hal';
    for (const watcher of this.#watchers) watcher.breakOff(half);
  }

  /** Ends all watches in order, as when their time is over. */
  finishWatches(): void {
    for (const watcher of this.#watchers) watcher.finish();
  }

  /** Watches that are open now stay open and say nothing any more. */
  deafenWatches(): void {
    for (const watcher of this.#watchers) watcher.isDeaf = true;
  }

  /** Forgets all versions so far, and page tokens: open watches are told (410), and so is who resumes from an old one. */
  compact(): void {
    this.history.compact();
    this.#pages.expire();
    for (const watcher of this.#watchers) watcher.fail(410, "Expired", tooOld);
  }

  /** Lets page tokens expire. */
  expirePages(): void {
    this.#pages.expire();
  }

  /** A kubeconfig for this server at a URL. `user` is what stands below `user`, e.g. `{ token: "t" }`. */
  kubeconfig(url: string, user: Readonly<Record<string, string>> = {}): string {
    const { tls } = this.#options;
    const ca = tls === undefined
      ? {}
      : { "certificate-authority-data": Buffer.from(tls.cert).toString("base64") };
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "simulated",
      clusters: [{ name: "simulated", cluster: { server: url, ...ca } }],
      users: [{ name: "user", user }],
      contexts: [{ name: "simulated", context: { cluster: "simulated", user: "user" } }],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://localhost");
    const user = this.#userOf(request);
    if (user === undefined) return refuse(response, 401, "Unauthorized", "Unauthorized");
    if (url.pathname === "/readyz") return void response.end("ok");
    if (url.pathname === "/version") {
      const version = { major: "1", minor: "37", gitVersion: "v1.37.0+simulated" };
      return sendJson(request, response, JSON.stringify(version));
    }
    if (request.method !== "GET") {
      return refuse(response, 405, "MethodNotAllowed", "the simulator takes no writes");
    }
    const parsed = parseRequest(url);
    if ("code" in parsed) return refuse(response, parsed.code, parsed.reason, parsed.message);
    this.requests[parsed.isWatchList ? "watchList" : parsed.verb]++;
    const fault = this.fault?.(parsed);
    if (fault !== undefined) return applyFault(fault, response);
    const { kind, verb, namespace } = parsed;
    if (this.unknownKinds.has(kind)) {
      return refuse(response, 404, "NotFound", "the server could not find the requested resource");
    }
    if (this.denies?.(user, verb, kind, namespace) === true) {
      return refuse(response, 403, "Forbidden", forbiddenMessage(user, parsed));
    }
    switch (verb) {
      case "list":
        return this.#list(parsed, request, response);
      case "watch":
        return this.#watch(parsed, response);
      case "get":
        return this.#get(parsed, request, response);
    }
  }

  /** Undefined: not known. */
  #userOf({ headers, socket }: IncomingMessage): string | undefined {
    if (this.tokens.size === 0) return "";
    if (socket instanceof TLSSocket && socket.authorized) {
      return String(socket.getPeerCertificate().subject.CN);
    }
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1];
    return token === undefined ? undefined : this.tokens.get(token);
  }

  #get({ kind, namespace = "", name }: ApiRequest, request: IncomingMessage, response: ServerResponse): void {
    const object = this.history.get(kind, `${namespace}/${name}`);
    if (object !== undefined) return sendJson(request, response, JSON.stringify(object.json));
    refuse(response, 404, "NotFound", `${resources[kind].plural} "${name}" not found`);
  }

  #list(asked: ApiRequest, request: IncomingMessage, response: ServerResponse): void {
    const { kind, query } = asked;
    const limit = Number(query.get("limit") ?? 0);
    const token = query.get("continue") ?? "";
    const version = Number(query.get("resourceVersion") ?? 0);
    if (version > this.history.revision) {
      const message = `Timeout: Too large resource version: ${version}, current: ${this.history.revision}`;
      return refuse(response, 504, "Timeout", message, { "retry-after": "1" });
    }
    let page: Page | undefined;
    if (token === "") {
      const objects = this.history.all(kind).filter((object) => asked.selects(object));
      page = this.#pages.first(objects, this.history.revision, limit);
    } else page = this.#pages.following(token, limit);
    if (page === undefined) {
      return refuse(response, 410, "Expired", "The provided continue parameter is too old");
    }
    const metadata = {
      resourceVersion: String(page.revision),
      ...(page.continueToken !== undefined && {
        continue: page.continueToken,
        remainingItemCount: page.remaining,
      }),
    };
    const head = JSON.stringify({ kind: `${kinds[kind]}List`, apiVersion: apiVersionOf(kind), metadata });
    const items = page.objects.map(({ json }) => JSON.stringify(json)).join(",");
    sendJson(request, response, `${head.slice(0, -1)},"items":[${items}]}`);
  }

  #watch(asked: ApiRequest, response: ServerResponse): void {
    const { query, kind } = asked;
    if (asked.isWatchList) {
      const message = this.knowsWatchList
        ? "resourceVersionMatch: Forbidden: resourceVersionMatch is required for a WatchList"
        : "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
      const isRefused = !this.knowsWatchList || query.get("resourceVersionMatch") !== "NotOlderThan";
      if (isRefused) return refuse(response, 422, "Invalid", message);
    }
    const version = Number(query.get("resourceVersion") ?? 0);
    const { history } = this;
    // One that doesn't exist yet is waited for, without a word.
    const isFromFuture = version > history.revision;
    const isFromNow = asked.isWatchList || version === 0;
    const missed = isFromNow || isFromFuture ? [] : history.since(version);
    const watcher = new Watcher({
      response,
      request: asked,
      bookmarkMs: this.#options.bookmarkMs ?? 60_000,
      currentRevision: () => history.revision,
      onEnd: () => this.#watchers.delete(watcher),
    });
    if (missed === undefined) return watcher.fail(410, "Expired", `${tooOld}: ${version}`);
    watcher.isDeaf = isFromFuture;
    this.#watchers.add(watcher);
    for (const change of missed) {
      if ((change.after ?? change.before)?.kind === kind) watcher.changed(change);
    }
    void watcher.begin(isFromNow ? history.all(kind) : [], history.revision);
  }
}

const tooOld = "too old resource version";
