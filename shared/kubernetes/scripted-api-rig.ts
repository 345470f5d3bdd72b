import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { freePort } from "../../test/servers/free-port.ts";

/** Responds to one request, correctly or not. */
export type Script = (response: ServerResponse, request: IncomingMessage) => void;

/** An API server that follows scripts: one for each request, the last one for all further requests. */
export class ScriptedApi implements AsyncDisposable {
  readonly kubeconfig: string;
  /** Path and query of all requests. */
  readonly requests: URL[] = [];
  /** Their headers. */
  readonly headers: IncomingMessage["headers"][] = [];
  readonly #server: Server;

  private constructor(server: Server, port: number, scripts: readonly Script[]) {
    this.#server = server;
    const cluster = { server: `http://127.0.0.1:${port}` };
    this.kubeconfig = JSON.stringify({
      "current-context": "c",
      clusters: [{ name: "c", cluster }],
      contexts: [{ name: "c", context: { cluster: "c" } }],
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const script = scripts[Math.min(this.requests.length, scripts.length - 1)];
      this.requests.push(new URL(request.url ?? "", cluster.server));
      this.headers.push(request.headers);
      script?.(response, request);
    });
  }

  static async start(...scripts: readonly Script[]): Promise<ScriptedApi> {
    const port = await freePort();
    const server = createServer();
    const scripted = new ScriptedApi(server, port, scripts);
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return scripted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** One line of a watch about a Service. */
export function line(type: string, name: string, resourceVersion: string, more: object = {}): string {
  return `${JSON.stringify({ type, object: item(name, resourceVersion, more) })}\n`;
}

/** A Service. */
export function item(name: string, resourceVersion: string, more: object = {}): object {
  return {
    kind: "Service",
    apiVersion: "v1",
    metadata: { namespace: "ns", name, uid: name, resourceVersion },
    ...more,
  };
}

/** The bookmark that ends the initial events of a WatchList. */
export function initialEnd(resourceVersion: string): string {
  const annotations = { "k8s.io/initial-events-end": "true" };
  const object = { kind: "Service", apiVersion: "v1", metadata: { resourceVersion, annotations } };
  return `${JSON.stringify({ type: "BOOKMARK", object })}\n`;
}

/** A bookmark. */
export function bookmark(resourceVersion: string): string {
  return `${JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion } } })}\n`;
}

/** An ERROR event. */
export function errorLine(code: number, reason: string): string {
  return `${JSON.stringify({ type: "ERROR", object: { kind: "Status", code, reason, message: reason } })}\n`;
}

/** Sends texts and leaves the response open. */
export const send = (...texts: readonly string[]): Script => (response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.flushHeaders();
  for (const text of texts) response.write(text);
};

/** Sends texts and ends the response. */
export const sendAll = (...texts: readonly string[]): Script => (response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(texts.join(""));
};

/** Sends texts, and breaks the connection once they are on their way. */
export const sendAndBreak = (...texts: readonly string[]): Script => (response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.write(texts.join(""), () => response.socket?.resetAndDestroy());
};

/** Refuses with a Status. */
export const refuse =
  (code: number, message: string, headers: Record<string, string> = {}): Script => (response) => {
    response.writeHead(code, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify({ kind: "Status", code, reason: message, message }));
  };

/** Sends a page. */
export const page = (
  resourceVersion: string,
  token: string | undefined,
  ...items: readonly object[]
): Script =>
  sendAll(JSON.stringify({
    kind: "ServiceList",
    metadata: { resourceVersion, ...(token !== undefined && { continue: token }) },
    items,
  }));

/** Says nothing. */
export const hang: Script = () => {};
