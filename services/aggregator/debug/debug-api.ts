import { Hono } from "hono";
import type { Context } from "hono";
import type { Registry } from "prom-client";
import type { Config } from "../../../shared/config/mod.ts";
import { eurekaServersOf, maskSecrets, toSlimeArgs } from "../../../shared/config/mod.ts";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import { operationsApp } from "../../../shared/runtime/operations-app.ts";
import type { ResourceCache } from "../cache.ts";
import { decodeResource } from "../encode/decode-resource.ts";
import type { StreamIngest } from "../ingest.ts";
import type { SyncGate } from "../sync-gate.ts";
import type { StateStore } from "../state/state-keeper.ts";
import type { AddressKeeper } from "../virtual-addresses/address-keeper.ts";
import type { HeldPoll } from "../long-polling/long-polling.ts";
import type { ClientStream } from "../xds/client-stream.ts";
import { clientsAsSlime, clientsInDetail, pollsInDetail } from "./clients.ts";
import { xdsCache } from "./xds-cache.ts";
import { zookeeperRoutes } from "./zookeeper.ts";

/** What the debug API shows. */
export interface DebugApiOptions {
  readonly config: Config;
  readonly cache: ResourceCache;
  readonly gate: SyncGate;
  readonly ingest: StreamIngest;
  readonly entryLog: EntryLog;
  readonly clients: () => Iterable<ClientStream>;
  /** Polls that are held, if there is long polling. */
  readonly polls?: () => Iterable<HeldPoll>;
  /** Who has which virtual address, if anybody is given one. */
  readonly addresses?: AddressKeeper | undefined;
  /** The state on disk, if one is kept. */
  readonly state?: StateStore | undefined;
  readonly metrics: Registry;
}

/** The paths of slime's module, relative to its prefix, and ours beside them. */
export function moduleRoutes(options: DebugApiOptions): Hono {
  const { config, cache, gate, ingest, entryLog, clients, polls, addresses, state } = options;
  const routes = new Hono();
  routes.get("/xdsCache", (c) => {
    const { status, contentType, body } = xdsCache(cache, c.req.query());
    return c.body(body, status, { "Content-Type": contentType });
  });
  routes.get("/eureka", (c) => {
    if (c.req.query("registries") === "true") return json(c, eurekaRegistries(config));
    return json(c, specsOf(cache, "eureka"));
  });
  routes.route("/", zookeeperRoutes({ config, cache, entryLog }));
  routes.get("/args", (c) => json(c, toSlimeArgs(maskSecrets(config))));
  routes.get("/clients", (c) => {
    if (!c.req.query("detail")) return json(c, clientsAsSlime(clients()));
    return json(c, [...clientsInDetail(clients()), ...pollsInDetail(polls?.() ?? [])]);
  });
  routes.get("/ready", (c) => {
    const missing = notReady(gate);
    if (missing !== undefined) return c.text(missing, 503);
    const text = remark(options);
    return text === undefined ? c.body(null, 200) : c.text(text, 200);
  });
  routes.get("/sources", (c) =>
    json(c, {
      entryLog: { ...entryLog.status(), read: gate.caughtUp },
      open: gate.open,
      sources: Object.fromEntries(gate.states),
      unconfirmed: ingest.unconfirmed,
      servedStateOf: ingest.servedStateOf ?? null,
      stateWrittenAt: state === undefined || state.writtenAt === "" ? null : state.writtenAt,
    }));
  routes.get("/virtualAddresses", (c) =>
    json(
      c,
      addresses === undefined
        ? null
        : { ...addresses.status, claims: Object.fromEntries(addresses.claims()) },
    ));
  routes.get("/rejected", (c) => json(c, Object.fromEntries(ingest.rejections)));
  routes.get("/shadowed", (c) => json(c, [...cache.shadowed("ServiceEntry"), ...cache.shadowed("Sidecar")]));
  return routes;
}

/**
 * The whole debug API: slime's module under `/meshregistry`, metrics and probes beside it. With a token configured,
 * everything but the probes asks for it.
 */
export function debugApi(options: DebugApiOptions, moreRoutes?: Hono): Hono {
  const { gate, metrics } = options;
  const { token } = options.config.http;
  const app = operationsApp({
    notReady: () => notReady(gate),
    remark: () => remark(options),
    metrics,
    token,
  });
  app.route("/meshregistry", moduleRoutes(options));
  if (moreRoutes !== undefined) app.route("/meshregistry", moreRoutes);
  return app;
}

/** The text of `/ready` as slime has it; undefined when ready. */
function notReady(gate: SyncGate): string | undefined {
  if (gate.open) return undefined;
  const waiting = [...gate.states].filter(([, state]) => state === "waiting").map(([source]) => source);
  return ` xds not ready source not ready ${waiting.join(",")}`;
}

/**
 * What is said with a ready answer. A state of earlier times counts as ready: an istiod that is turned away would have
 * nothing at all, or would not start.
 */
function remark({ ingest, entryLog }: DebugApiOptions): string | undefined {
  if (ingest.servedStateOf === undefined) return undefined;
  return `serving the state of ${ingest.servedStateOf}: ${entryLog.status().detail}`;
}

function json(c: Context, value: unknown): Response {
  return c.body(JSON.stringify(value, undefined, 2), 200, { "Content-Type": "application/json" });
}

/** `/eureka`, `/nacos`: the specs of one registry's entries by name. */
function specsOf(cache: ResourceCache, registry: string): Record<string, unknown> {
  const specs: Record<string, unknown> = {};
  for (const resource of cache.allStored("ServiceEntry")) {
    if (resource.registry !== registry) continue;
    const { name, spec } = decodeResource("ServiceEntry", resource.framed);
    specs[name] = spec;
  }
  return specs;
}

function eurekaRegistries(config: Config): unknown[] {
  return eurekaServersOf(maskSecrets(config).eurekaSource).map(({ registryId, address }) => ({
    ...(registryId === "" ? {} : { registry_id: registryId }),
    addresses: address,
  }));
}
