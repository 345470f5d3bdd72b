import { resources } from "../../kubernetes/kubernetes.ts";
import type { Resource } from "../../kubernetes/kubernetes.ts";
import { isClusterScoped, kindNames } from "./objects.ts";
import type { KindName } from "./objects.ts";
import { fieldSelector, labelSelector } from "./selectors.ts";
import type { Selector } from "./selectors.ts";

/** A request that was understood. */
export interface ApiRequest {
  readonly verb: "list" | "watch" | "get";
  readonly kind: KindName;
  /** Undefined: all of them. */
  readonly namespace: string | undefined;
  /** Only for `get`. */
  readonly name: string | undefined;
  /** Labels, fields and namespace. */
  readonly selects: Selector;
  readonly query: URLSearchParams;
  /** True for a watch that begins with all that there is, and says when it has told it. */
  readonly isWatchList: boolean;
}

/** Why a request isn't understood. */
export interface BadRequest {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
}

/** Reads path and query as a real server does. */
export function parseRequest(url: URL): ApiRequest | BadRequest {
  const parts = url.pathname.split("/").filter((part) => part !== "").map(decodeURIComponent);
  const found = kindOf(parts);
  const notFound = {
    code: 404,
    reason: "NotFound",
    message: "the server could not find the requested resource",
  };
  if (found === undefined) return notFound;
  const { kind, rest } = found;
  const namespace = rest[0] === "namespaces" && rest.length > 2 ? rest[1] : undefined;
  const [plural, name, ...more] = namespace === undefined ? rest : rest.slice(2);
  if (plural !== resources[kind].plural || more.length > 0) return notFound;
  if (namespace !== undefined && isClusterScoped(kind)) return notFound;
  const query = url.searchParams;
  const labels = labelSelector(query.get("labelSelector") ?? "");
  if (labels === undefined) return bad(`unable to parse requirement: ${query.get("labelSelector")}`);
  const fields = fieldSelector(kind, query.get("fieldSelector") ?? "");
  if (fields === undefined) return bad(`field label not supported: ${query.get("fieldSelector")}`);
  const isWatch = ["true", "1"].includes(query.get("watch") ?? "");
  const version = query.get("resourceVersion") ?? "";
  if (!/^\d*$/.test(version)) {
    const message = `Invalid value: "${version}": strconv.ParseUint: parsing "${version}": invalid syntax`;
    // As a real server has it.
    return isWatch ? { code: 500, reason: "", message } : bad(message);
  }
  return {
    verb: isWatch ? "watch" : name === undefined ? "list" : "get",
    kind,
    namespace,
    name,
    selects: (object) =>
      (namespace === undefined || object.namespace === namespace) && labels(object) && fields(object),
    query,
    isWatchList: isWatch && query.get("sendInitialEvents") === "true",
  };
}

function bad(message: string): BadRequest {
  return { code: 400, reason: "BadRequest", message };
}

/** `/api/v1/…` for the core group, `/apis/<group>/<version>/…` for the others. */
function kindOf(parts: readonly string[]): { kind: KindName; rest: readonly string[] } | undefined {
  const isCore = parts[0] === "api";
  if (!isCore && parts[0] !== "apis") return undefined;
  const [group, version] = isCore ? ["", parts[1]] : [parts[1], parts[2]];
  const rest = parts.slice(isCore ? 2 : 3);
  const plural = rest[0] === "namespaces" && rest.length > 2 ? rest[2] : rest[0];
  const kind = kindNames.find((name) => {
    const resource: Resource = resources[name];
    return resource.group === group && resource.version === version && resource.plural === plural;
  });
  return kind === undefined ? undefined : { kind, rest };
}
