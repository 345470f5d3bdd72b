import { isNacosError, NacosError } from "../nacos-error.ts";
import type { ConfigName, NacosAbout, NacosGeneration, NacosNamespace, ServiceName } from "../nacos.ts";
import { isObject, textOr } from "../wire/json.ts";
import type { JsonObject } from "../wire/json.ts";
import { decodeInstances, decodeServiceInfo } from "../wire/service-info.ts";
import type { ServiceInfo } from "../wire/service-info.ts";
import { namespaceId, publicNamespace, serviceKey } from "../wire/service-key.ts";
import { dataOf } from "./answer.ts";
import type { ApiRequest, NacosHttp } from "./http-client.ts";
import { catalogueOf, itemsOf, namesOf, namespacesOf } from "./lists.ts";
import type { CataloguePage } from "./lists.ts";
import { readPages } from "./pages.ts";
import type { Page } from "./pages.ts";

/** Services of one page with all their instances. */
const cataloguePage = 200;

/** One way to ask for something; another version has another. */
type Way<Result> = (signal: AbortSignal) => Promise<Result>;

/**
 * Nacos' HTTP APIs, of all generations: what one has taken away, or doesn't have yet, is asked for in the other's way.
 * An API that is missing never means that there is nothing.
 */
export class NacosApi {
  readonly #http: NacosHttp;
  readonly #generation: NacosGeneration | undefined;
  #about: NacosAbout | undefined;
  /** By what is asked for: the way that worked. */
  readonly #works = new Map<string, number>();

  constructor(http: NacosHttp, generation: NacosGeneration | undefined) {
    this.#http = http;
    this.#generation = generation;
  }

  /** See `Nacos.about`. */
  get about(): NacosAbout | undefined {
    return this.#about;
  }

  /** Finds out what the servers are, once. @throws NacosError if none can be reached. */
  async detect(signal: AbortSignal): Promise<NacosAbout> {
    if (this.#about !== undefined) return this.#about;
    if (this.#generation !== undefined) return { generation: this.#generation, version: undefined };
    const ways = ["/v3/admin/core/state", "/v1/console/server/state"];
    for (const path of ways) {
      const state = await this.#stateAt(path, signal);
      if (state === undefined) continue;
      const version = textOr(state["version"], undefined);
      const major = Number(/^\D*(\d+)/.exec(version ?? "")?.[1] ?? (path.startsWith("/v3") ? 3 : 2));
      const generation = major >= 3 ? 3 : major === 2 ? 2 : 1;
      return this.#about = { generation, version };
    }
    // What answers, but tells nothing of itself, is another server of this protocol: as the second generation was.
    return this.#about = { generation: 2, version: undefined };
  }

  /** `host:port` of a server that answers. @throws NacosError */
  async ping(signal: AbortSignal): Promise<string> {
    const request = { operation: "ping", path: "/v1/ns/operator/metrics", params: {}, anonymous: true };
    // Whatever it says, even that it doesn't know this.
    const { server } = await this.#ask({ ...request, isText: true, notFound: /^/ }, signal);
    return server;
  }

  /** See `Nacos.namespaces`. */
  async namespaces(signal: AbortSignal): Promise<readonly NacosNamespace[]> {
    const at = (path: string, inConsole = false): Way<readonly NacosNamespace[]> => async (stop) => {
      const { json } = await this.#ask(
        { operation: "namespaces", path, params: {}, console: inConsole },
        stop,
      );
      return namespacesOf(dataOf(json, path));
    };
    const [v1, v3, console3] = [
      at("/v1/console/namespaces"),
      at("/v3/admin/core/namespace/list"),
      at("/v3/console/core/namespace/list", true),
    ];
    return await this.#firstThatWorks(
      "namespaces",
      await this.#order([v1, v3, console3], [v3, console3, v1], signal),
      signal,
    );
  }

