import { Hono } from "hono";
import type { Context } from "hono";
import type { Registry } from "prom-client";
import { noPage } from "./http-pages.ts";
import { indexPage } from "./index-page.ts";
import type { PageDescriptions } from "./index-page.ts";
import { levelNames, setLogLevel } from "./log.ts";
import type { Logger } from "./log.ts";
import { operatorsOnly, readersOnly } from "./operator.ts";
import type { HttpTokens } from "./operator.ts";
import { programBuild } from "./version.ts";

export interface OperationsOptions {
  /** What is still missing before the service is ready, as `/ready` says it; undefined when it is ready. */
  readonly notReady: () => string | undefined;
  /** What a person should know though the service is ready; `/meshregistry/ready` says it with its 200. */
  readonly remark?: () => string | undefined;
  readonly metrics: Registry;
  /** The service's logger, if its level may be set at `/log/slime?level=`. */
  readonly log?: Logger | undefined;
  /** What pages are for, by the end of their path; for the list of pages at `/`. */
  readonly descriptions?: PageDescriptions;
  /** Pages that need no token, since they hold nothing but themselves: before all others. */
  readonly front?: Hono;
  /** Bearer tokens: everything but the probes asks for one. */
  readonly tokens: HttpTokens;
}

const descriptionsOfAll: PageDescriptions = new Map([
  ["/healthz", "alive"],
  ["/modules/livez", "the same, by slime's name"],
  ["/modules/readyz", "ready, by slime's name"],
  ["/meshregistry/ready", "ready, or what is missing"],
  ["/metrics", "metrics for Prometheus"],
  ["/version", "version, commit and runtime"],
  ["/log/slime", "level of the log; ?level=debug sets it"],
  ["*/held/release", "lets go what the mass-deletion guard holds back"],
  ["*/held", "what the mass-deletion guard holds back"],
  ["/collectors/*", "a collector: its share, connections, and records that can't be used"],
]);

/**
 * What every service's HTTP server has: `/healthz`, `/metrics`, the readiness probe `/meshregistry/ready`, slime's names
 * for the probes, the level of the log, and a list of all pages at `/` and `/meshregistry`. Routes added later are behind
 * the token and in the list, too. As in slime, any method will do where a page only reads.
 */
export function operationsApp(options: OperationsOptions): Hono {
  const { notReady, remark, metrics, log, front, descriptions = new Map(), tokens } = options;
  const app = new Hono();
  app.all("/healthz", (c) => c.text("ok"));
  app.all("/modules/livez", (c) => c.text("ok"));
  app.all(
    "/modules/readyz",
    (c) => notReady() === undefined ? c.text("ok") : c.text("meshregistry is not ready", 500),
  );
  app.all("/meshregistry/ready", (c) => {
    const missing = notReady();
    if (missing !== undefined) return c.text(missing, 503);
    const text = remark?.();
    return text === undefined ? c.body(null, 200) : c.text(text, 200);
  });
  if (front !== undefined) app.route("/", front);
  const auth = readersOnly(tokens);
  if (auth !== undefined) app.use(auth);
  app.all(
    "/metrics",
    async (c) => c.text(await metrics.metrics(), 200, { "Content-Type": metrics.contentType }),
  );
  const build = programBuild();
  app.all("/version", (c) => c.json(build));
  if (log !== undefined) logLevelRoute(app, log, tokens);
  const index = indexPage(app, new Map([...descriptionsOfAll, ...descriptions]));
  for (const path of ["/", "/meshregistry", "/meshregistry/"]) app.all(path, index);
  app.notFound(noPage);
  return app;
}

/**
 * `/log/slime?level=debug`, as slime's framework has it; without a level it tells the present one. Setting it is an
 * action, by whatever method.
 */
function logLevelRoute(app: Hono, log: Logger, tokens: HttpTokens): void {
  const guard = operatorsOnly(tokens);
  app.all(
    "/log/slime",
    (c, next) => c.req.query("level") === undefined ? next() : guard(c, next),
    (c) => logLevel(c, log),
  );
}

function logLevel(c: Context, log: Logger): Response {
  const wanted = c.req.query("level");
  if (wanted === undefined) return c.text(`${log.level}\n`);
  const level = setLogLevel(log, wanted);
  return level === undefined
    ? c.text(`unknown level; expected one of ${levelNames}\n`, 400)
    : c.text(`${level}\n`);
}
