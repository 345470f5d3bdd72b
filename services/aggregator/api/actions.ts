import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { ReleaseQuestion } from "../../../shared/api/actions.ts";
import type { Action, Released } from "../../../shared/api/actions.ts";
import { errorText, isMeshError } from "../../../shared/runtime/errors.ts";
import { withOperatorsToken } from "../../../shared/runtime/operator.ts";
import { whoAsks } from "../debug/who-asks.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import { releaseHeld } from "../sources/release.ts";
import type { ApiOptions } from "./api-options.ts";
import { sourceNamed } from "./held-preview.ts";
import { Refusal } from "./operation.ts";

/** The largest body of an action, in bytes. */
const maxActionBytes = 4_096;

/** Actions of any replica, the newest first. */
export function allActions({ collectors }: Pick<ApiOptions, "collectors">): Action[] {
  return collectors.actions.map(({ at, by, action, registry, source, detail }) => ({
    at,
    by,
    action,
    source: sourceKey(registry, source),
    detail,
  }));
}

/** What changes something: for who has the operator's token, and for nobody where none is set. */
export function actionRoutes(options: ApiOptions): Hono {
  const { http } = options.config;
  const routes = new Hono();
  routes.post(
    "/held/release",
    withOperatorsToken(http),
    bodyLimit({ maxSize: maxActionBytes, onError: (c) => c.json({ error: "the body is too large" }, 413) }),
    async (c) => {
      const question = ReleaseQuestion.safeParse(await c.req.json().catch(() => undefined));
      if (!question.success) return c.json({ error: 'expected a body such as {"source": "eureka"}' }, 400);
      try {
        const source = sourceNamed(question.data.source, options);
        const { released, collectors } = await releaseHeld([source], whoAsks(c), options.collectors);
        const answer: Released = {
          source: sourceKey(source.registry, source.source),
          released,
          collectors: collectors.map(({ member, held }) => ({ member, held })),
        };
        return c.json(answer);
      } catch (error) {
        if (error instanceof Refusal) return c.json({ error: error.message }, error.status);
        if (isMeshError(error, "entry-log-unavailable")) {
          return c.json({ error: `${errorText(error)}; try again` }, 503);
        }
        throw error;
      }
    },
  );
  return routes;
}
