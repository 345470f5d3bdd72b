import { Hono } from "hono";
import type { Context } from "hono";
import type { Registry } from "prom-client";
import type { Config } from "../../../shared/config/mod.ts";
import { eurekaServersOf, maskSecrets, nacosServersOf, toSlimeArgs } from "../../../shared/config/mod.ts";
import { whyNothingIsStored } from "../../../shared/entry-log/entry-log.ts";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import { noPage, pageOf } from "../../../shared/runtime/http-pages.ts";
import { indexPage } from "../../../shared/runtime/index-page.ts";
import type { PageDescriptions } from "../../../shared/runtime/index-page.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import { operationsApp } from "../../../shared/runtime/operations-app.ts";
import { readersOnly } from "../../../shared/runtime/operator.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";
import type { StreamIngest } from "../ingest/ingest.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import type { SyncGate } from "../ingest/sync-gate.ts";
import type { StateStore } from "../state/state-keeper.ts";
import type { AddressKeeper } from "../virtual-addresses/address-keeper.ts";
import type { HeldPoll } from "../long-polling/long-polling.ts";
import type { ClientStream } from "../xds/client-stream.ts";
import { apiRoutes } from "../api/api.ts";
import { pagePolicy, securityHeaders } from "../api/security-headers.ts";
import { consoleRoutes } from "../../console/serve.ts";
import { clientsAsSlime, clientsInDetail, pollsInDetail } from "./clients.ts";
import { conflictOf, conflictsPage } from "./conflicts.ts";
import type { CollectorWatch } from "../sources/collector-watch.ts";
import type { Totals } from "../metrics.ts";
import type { SourceOverview } from "../sources/source-overview.ts";
import type { HistoryOptions } from "../history/history-options.ts";
import { heldRoutes } from "./held.ts";
import { podRoutes } from "./pods.ts";
import { retireRoutes } from "./retire.ts";
import { streamedText } from "../../../shared/runtime/streamed-text.ts";
import { xdsCache } from "./xds-cache.ts";
import { zookeeperRoutes } from "./dubbo/zookeeper.ts";

/** What the debug API shows. */
export interface DebugApiOptions extends HistoryOptions {
  readonly config: Config;
  readonly gate: SyncGate;
  readonly ingest: StreamIngest;
  readonly entryLog: EntryLog;
  /** What is known of pods; undefined: none are read. */
  readonly factsLog?: EntryLog | undefined;
  readonly clients: () => Iterable<ClientStream>;
  /** By node id: how many sources an istiod has beyond the shards, see `XdsServer.surplusSources`. */
  readonly surplusSources?: () => ReadonlyMap<string, number>;
  /** What there is to say if more shards were served of late, see `ServedShards`. */
  readonly shardsRemark?: () => string | undefined;
  /** Polls that are held, if there is long polling. */
  readonly polls?: () => Iterable<HeldPoll>;
  readonly overview: SourceOverview;
  readonly collectors: CollectorWatch;
  /** Who has which virtual address, if anybody is given one. */
  readonly addresses?: AddressKeeper | undefined;
  /** The state on disk, if one is kept. */
  readonly state?: StateStore | undefined;
  readonly metrics: Registry;
  readonly totals: Readonly<Totals>;
  /** The service's logger, whose level may be set. */
  readonly log: Logger;
}

