import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { resources } from "../../kubernetes/kubernetes.ts";
import type { Resource } from "../../kubernetes/kubernetes.ts";
import type { ApiRequest } from "./requests.ts";

/** Lists above this size are compressed for clients that take it, as by a real server. */
const smallestGzip = 128 * 1024;

/** What takes the place of a response: a status, or none at all (`hang`: the request stays open). */
export type Fault =
  | "hang"
  | "drop"
  | {
    readonly code: number;
    readonly reason?: string;
    readonly message?: string;
    readonly headers?: Readonly<Record<string, string>>;
  };

/** The message of a refusal by RBAC. */
export function forbiddenMessage(user: string, { verb, kind, namespace }: ApiRequest): string {
  const { group, plural }: Resource = resources[kind];
  const name = group === "" ? plural : `${plural}.${group}`;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  return `${name} is forbidden: User "${user}" cannot ${verb} resource "${plural}" in API group "${group}" ${where}`;
}

/** Does what a fault says. */
export function applyFault(fault: Fault, response: ServerResponse): void {
  if (fault === "hang") return;
  if (fault === "drop") return void response.destroy();
  const { code, reason = "Fault", message = "a fault", headers = {} } = fault;
  refuse(response, code, reason, message, headers);
}

/** Responds with a Status. */
export function refuse(
  response: ServerResponse,
  code: number,
  reason: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(code, { "content-type": "application/json", ...headers });
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
  response.end(`${JSON.stringify(status)}\n`);
}

/** Responds with a JSON text, compressed if it is large and the client accepts that. */
export function sendJson(request: IncomingMessage, response: ServerResponse, json: string): void {
  const isCompressed = json.length > smallestGzip &&
    /\bgzip\b/.test(String(request.headers["accept-encoding"]));
  response.writeHead(200, {
    "content-type": "application/json",
    ...(isCompressed && { "content-encoding": "gzip" }),
  });
  response.end(isCompressed ? gzipSync(json, { level: 1 }) : json);
}
