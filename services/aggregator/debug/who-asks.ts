import type { Context } from "hono";
import { clientAddress } from "../../../shared/runtime/http-server.ts";

/** For the log: the user that a proxy in front of the debug API names, and the address that the request came from. */
export function whoAsks(c: Context): string {
  const user = c.req.header("X-Forwarded-User");
  return user === undefined ? clientAddress(c) : `${user} at ${clientAddress(c)}`;
}