/** The paths of slime's module, relative to its prefix, and ours beside them. */
function moduleRoutes(options: DebugApiOptions): Hono {
  const { config, cache, gate, ingest, entryLog, overview, clients, polls, addresses, state } = options;
  const routes = new Hono();
  routes.all("/xdsCache", (c) => {
    // As in slime: what is in the cache before all sources are read is served to nobody, and would look as if it were.
    const missing = notReady(options);
    if (missing !== undefined) return c.text(`nothing is served to anybody yet:${missing}`, 404);
    const { status, contentType, body } = xdsCache(cache, c.req.query());
    return c.body(streamedText(body), status, { "Content-Type": contentType });
  });
  routes.all("/eureka", (c) => {
    if (c.req.query("registries") !== "true") return streamedJson(c, specsOf(cache, "eureka"));
    return pageOf(c, registriesAsSlime(eurekaServersOf(maskSecrets(config).eurekaSource)));
  });
  routes.all("/nacos", (c) => {
    if (c.req.query("registries") !== "true") return streamedJson(c, specsOf(cache, "nacos"));
    return pageOf(c, registriesAsSlime(nacosServersOf(maskSecrets(config).nacosSource)));
  });
  routes.all("/k8s", (c) => {
    if (c.req.query("registries") === "true") return pageOf(c, kubernetesClusters(config));
    return streamedJson(c, specsOf(cache, "kubernetes", (namespace, name) => `${namespace}/${name}`));
  });
  routes.route("/", zookeeperRoutes({ config, cache, entryLog }));
  routes.route("/", podRoutes(options.factsLog));
  routes.all("/args", (c) => pageOf(c, toSlimeArgs(maskSecrets(config))));
  routes.all("/clients", (c) => {
    if (!c.req.query("detail")) return pageOf(c, clientsAsSlime(clients()));
    return pageOf(c, [...clientsInDetail(clients()), ...pollsInDetail(polls?.() ?? [])]);
  });
  routes.all("/ready", (c) => ready(c, options));
  routes.all("/sources", (c) =>
    pageOf(c, {
      entryLog: {
        ...entryLog.status(),
        read: gate.caughtUp,
        unstored: whyNothingIsStored(entryLog.status()) ?? options.collectors.unstored ?? null,
      },
      open: gate.open,
      sources: Object.fromEntries(
        overview.names.map((name) => [sourceKey(name.registry, name.source), overview.status(name)]),
      ),
      unconfirmed: ingest.unconfirmed,
      servedStateOf: ingest.servedStateOf ?? null,
      stateWrittenAt: state === undefined || state.writtenAt === "" ? null : state.writtenAt,
    }));
  routes.all("/collectors", (c) =>
    pageOf(
      c,
      Object.fromEntries(
        overview.names.map((name) => [
          sourceKey(name.registry, name.source),
          overview.status(name).collectors,
        ]),
      ),
    ));
  routes.route("/", heldRoutes(options));
  routes.route("/", retireRoutes(options));
  routes.all("/virtualAddresses", (c) =>
    pageOf(
      c,
      addresses === undefined
        ? null
        : { ...addresses.status, claims: Object.fromEntries(addresses.claims()) },
    ));
  routes.all("/rejected", (c) => pageOf(c, Object.fromEntries(ingest.rejections)));
  routes.all(
    "/shadowed",
    (c) => pageOf(c, [...cache.shadowed("ServiceEntry"), ...cache.shadowed("Sidecar")]),
  );
  routes.all("/conflicts", (c) => {
    const host = c.req.query("host");
    if (host === undefined || host === "") return pageOf(c, conflictsPage(options));
    const conflict = conflictOf(host, options);
    return conflict === undefined ? c.json({ error: "no entry has this host" }, 404) : pageOf(c, conflict);
  });
  return routes;
}

