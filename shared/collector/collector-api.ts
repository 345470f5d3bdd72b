import { getConnInfo } from "@hono/node-server/conninfo";
import { Hono } from "hono";
import type { Context } from "hono";
import { pageOf } from "../runtime/http-pages.ts";
import { operatorsOnly } from "../runtime/operator.ts";
import type { HttpTokens } from "../runtime/operator.ts";
import type { SourceCollector } from "./source-collector.ts";

/**
 * A collector's own routes: its state, what the mass-deletion guard holds, and the way to let that go. The source
 * `default` is found under its registry's name, every source under `<registry>/<source>` as well:
 * `GET /collectors/eureka`, `GET /collectors/eureka/held`, `POST /collectors/eureka/held/release`.
 */
export function collectorRoutes(collector: SourceCollector, tokens: HttpTokens, signal: AbortSignal): Hono {
  const { registry, source, view, publisher, share } = collector;
  const routes = new Hono();
  const bases = [
    `/collectors/${registry}/${source}`,
    ...(source === "default" ? [`/collectors/${registry}`] : []),
  ];
  for (const base of bases) {
    routes.get(base, (c) => {
      const { connections, invalidRecords } = view.status();
      return pageOf(c, {
        published: publisher.size,
        held: publisher.held().size,
        refused: Object.fromEntries(publisher.refusals),
        member: share.member,
        share: share.portion,
        term: share.term === undefined ? null : { number: share.term.number, members: share.term.members },
        unsettled: share.unsettled,
        connections,
        invalidRecords: Object.fromEntries(invalidRecords),
      });
    });
    routes.get(`${base}/held`, (c) => {
      const held = [...publisher.held()].map(([subject, heldMs]) => ({
        subject,
        heldMs: Math.round(heldMs),
      }));
      return pageOf(c, { held });
    });
    routes.post(`${base}/held/release`, operatorsOnly(tokens), async (c) => {
      const released = publisher.held().size;
      await share.requestRelease(callerOf(c), signal);
      return c.json({ released });
    });
  }
  if (view.routes !== undefined) routes.route("/", view.routes);
  return routes;
}

/** Who asks, for the log: the address of the other end. */
function callerOf(c: Context): string {
  try {
    return getConnInfo(c).remote.address ?? "unknown";
  } catch {
    // Not served over a socket.
    return "this process";
  }
}
