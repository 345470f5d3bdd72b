import { Hono } from "hono";
import type { SourcePublisher } from "./source-publisher.ts";

/** What a collector shows of itself. */
export interface CollectorStatus {
  /** One line per cluster or connection of the source. */
  readonly connections: readonly {
    readonly name: string;
    readonly synced: boolean;
    readonly lastSuccessAgeMs: number | null;
    readonly lastError: string | null;
  }[];
  /** Records of the registry that can't be used, by place. */
  readonly invalidRecords: ReadonlyMap<string, string>;
}

/**
 * A collector's own routes: its state, what the mass-deletion guard holds, and the way to let that go.
 * `name` is the registry: `GET /collectors/eureka`, `GET /collectors/eureka/held`,
 * `POST /collectors/eureka/held/release`.
 */
export function collectorRoutes(
  name: string,
  publisher: SourcePublisher,
  status: () => CollectorStatus,
): Hono {
  const routes = new Hono();
  routes.get(`/collectors/${name}`, (c) => {
    const { connections, invalidRecords } = status();
    return c.json({
      published: publisher.size,
      held: publisher.held().size,
      connections,
      invalidRecords: Object.fromEntries(invalidRecords),
    });
  });
  routes.get(`/collectors/${name}/held`, (c) => {
    const held = [...publisher.held()].map(([subject, heldMs]) => ({ subject, heldMs: Math.round(heldMs) }));
    return c.json({ held });
  });
  routes.post(`/collectors/${name}/held/release`, (c) => c.json({ released: publisher.releaseHeld() }));
  return routes;
}
