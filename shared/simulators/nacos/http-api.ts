import type { IncomingHttpHeaders } from "node:http";
import type { SimulatedAccess } from "./access.ts";
import { adminDetails, catalogueDetails, catalogueItem, listed, pageOf } from "./http-lists.ts";
import { serviceInfo } from "./registry.ts";
import type { SimulatedRegistry, StoredService } from "./registry.ts";

/** A request, of either method. */
export interface ApiCall {
  readonly method: string;
  /** Below the context path. */
  readonly path: string;
  /** Of the URL and the form together. */
  readonly params: URLSearchParams;
  readonly token: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** An answer. */
export interface ApiReply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What decides which APIs there are, and what they tell. */
export interface ApiRules {
  readonly registry: SimulatedRegistry;
  readonly access: SimulatedAccess;
  readonly version: string;
  /** Nacos 3: whether only those who log in may use the admin API. */
  readonly isAdminOpen: boolean;
}

/** Paths of 1.x and 2.x that 3.0 and 3.1 still have; 3.2 has none. */
const open = new Set([
  "/v1/ns/service/list",
  "/v1/ns/instance",
  "/v1/ns/instance/list",
  "/v1/ns/operator/metrics",
  "/v1/cs/configs",
  "/v1/auth/users/login",
]);

/** Paths that nobody has to log in for. */
const unguarded = new Set([
  "/v3/auth/user/login",
  "/v1/auth/users/login",
  "/v1/auth/login",
  "/v3/admin/core/state",
  "/v1/console/server/state",
  "/v1/console/namespaces",
  "/v1/ns/operator/metrics",
]);

/** Answers a request as a Nacos server of that version does. */
export function answerApi(rules: ApiRules, call: ApiCall): ApiReply {
  const { version, access } = rules;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const generation = Number(/^\/v(\d)\//.exec(call.path)?.[1] ?? 0);
  if (generation > major || (generation === 2 && major === 1)) return notFound(call);
  if (major >= 3 && generation < 3) {
    if (minor >= 2) return notFound(call);
    if (!open.has(call.path)) return { status: 410, body: error(410, "Gone", call.path) };
  }
  if (!unguarded.has(call.path)) {
    const isAdmin = call.path.startsWith("/v3/admin/");
    const namespace = isAdmin ? undefined : namespaceOf(call.params);
    const refusal = isAdmin && rules.isAdminOpen ? undefined : access.refusal(call.token, namespace);
    if (refusal !== undefined) return { status: 403, body: error(403, refusal, call.path) };
  }
  return perform(rules, call) ?? notFound(call);
}

function perform(rules: ApiRules, call: ApiCall): ApiReply | undefined {
  const { registry, version } = rules;
  const { params } = call;
  const namespace = namespaceOf(params);
  switch (call.path) {
    case "/v3/auth/user/login":
    case "/v1/auth/users/login":
      return logIn(rules.access, params);
    case "/v3/admin/core/state":
      return wrapped({ version, startup_mode: "standalone", function_mode: null });
    case "/v1/console/server/state":
      return { status: 200, body: { version, standalone_mode: "standalone", function_mode: null } };
    case "/v1/ns/operator/metrics":
      return { status: 200, body: { status: "UP" } };
    case "/v1/console/namespaces":
      return { status: 200, body: { code: 200, message: null, data: namespaces(registry, "") } };
    case "/v3/admin/core/namespace/list":
      return wrapped(namespaces(registry, "public"));
    case "/v1/ns/service/list": {
      const group = params.get("groupName") || "DEFAULT_GROUP";
      const page = pageOf(params, registry.services(namespace).filter((one) => one.group === group));
      return { status: 200, body: { count: page.total, doms: page.items.map(({ name }) => name) } };
    }
    case "/v2/ns/service/list": {
      const group = params.get("groupName") || "DEFAULT_GROUP";
      const page = pageOf(params, registry.services(namespace).filter((one) => one.group === group));
      return wrapped({ count: page.total, services: page.items.map(({ name }) => name) });
    }
    case "/v1/ns/catalog/services": {
      const page = pageOf(params, listed(registry, namespace, params));
      if (params.get("withInstances") === "true") {
        return { status: 200, body: page.items.map(catalogueDetails) };
      }
      return { status: 200, body: { count: page.total, serviceList: page.items.map(catalogueItem) } };
    }
    case "/v3/admin/ns/service/list": {
      const page = pageOf(params, listed(registry, namespace, params));
      return wrapped({
        totalCount: page.total,
        pageNumber: page.number,
        pagesAvailable: Math.floor(page.total / page.size) + 1,
        pageItems: page.items.map(params.get("withInstances") === "true" ? adminDetails : catalogueItem),
      });
    }
    case "/v1/ns/instance/list":
      return { status: 200, body: serviceInfo(serviceOf(registry, namespace, params), { qualified: true }) };
    case "/v2/ns/instance/list":
      return wrapped(serviceInfo(serviceOf(registry, namespace, params), { qualified: true }));
    case "/v3/client/ns/instance/list":
      return wrapped(clientInstances(rules, namespace, params));
    case "/v1/ns/instance":
    case "/v3/client/ns/instance":
      return writeInstance(registry, namespace, call);
    case "/v1/cs/configs":
      return config(
        registry,
        params.get("tenant") || "public",
        params.get("group") ?? "",
        params,
        (content) => ({
          status: 200,
          body: content,
        }),
      );
    case "/v3/client/cs/config":
      return config(
        registry,
        namespace,
        params.get("groupName") ?? "",
        params,
        (content) => wrapped({ content }),
      );
    default:
      return undefined;
  }
}

function logIn(access: SimulatedAccess, params: URLSearchParams): ApiReply {
  const username = params.get("username") ?? "";
  const accessToken = access.logIn(username, params.get("password") ?? "");
  if (accessToken === undefined) return { status: 403, body: error(403, "unknown user!", "/login") };
  return { status: 200, body: { accessToken, tokenTtl: access.tokenSeconds, globalAdmin: true, username } };
}

/** 3.0 and 3.1 show one cluster only, where none is asked for. */
function clientInstances({ registry, version }: ApiRules, namespace: string, params: URLSearchParams) {
  const [, minor = 0] = version.split(".").map(Number);
  const wanted = params.get("clusterName") || (minor >= 2 ? undefined : "DEFAULT");
  return serviceInfo(serviceOf(registry, namespace, params)).hosts.filter(({ clusterName }) =>
    wanted === undefined || wanted.split(",").includes(clusterName)
  );
}

function writeInstance(registry: SimulatedRegistry, namespace: string, call: ApiCall): ApiReply {
  const { params } = call;
  const { group, name } = serviceNameOf(params);
  const instance = {
    ip: params.get("ip") ?? "",
    port: Number(params.get("port")),
    weight: Number(params.get("weight") ?? 1),
    enabled: params.get("enabled") !== "false",
    ephemeral: params.get("ephemeral") !== "false",
    clusterName: params.get("clusterName") || "DEFAULT",
    metadata: metadataOf(params.get("metadata")),
  };
  if (call.method === "DELETE") registry.deregister({ namespace, group, name }, instance);
  else registry.register({ namespace, group, name }, instance);
  return call.path.startsWith("/v1") ? { status: 200, body: "ok" } : wrapped("ok");
}

function metadataOf(text: string | null): Readonly<Record<string, string>> {
  if (text === null || text === "") return {};
  const value: unknown = JSON.parse(text);
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, String(one)]))
    : {};
}

