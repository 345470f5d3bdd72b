import type { Context, MiddlewareHandler } from "hono";
import { bearerAuth } from "hono/bearer-auth";

/** The tokens of a debug API; an empty one isn't asked for. */
export interface HttpTokens {
  /** Whoever has it may read. */
  readonly token: string;
  /** Whoever has it may read and act. */
  readonly operatorToken: string;
}

/** Asks for a token before anything is read; undefined if none is set. */
export function readersOnly({ token, operatorToken }: HttpTokens): MiddlewareHandler | undefined {
  if (token === "") return undefined;
  return bearerAuth({ token: operatorToken === "" ? token : [token, operatorToken] });
}

/**
 * Guards an action: pages of other sites may not ask for it, and with an operator's token it needs that. Without one,
 * whoever may read may act.
 */
export function operatorsOnly({ operatorToken }: Pick<HttpTokens, "operatorToken">): MiddlewareHandler {
  const auth = operatorToken === "" ? undefined : bearerAuth({
    token: operatorToken,
    noAuthenticationHeader: { message: { error: needsToken } },
    invalidToken: { message: { error: needsToken } },
  });
  return async (c, next) => {
    if (isOfOtherPage(c)) return c.json({ error: "a page of another site may not do this" }, 403);
    if (auth === undefined) return await next();
    return await auth(c, next);
  };
}

/** Guards an action that isn't slime's: without an operator's token it isn't there for anybody. */
export function withOperatorsToken(tokens: Pick<HttpTokens, "operatorToken">): MiddlewareHandler {
  const guard = operatorsOnly(tokens);
  return async (c, next) => {
    if (tokens.operatorToken !== "") return await guard(c, next);
    const error = "this API only reads: set http.operatorToken, and send it with an action";
    return c.json({ error }, 403);
  };
}

const needsToken = "this needs the operator's token (http.operatorToken)";

/** True if a browser says that a page from elsewhere has made the request, be it by a form. */
function isOfOtherPage(c: Context): boolean {
  const site = c.req.header("sec-fetch-site");
  return site !== undefined && site !== "same-origin" && site !== "none";
}