/** What the pages show, for the list of them; `docs/debug-api.md` has parameters and fields. */
const pageDescriptions: PageDescriptions = new Map([
  ["/xdsCache", "what istiod is served; ?format=yaml, ?layout=list|plain, ?k8sRsc=1, ?res=, ?ns=, ?name="],
  ["/eureka", "entries of Eureka by name; ?registries=true: its servers"],
  ["/nacos", "entries of Nacos by name; ?registries=true: its servers"],
  ["/k8s", "entries of Kubernetes by namespace and name; ?registries=true: its clusters"],
  ["/zk", "entries of ZooKeeper by interface; ?interfaceName="],
  ["/zks", "endpoints of each Dubbo service; ?iface=, ?all=1"],
  ["/dubboCallModel", "which application provides and consumes what; ?app="],
  ["/sidecarDubboCallModel", "what the Sidecars let each application see; ?app="],
  ["/pc", "pods by cluster and address, whose labels endpoints get"],
  ["/nc", "nodes by cluster and name"],
  ["/args", "the configuration, as slime prints it, without secrets"],
  ["/clients", "who is connected; ?detail=1: what each was sent and has accepted"],
  ["/api/v1/openapi.json", "our own API, described for programs"],
  ["/api/v1/overview", "the installation at a glance, and what to look at"],
  ["/api/v1/services", "what clients get, page by page; ?q=, ?ip=, ?host=, ?application=, ?label="],
  ["/api/v1/services/*", "one service: endpoints, records of each source, who has which version"],
  ["/api/v1/trace", "why something is or isn't in the mesh; ?instance=, ?host=, ?service=, ?application="],
  ["/api/v1/dependencies", "what breaks if something goes; ?application=, ?service=, ?direction=, ?hops="],
  ["/api/v1/reasons", "the reason codes, and how to mend each"],
  ["/api/v1/events", "what happens, as server-sent events"],
  ["/api/v1/sources", "the sources and their collectors"],
  ["/api/v1/held", "losses that are held back from clients"],
  ["/api/v1/held/preview", "what releasing them would do; ?source="],
  ["/api/v1/held/release", "lets them go; with the operator's token"],
  ["/api/v1/actions", "who let go or retired what of late"],
  ["/api/v1/conflicts", "hosts that several sources claim"],
  ["/api/v1/rejections", "messages that aren't served as they are"],
  ["/api/v1/clients", "who is connected, what each has acknowledged"],
  ["/sources", "the registries: read, missing, held back, since when"],
  ["/collectors", "the collectors of each registry, as in /sources"],
  ["*/retire", "what a source that left the configuration has published; POST deletes it"],
  ["/virtualAddresses", "which host has which virtual address"],
  ["/rejected", "entries that aren't served, and by which rule"],
  ["/shadowed", "entries that another one of the same name hides"],
  ["/conflicts", "hosts that stand in several sources, and what is served of them; ?host="],
  ["*/held/release", "lets go what the mass-deletion guard holds back"],
  ["*/held", "what the mass-deletion guard holds back"],
]);

/** The console, at `/` for browsers. */
function consolePages(): Hono {
  const app = new Hono();
  app.use("/", securityHeaders(pagePolicy));
  app.use("/console/*", securityHeaders(pagePolicy));
  return app.route("/", consoleRoutes());
}

/**
 * The whole debug API: slime's module under `/meshregistry`, metrics and probes beside it. With a token configured,
 * everything but the probes asks for it.
 */
export function debugApi(options: DebugApiOptions, moreRoutes?: Hono): Hono {
  const { metrics } = options;
  const app = operationsApp({
    notReady: () => notReady(options),
    remark: () => remark(options),
    metrics,
    log: options.log,
    descriptions: pageDescriptions,
    front: consolePages(),
    tokens: options.config.http,
  });
  app.route("/api/v1", apiRoutes(options));
  app.route("/meshregistry", moduleRoutes(options));
  if (moreRoutes !== undefined) app.route("/meshregistry", moreRoutes);
  return app;
}

/**
 * The debug API of `httpServerAddr`: the same paths as in {@link debugApi}, without the prefix. The same token guards
 * them, and `/ready` alone needs none.
 */
export function plainDebugApi(options: DebugApiOptions, moreRoutes?: Hono): Hono {
  const auth = readersOnly(options.config.http);
  const app = new Hono();
  app.all("/ready", (c) => ready(c, options));
  if (auth !== undefined) app.use(auth);
  app.all("/", indexPage(app, pageDescriptions));
  app.notFound(noPage);
  app.route("/", moduleRoutes(options));
  if (moreRoutes !== undefined) app.route("/", moreRoutes);
  return app;
}

function ready(c: Context, options: DebugApiOptions): Response {
  const missing = notReady(options);
  if (missing !== undefined) return c.text(missing, 503);
  const text = remark(options);
  return text === undefined ? c.body(null, 200) : c.text(text, 200);
}