  /** All services of a namespace, in all groups. @throws NacosError */
  async allServices(
    namespace: string,
    signal: AbortSignal,
    server?: string,
  ): Promise<readonly ServiceName[]> {
    const pages = (
      path: string,
      params: Readonly<Record<string, string>>,
      decode: (json: unknown) => Page,
      inConsole = false,
    ): Way<readonly ServiceName[]> =>
    (stop) =>
      readPages(async (page, size) => {
        const { json } = await this.#ask({
          operation: "list",
          path,
          params: { ...params, namespaceId: namespace, pageNo: String(page), pageSize: String(size) },
          console: inConsole,
          server,
        }, stop);
        return decode(json);
      });
    const catalogue = {
      hasIpCount: "false",
      withInstances: "false",
      serviceNameParam: "",
      groupNameParam: "",
    };
    const admin = {
      ignoreEmptyService: "false",
      withInstances: "false",
      serviceNameParam: "",
      groupNameParam: "",
    };
    const v1 = pages("/v1/ns/catalog/services", catalogue, (json) => itemsOf(json, "count", "serviceList"));
    const page3 = (json: unknown) => itemsOf(dataOf(json, "service/list"), "totalCount", "pageItems");
    const v3 = pages("/v3/admin/ns/service/list", admin, page3);
    const console3 = pages("/v3/console/ns/service/list", admin, page3, true);
    const ways = await this.#order([v1, v3, console3], [v3, console3, v1], signal);
    return await this.#firstThatWorks("allServices", ways, signal);
  }

  /** The services of one group. @throws NacosError */
  async servicesOfGroup(
    namespace: string,
    group: string,
    signal: AbortSignal,
  ): Promise<readonly ServiceName[]> {
    const pages = (path: string, decode: (json: unknown) => Page): Way<readonly ServiceName[]> => (stop) =>
      readPages(async (page, size) => {
        const params = {
          namespaceId: namespace,
          groupName: group,
          pageNo: String(page),
          pageSize: String(size),
        };
        return decode((await this.#ask({ operation: "list", path, params }, stop)).json);
      });
    const v1 = pages("/v1/ns/service/list", (json) => namesOf(json, "doms", group));
    const v2 = pages(
      "/v2/ns/service/list",
      (json) => namesOf(dataOf(json, "service/list"), "services", group),
    );
    // No list of one group in 3.2, only a filter by part of its name, or none.
    const all: Way<readonly ServiceName[]> = async (stop) =>
      (await this.allServices(namespace, stop)).filter((service) => service.group === group);
    return await this.#firstThatWorks("servicesOfGroup", [v1, v2, all], signal);
  }

  /**
   * Services with their instances, as the lists of operators show them, a page at a time. Pages may overlap, and may
   * miss some. To see what has changed with few requests: what it says of an instance isn't all.
   * @throws NacosError
   */
  async *catalogue(namespace: string, signal: AbortSignal): AsyncGenerator<CataloguePage, void> {
    const common = {
      namespaceId: namespace,
      withInstances: "true",
      serviceNameParam: "",
      groupNameParam: "",
    };
    const v1 = { path: "/v1/ns/catalog/services", params: { ...common, hasIpCount: "false" } };
    const v3 = { path: "/v3/admin/ns/service/list", params: { ...common, ignoreEmptyService: "false" } };
    const { path, params } = (await this.detect(signal)).generation === 3 ? v3 : v1;
    for (let page = 1;; page++) {
      const paged = { ...params, pageNo: String(page), pageSize: String(cataloguePage) };
      const { json, server } = await this.#ask({ operation: "catalogue", path, params: paged }, signal);
      const services = path === v3.path ? catalogueOf(dataOf(json, path)) : catalogueOf({ pageItems: json });
      yield { server, services };
      if (services.length < cataloguePage) return;
    }
  }

  /** The instances of a service, and who told of them. @throws NacosError */
  async instances(
    namespace: string,
    service: ServiceName,
    signal: AbortSignal,
  ): Promise<{ readonly info: ServiceInfo; readonly server: string }> {
    const ask = (path: string, params: Readonly<Record<string, string>>, stop: AbortSignal) =>
      this.#ask({ operation: "query", path, params: { ...params, namespaceId: namespace }, service }, stop);
    const qualified = { serviceName: serviceKey(service), groupName: service.group, healthyOnly: "false" };
    const apart = { serviceName: service.name, groupName: service.group };
    const v1: Way<{ info: ServiceInfo; server: string }> = async (stop) => {
      const { json, server } = await ask("/v1/ns/instance/list", { ...qualified, clusters: "" }, stop);
      return { info: decodeServiceInfo(json), server };
    };
    const v2: Way<{ info: ServiceInfo; server: string }> = async (stop) => {
      const { json, server } = await ask("/v2/ns/instance/list", { ...apart, clusterName: "" }, stop);
      return { info: decodeServiceInfo(dataOf(json, "instance/list")), server };
    };
    const list = (path: string): Way<{ info: ServiceInfo; server: string }> => async (stop) => {
      const { json, server } = await ask(path, apart, stop);
      const hosts = dataOf(json, path);
      if (!Array.isArray(hosts)) throw new NacosError("protocol-violation", `${path}: no list of instances`);
      return { info: { service, ...decodeInstances(hosts), protected: false, serverTimeMs: 0 }, server };
    };
    const v3 = list("/v3/client/ns/instance/list");
    // 3.0 and 3.1 have v1 still, and their v3 shows the cluster DEFAULT alone.
    const isBefore32 = /^3\.[01](?:\.|$|-)/.test(this.#about?.version ?? "");
    const ways = await this.#order([v1, v2, v3], isBefore32 ? [v1, v3] : [v3, v1], signal);
    return await this.#firstThatWorks("instances", ways, signal);
  }

  /** See `Nacos.getConfig`. */
  async config({ namespace, group, dataId }: ConfigName, signal: AbortSignal): Promise<string | undefined> {
    const tenant = namespaceId(namespace) === publicNamespace ? "" : namespace;
    const v1: Way<string | undefined> = async (stop) => {
      const params = { dataId, group, tenant };
      const request = { operation: "config", path: "/v1/cs/configs", params, isText: true };
      const { json } = await this.#ask({ ...request, notFound: /config data not exist/ }, stop);
      return textOr(json, undefined);
    };
    const v3: Way<string | undefined> = async (stop) => {
      const params = { dataId, groupName: group, namespaceId: namespaceId(namespace) };
      const request = {
        operation: "config",
        path: "/v3/client/cs/config",
        params,
        notFound: /"code":\s*20004/,
      };
      const { json } = await this.#ask(request, stop);
      if (json === undefined) return undefined;
      const data = dataOf(json, "config");
      return textOr(isObject(data) ? data["content"] : data, undefined);
    };
    return await this.#firstThatWorks("config", await this.#order([v1, v3], [v3, v1], signal), signal);
  }

  async #stateAt(path: string, signal: AbortSignal): Promise<JsonObject | undefined> {
    try {
      const { json } = await this.#ask({ operation: "detect", path, params: {}, anonymous: true }, signal);
      const state = path.startsWith("/v3") ? dataOf(json, path) : json;
      return isObject(state) ? state : undefined;
    } catch (error) {
      // It answers, but not this, or not to everybody.
      if (isNacosError(error, "api-gone", "forbidden", "unauthorized", "refused")) return undefined;
      throw error;
    }
  }

  #ask(request: ApiRequest, signal: AbortSignal) {
    return this.#http.ask(request, signal);
  }

  async #order<Result>(
    upTo2: readonly Way<Result>[],
    from3: readonly Way<Result>[],
    signal: AbortSignal,
  ): Promise<readonly Way<Result>[]> {
    return (await this.detect(signal)).generation === 3 ? from3 : upTo2;
  }

  /** Takes the way that worked before, or else the first one that this server has, and that is open to us. */
  async #firstThatWorks<Result>(
    name: string,
    ways: readonly Way<Result>[],
    signal: AbortSignal,
  ): Promise<Result> {
    const known = this.#works.get(name) ?? 0;
    let refused = new NacosError("api-gone", `${name}: no way to ask`);
    for (const index of [known, ...ways.keys().filter((other) => other !== known)]) {
      const way = ways[index];
      if (way === undefined) continue;
      try {
        const result = await way(signal);
        this.#works.set(name, index);
        return result;
      } catch (error) {
        if (!isNacosError(error, "api-gone", "forbidden", "unauthorized")) throw error;
        // Who has no right here may have it there; if not, that is what is to be told.
        if (refused.kind === "api-gone") refused = error;
      }
    }
    throw refused;
  }
}
