import { setImmediate as nextTurn } from "node:timers/promises";
import { Hono } from "hono";
import type { Context, Next } from "hono";
import { manifestsOf } from "../../../../shared/collector/published-entry.ts";
import type { Config } from "../../../../shared/config/mod.ts";
import type { EntryLog } from "../../../../shared/entry-log/entry-log.ts";
import type { Manifest, ResourceKind } from "../../../../shared/model/manifest.ts";
import { subjectRoot } from "../../../../shared/model/subject.ts";
import { errorText } from "../../../../shared/runtime/errors.ts";
import type { ResourceCache } from "../../catalogue/cache.ts";
import { callModel, callModelYaml, sidecarCallModel } from "./dubbo-call-model.ts";
import { endpointCounts, isTrueToGo, servicesNamed, ZookeeperView } from "./zookeeper-view.ts";

/** What the routes answer from. */
export interface ZookeeperRouteOptions {
  readonly config: Config;
  readonly cache: ResourceCache;
  readonly entryLog: EntryLog;
}

/** The stream is read for each answer; a log that can't be reached must not keep the asker for ever. */
const readTimeoutMs = 30_000;

/** So many entries are read before the event loop gets a turn: clients are served all the while. */
const entriesPerTurn = 100;

/**
 * Slime's routes about ZooKeeper and Dubbo: `/zk`, `/zks`, `/dubboCallModel`, `/sidecarDubboCallModel`. They answer
 * from the stream, because it has bookkeeping that the cache of encoded resources lacks. It is read at each request:
 * that costs as much as the registry's entries are long, and nothing while nobody asks.
 *
 * Raw instances (`/zk?registry_services=true`) aren't on the stream: such a request goes on to the next handler, the
 * collector's if it is in this process.
 */
export function zookeeperRoutes({ config, cache, entryLog }: ZookeeperRouteOptions): Hono {
  const read = (c: Context, kind: ResourceKind) => manifests(entryLog, kind, c.req.raw.signal);
  const view = async (c: Context) => {
    const found = new ZookeeperView(config, (subject) => cache.stored("ServiceEntry", subject)?.cursor ?? "");
    for await (const { subject, manifest } of read(c, "ServiceEntry")) found.add(subject, manifest);
    return found;
  };
  const routes = new Hono();
  routes.all("/zk", async (c: Context, next: Next) => {
    if (isTrueToGo(c.req.query("registry_services"))) return await askCollector(c, next);
    const name = c.req.query("interfaceName");
    const interfaces = (await view(c)).interfaces();
    return json(c, {
      cache: name ? interfaces.find(([key]) => key === name)?.[1] ?? null : fromEntries(interfaces),
    });
  });
  routes.all("/zks", async (c) => {
    const interfaces = (await view(c)).interfaces();
    const name = c.req.query("iface");
    if (name) return json(c, servicesNamed(interfaces, name));
    return json(c, c.req.query("all") ? fromEntries(interfaces) : endpointCounts(interfaces));
  });
  routes.all("/dubboCallModel", async (c) => {
    const model = await callModel(read(c, "ServiceEntry"), read(c, "Sidecar"));
    return yaml(c, await callModelYaml(model, c.req.query("app")));
  });
  routes.all("/sidecarDubboCallModel", async (c) => {
    const model = await sidecarCallModel(read(c, "ServiceEntry"), read(c, "Sidecar"));
    return yaml(c, await callModelYaml(model, c.req.query("app")));
  });
  routes.onError((error, c) => c.text(`cannot read the entry log: ${errorText(error)}`, 503));
  return routes;
}

async function* manifests(
  entryLog: EntryLog,
  kind: ResourceKind,
  asker: AbortSignal,
): AsyncIterable<{ readonly subject: string; readonly manifest: Manifest }> {
  const signal = AbortSignal.any([asker, AbortSignal.timeout(readTimeoutMs)]);
  let entries = 0;
  for await (
    const entry of manifestsOf(entryLog.readBack(`${subjectRoot}.${kind}.zookeeper.>`, signal), undefined)
  ) {
    yield entry;
    if (++entries % entriesPerTurn === 0) await nextTurn();
  }
  signal.throwIfAborted();
}

async function askCollector(c: Context, next: Next): Promise<void> {
  await next();
  if (c.res.status !== 404) return;
  c.res = c.text(
    "raw instances aren't on the stream: ask the ZooKeeper collector's own HTTP server for this path",
    404,
  );
}

function fromEntries(interfaces: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(interfaces);
}

function json(c: Context, value: unknown): Response {
  return c.body(JSON.stringify(value, undefined, 2), 200, { "Content-Type": "application/json" });
}

function yaml(c: Context, text: string): Response {
  return c.body(text, 200, { "Content-Type": "text/yaml" });
}
