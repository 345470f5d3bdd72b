import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";

const kinds: Readonly<Record<string, string>> = {
  pods: "Pod",
  nodes: "Node",
  secrets: "Secret",
  configmaps: "ConfigMap",
  namespaces: "Namespace",
};

/** A Kubernetes API server with nothing in it: slime wants one to start. */
export class EmptyKubernetes implements AsyncDisposable {
  readonly #server = createServer(answer);

  /** Starts to listen; returns the server's URL. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new TypeError("The server has no port");
    return `http://127.0.0.1:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  response.setHeader("content-type", "application/json");
  // Watches are silent.
  if (searchParams.has("watch")) return response.flushHeaders();
  const body = bodyOf(pathname);
  response.statusCode = body === undefined ? 404 : 200;
  response.end(JSON.stringify(body ?? { kind: "Status", apiVersion: "v1", status: "Failure", code: 404 }));
}

function bodyOf(path: string): object | undefined {
  switch (path) {
    case "/version":
      return { major: "1", minor: "28", gitVersion: "v1.28.0" };
    case "/api":
      return { kind: "APIVersions", versions: ["v1"] };
    case "/apis":
      return { kind: "APIGroupList", apiVersion: "v1", groups: [] };
    case "/api/v1": {
      const resources = Object.entries(kinds).map(([name, kind]) => (
        { name, kind, singularName: "", namespaced: true, verbs: ["get", "list", "watch"] }
      ));
      return { kind: "APIResourceList", groupVersion: "v1", resources };
    }
    default: {
      const kind = path.startsWith("/api/v1/") ? kinds[path.slice(path.lastIndexOf("/") + 1)] : undefined;
      const metadata = { resourceVersion: "1" };
      return kind === undefined ? undefined : { kind: `${kind}List`, apiVersion: "v1", metadata, items: [] };
    }
  }
}
