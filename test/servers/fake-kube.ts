import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { freePort } from "./free-port.ts";

/**
 * A Kubernetes API with nothing in it: every list is empty, every watch stays silent, every single object is not found,
 * and writes are echoed. istiod >= 1.30 cannot start without a Kubernetes client; this is enough for it.
 */
export interface FakeKube extends AsyncDisposable {
  readonly port: number;
}

/** Starts it inside this process, on a free port of loopback. */
export async function startFakeKube(): Promise<FakeKube> {
  const port = await freePort();
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(asError(error)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return { port, [Symbol.asyncDispose]: () => close(server) };
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const path = url.pathname.split("/").filter((part) => part !== "");
  switch (url.pathname) {
    case "/version":
      return send(response, 200, { major: "1", minor: "34", gitVersion: "v1.34.0", platform: "linux/amd64" });
    case "/api":
      return send(response, 200, { kind: "APIVersions", versions: ["v1"] });
    case "/apis":
      return send(response, 200, { kind: "APIGroupList", apiVersion: "v1", groups: [] });
  }
  // /api/v1/… for the core group, /apis/<group>/<version>/… for the others.
  const rest = path[0] === "api" ? path.slice(2) : path.slice(3);
  if (rest.length === 0) {
    const groupVersion = path.slice(1).join("/");
    return send(response, 200, { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources: [] });
  }
  const inNamespace = rest[0] === "namespaces" && rest.length > 2 ? rest.slice(2) : rest;
  if (request.method !== "GET") return await echo(request, response, inNamespace[1] ?? "unnamed");
  if (inNamespace.length > 1) return send(response, 404, status(404, "NotFound"));
  if (url.searchParams.has("watch")) return watch(url, response);
  const metadata = { resourceVersion: "1" };
  const partial = request.headers.accept?.includes("as=PartialObjectMetadataList") ?? false;
  const type = partial ? { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" } : {};
  send(response, 200, { ...type, metadata, items: [] });
}

/** Leader election and webhook patches want their object back. */
async function echo(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  const object = parseObject(text);
  const given = typeof object["metadata"] === "object" ? object["metadata"] : {};
  const metadata = { name, uid: "1", resourceVersion: "2", ...given };
  send(response, request.method === "POST" ? 201 : 200, { ...object, metadata });
}

function watch(url: URL, response: ServerResponse): void {
  if (url.searchParams.has("sendInitialEvents")) return send(response, 422, status(422, "Invalid"));
  response.writeHead(200, { "content-type": "application/json" });
  response.flushHeaders();
  const seconds = Number(url.searchParams.get("timeoutSeconds") ?? 300);
  const end = setTimeout(() => response.end(), seconds * 1000);
  response.once("close", () => clearTimeout(end));
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function status(code: number, reason: string): object {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", reason, message: reason, code };
}

/** Patches in other formats than JSON read as an empty object. */
function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