function config(
  registry: SimulatedRegistry,
  namespace: string,
  group: string,
  params: URLSearchParams,
  reply: (content: string) => ApiReply,
): ApiReply {
  const content = registry.config(namespace, group, params.get("dataId") ?? "");
  if (content !== undefined) return reply(content);
  return params.has("tenant")
    ? { status: 404, body: "config data not exist" }
    : { status: 404, body: { code: 20004, message: "resource not found", data: null } };
}

function serviceOf(registry: SimulatedRegistry, namespace: string, params: URLSearchParams): StoredService {
  const { group, name } = serviceNameOf(params);
  return registry.service(namespace, group, name) ??
    { namespace, group, name, instances: new Map(), protectThreshold: undefined };
}

/** A name that may hold its group. */
function serviceNameOf(params: URLSearchParams): { group: string; name: string } {
  const full = params.get("serviceName") ?? "";
  const at = full.indexOf("@@");
  return at < 0
    ? { group: params.get("groupName") || "DEFAULT_GROUP", name: full }
    : { group: full.slice(0, at), name: full.slice(at + 2) };
}

function namespaces(registry: SimulatedRegistry, publicId: string): unknown {
  return registry.namespaces.map(({ id, name }, index) => ({
    namespace: id === "public" ? publicId : id,
    namespaceShowName: name,
    quota: 200,
    configCount: 0,
    type: index === 0 ? 0 : 2,
  }));
}

function namespaceOf(params: URLSearchParams): string {
  return params.get("namespaceId") || "public";
}

function wrapped(data: unknown): ApiReply {
  return { status: 200, body: { code: 0, message: "success", data } };
}

function notFound({ path }: ApiCall): ApiReply {
  return { status: 404, body: error(404, "Not Found", path) };
}

function error(status: number, message: string, path: string): unknown {
  return {
    timestamp: "2026-01-01T00:00:00.000+00:00",
    status,
    error: message,
    message,
    path: `/nacos${path}`,
  };
}
