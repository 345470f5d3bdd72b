import { Hono } from "hono";
import type { Context, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { withOperatorsToken } from "../../../shared/runtime/operator.ts";
import { ConvertRequest } from "../../../shared/api/convert.ts";
import { jsonFault } from "../../../shared/runtime/json-fault.ts";
import type { ApiOptions } from "./api-options.ts";
import { AtMost } from "./at-most.ts";
import { compare, maxCompareBytes } from "./compare.ts";
import { convert } from "./convert.ts";
import { Refusal } from "./operation.ts";

/** Conversions at a time: each one takes a collector some of its processor and memory. */
const maxConversions = 2;

/** Questions with a body, which publish nothing. */
export function dryRunRoutes(options: ApiOptions): Hono {
  const conversions = new AtMost(maxConversions, "conversions");
  const app = new Hono();
  const limit = bodyLimit({
    maxSize: maxCompareBytes,
    onError: async (c) => {
      await discard(c.req.raw);
      return c.json({ error: "a body has 4 MiB at most" }, 413);
    },
  });
  app.post("/compare", limit, (c) => answered(c, async () => await compare(await bodyOf(c), options)));
  app.post(
    "/convert",
    limit,
    whereRegistryIsRead(withOperatorsToken(options.config.http)),
    (c) =>
      answered(c, async () => await conversions.run(async () => await convert(await bodyOf(c), options))),
  );
  return app;
}

/** A dry run without an answer costs a registry a complete read: `guard` says for whom. */
function whereRegistryIsRead(guard: MiddlewareHandler): MiddlewareHandler {
  return async (c, next) => {
    // What has another form is refused for that, whoever asks.
    const { data } = ConvertRequest.safeParse(await c.req.json().catch(() => undefined));
    return data !== undefined && data.answer === undefined ? await guard(c, next) : await next();
  };
}

/** A body that is read for its sender's sake, in bytes at most. */
const maxDiscardedBytes = 64 * 2 ** 20;

/**
 * Reads a body that is refused. Most clients send all of it before they read the answer, and would see a connection that
 * is closed under them in place of it.
 */
async function discard({ body }: Request): Promise<void> {
  if (body === null || body.locked) return;
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxDiscardedBytes) return;
  }
}

async function answered(c: Context, answer: () => Promise<object>): Promise<Response> {
  try {
    return c.json(await answer());
  } catch (error) {
    if (error instanceof Refusal) return c.json({ error: error.message }, error.status);
    throw error;
  }
}

/** @throws Refusal for what is no JSON, saying where if the parser does */
async function bodyOf(c: Context): Promise<unknown> {
  const text = await c.req.text();
  try {
    const body: unknown = JSON.parse(text);
    return body;
  } catch (error) {
    throw new Refusal(400, `the body is no JSON: ${jsonFault(text, error)}`);
  }
}
