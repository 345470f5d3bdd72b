import type { IncomingHttpHeaders } from "node:http";
import { KubernetesError } from "../kubernetes-error.ts";
import type { FailureReason } from "../kubernetes-error.ts";
import type { ResourceSelection } from "../kubernetes.ts";
import type { Status } from "./decode.ts";

/** Not even a server that asks for more is left alone for longer. */
const longestRetryAfterMs = 300_000;

/** What a failed request was about, for messages. */
export interface FailureContext {
  readonly cluster: string;
  readonly verb: "list" | "watch";
  readonly selection: ResourceSelection;
}

/** The error of a response that isn't 200, or of an ERROR event in a watch (`headers` is undefined then). */
export function failureOf(
  code: number,
  status: Status,
  headers: IncomingHttpHeaders | undefined,
  context: FailureContext,
): KubernetesError {
  const retryAfterMs = headers === undefined ? undefined : retryAfter(headers, status);
  // A version from the future, as after a restore of etcd from a backup.
  const isUnknownVersion = code === 504 && status.message.includes("Too large resource version");
  const reason = isUnknownVersion ? "gone" : reasonOf(code, retryAfterMs !== undefined);
  const { cluster, verb, selection } = context;
  const what = `${verb} ${resourceName(selection)}`;
  const text = status.message === "" ? status.reason || "no message" : status.message;
  const message = `cluster ${cluster} refused to ${what}: ${code} ${text.slice(0, 500)}${
    advice(reason, what)
  }`;
  return new KubernetesError(reason, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** `endpointslices.discovery.k8s.io in namespace shop` */
export function resourceName({ resource: { plural, group }, namespace }: ResourceSelection): string {
  const name = group === "" ? plural : `${plural}.${group}`;
  return namespace === undefined ? name : `${name} in namespace ${namespace}`;
}

function reasonOf(code: number, hasRetryAfter: boolean): FailureReason {
  switch (code) {
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return "not-found";
    case 410:
      return "gone";
    case 429:
      return "throttled";
    case 503:
      return hasRetryAfter ? "throttled" : "unreachable";
    default:
      return code >= 400 && code < 500 ? "refused" : "unreachable";
  }
}

function advice(reason: FailureReason, what: string): string {
  switch (reason) {
    case "unauthorized":
      return "; its token or certificate is no longer valid: renew the credentials";
    case "forbidden":
      return `; grant it: a role with the verbs list and watch (${what})`;
    case "not-found":
      return "; the cluster doesn't serve this kind: install its CRD";
    case "gone":
    case "throttled":
    case "unreachable":
    case "protocol":
    case "refused":
      return "";
  }
}

/** `Retry-After` in seconds or as a date, which is measured by the server's own clock. */
function retryAfter(headers: IncomingHttpHeaders, status: Status): number | undefined {
  const text = headers["retry-after"]?.trim() ?? "";
  const bounded = (milliseconds: number) => Math.min(Math.max(0, milliseconds), longestRetryAfterMs);
  if (/^\d+$/.test(text)) return bounded(Number(text) * 1000);
  const until = Date.parse(text);
  const now = Date.parse(headers.date ?? "");
  if (!Number.isNaN(until) && !Number.isNaN(now)) return bounded(until - now);
  return status.retryAfterSeconds === undefined ? undefined : bounded(status.retryAfterSeconds * 1000);
}