/** The text of `/ready` as slime has it, and below it what is known of the reasons; undefined when ready. */
function notReady({ gate, overview, entryLog }: DebugApiOptions): string | undefined {
  if (gate.open) return undefined;
  const waiting = [...gate.states].filter(([, state]) => state === "waiting").map(([source]) => source);
  const { connected, detail } = entryLog.status();
  const reasons = connected ? [] : [`the entry log can't be read: ${detail}`];
  for (const name of overview.names) {
    const key = sourceKey(name.registry, name.source);
    const problem = waiting.includes(key) ? overview.problemOf(name) : undefined;
    if (problem !== undefined) reasons.push(`${key}: ${problem}`);
  }
  return [` xds not ready source not ready ${waiting.join(",")}`, ...reasons].join("\n");
}

/**
 * What is said with a ready answer, a line for each thing. A state of earlier times counts as ready: an istiod that is
 * turned away would have nothing at all, or would not start.
 */
function remark(
  { ingest, entryLog, overview, surplusSources, shardsRemark }: DebugApiOptions,
): string | undefined {
  const { connected, detail } = entryLog.status();
  const { servedStateOf } = ingest;
  const lines = [...overview.remarks];
  const ofShards = shardsRemark?.();
  if (ofShards !== undefined) lines.push(ofShards);
  for (const [nodeId, count] of surplusSources?.() ?? []) {
    lines.push(
      `istiod ${nodeId} has ${count} more sources than there are shards: give it those of meshctl config-sources`,
    );
  }
  if (servedStateOf !== undefined) lines.unshift(`serving the state of ${servedStateOf}: ${detail}`);
  else if (!connected) lines.unshift(`the entry log can't be read, what was read stays served: ${detail}`);
  return lines.length === 0 ? undefined : lines.join("\n");
}

function streamedJson(c: Context, texts: Iterable<string>): Response {
  return c.body(streamedText(texts), 200, { "Content-Type": "application/json" });
}

/**
 * `/eureka`, `/nacos`, `/k8s`: the specs of one registry's entries by name, in texts that are made while they are
 * iterated. `keyOf` makes the key of an entry's namespace and name.
 */
function* specsOf(
  cache: ResourceCache,
  registry: string,
  keyOf = (_namespace: string, name: string) => name,
): Iterable<string> {
  const byKey = new Map<string, CachedResource>();
  for (const resource of cache.allStored("ServiceEntry")) {
    if (resource.registry !== registry) continue;
    const slash = resource.name.indexOf("/");
    byKey.set(keyOf(resource.name.slice(0, slash), resource.name.slice(slash + 1)), resource);
  }
  if (byKey.size === 0) return yield "{}";
  let opening = "{\n";
  for (const [key, { framed }] of byKey) {
    const spec = JSON.stringify(decodeResource("ServiceEntry", framed).spec, undefined, 2);
    yield `${opening}  ${JSON.stringify(key)}: ${spec.replaceAll("\n", "\n  ")}`;
    opening = ",\n";
  }
  yield "\n}";
}

/** The clusters of the configuration; those of Secrets are the collector's to show. */
function kubernetesClusters(config: Config): unknown[] {
  const { k8sSource, k8s: { clusterId } } = maskSecrets(config);
  return k8sSource.clusters.map(({ id, kubeConfig, context, inCluster }) => ({
    registry_id: id === "" ? clusterId : id,
    ...(inCluster ? { inCluster } : { kubeConfig }),
    ...(context === "" ? {} : { context }),
  }));
}

/** The clusters of a registry: fields that are empty are left out, and what has no address isn't configured. */
function registriesAsSlime(
  servers: readonly { readonly registryId: string; readonly address: readonly string[] }[],
): unknown[] {
  return servers.filter(({ address }) => address.length > 0).map(({ registryId, address }) => ({
    ...(registryId === "" ? {} : { registry_id: registryId }),
    addresses: address,
  }));
}
