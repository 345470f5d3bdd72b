import { Hono } from "hono";
import type { Context, Next } from "hono";
import { z } from "zod";
import type { Config } from "../../../shared/config/mod.ts";
import { pageOf } from "../../../shared/runtime/http-pages.ts";
import { errorText, isMeshError } from "../../../shared/runtime/errors.ts";
import { operatorsOnly } from "../../../shared/runtime/operator.ts";
import type { SourceName } from "../ingest/doubts.ts";
import type { StreamIngest } from "../ingest/ingest.ts";
import type { CollectorWatch } from "../sources/collector-watch.ts";
import { holdingCollectors, releaseHeld } from "../sources/release.ts";
import type { SourceOverview } from "../sources/source-overview.ts";
import { whoAsks } from "./who-asks.ts";

export interface HeldRoutesOptions {
  readonly config: Config;
  readonly ingest: StreamIngest;
  readonly overview: SourceOverview;
  readonly collectors: CollectorWatch;
}

/** What a collector of this process answers to the same request. */
const HeldByCollector = z.object({ held: z.array(z.object({ subject: z.string(), heldMs: z.number() })) });

/**
 * What is held of a registry, or of one of its sources, and the way to let it go, wherever it is held:
 * `GET /collectors/<registry>[/<source>]/held` and `POST /collectors/<registry>[/<source>]/held/release`. The list
 * names the resources that this aggregator and collectors of its process hold; of other collectors it has the counts.
 */
export function heldRoutes(options: HeldRoutesOptions): Hono {
  const routes = new Hono();
  for (const base of ["/collectors/:registry", "/collectors/:registry/:source"]) {
    routes.get(`${base}/held`, async (c, next) => await showHeld(c, next, options));
    routes.post(
      `${base}/held/release`,
      operatorsOnly(options.config.http),
      async (c) => await release(c, options),
    );
  }
  return routes;
}

async function showHeld(c: Context, next: Next, options: HeldRoutesOptions): Promise<void> {
  const sources = sourcesIn(c, options);
  await next();
  const inProcess = c.res.ok ? HeldByCollector.safeParse(await c.res.json()).data?.held : undefined;
  const answer = sources.length === 0 && inProcess === undefined
    ? c.json({ error: unknownSource }, 404)
    : pageOf(c, {
      held: [...heldHere(sources, options), ...inProcess ?? []],
      collectors: holdingCollectors(sources, options.collectors),
    });
  // Another response's headers would be merged into this one.
  c.res = undefined;
  c.res = answer;
}

async function release(c: Context, options: HeldRoutesOptions): Promise<Response> {
  const sources = sourcesIn(c, options);
  if (sources.length === 0) return c.json({ error: unknownSource }, 404);
  try {
    const { released, collectors } = await releaseHeld(sources, whoAsks(c), options.collectors);
    return c.json({ released, requested: sources, collectors });
  } catch (error) {
    if (!isMeshError(error, "entry-log-unavailable")) throw error;
    return c.json({ error: `${errorText(error)}; try again` }, 503);
  }
}

function heldHere(sources: readonly SourceName[], { ingest }: HeldRoutesOptions) {
  return sources.flatMap((name) =>
    [...ingest.doubtsOf(name)].flatMap(([subject, doubt]) =>
      doubt.why === "held" ? [{ subject, heldMs: Math.round(performance.now() - doubt.sinceMs) }] : []
    )
  );
}

function sourcesIn(c: Context, { overview }: HeldRoutesOptions): readonly SourceName[] {
  const { registry, source } = c.req.param();
  return overview.names.filter((each) =>
    each.registry === registry && (source === undefined || each.source === source)
  );
}

const unknownSource = "no such source: /meshregistry/sources lists them";
