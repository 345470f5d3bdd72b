/** A question of a client: «tell me when it is no longer what I have». */
export interface Poll {
  readonly typeUrl: string;
  /** What the client has; empty: nothing. */
  readonly version: string;
  /** Empty: all. */
  readonly namespace: string;
  readonly form: "protobuf" | "yaml";
}

/**
 * Reads the query of `GET /configs` (istio-mcp). Whatever `ser` says other than `yaml` means protobuf. Undefined if no
 * type is asked for, or a version that can't be one: it is repeated in a header of the answer.
 */
export function parsePoll(query: Readonly<Record<string, string>>): Poll | undefined {
  const { version = "", typeUrl = "", ns = "", ser } = query;
  if (typeUrl === "" || !/^[\x21-\x7e]*$/.test(version)) return undefined;
  return { typeUrl, version, namespace: ns, form: ser === "yaml" ? "yaml" : "protobuf" };
}

/**
 * What to do with a poll while there is this version of what it asks for (undefined: nothing may be told yet):
 * - `everything`: the complete set, under that version;
 * - `wait`: until the version changes;
 * - `nothing`: the time is over. The answer is empty and carries the client's own version, from which clients of
 *   istio-mcp know that nothing has changed (and not that everything is gone).
 */
export function decide(
  poll: Poll,
  version: string | undefined,
  isTimeOver: boolean,
): "everything" | "wait" | "nothing" {
  if (version !== undefined && version !== poll.version) return "everything";
  return isTimeOver ? "nothing" : "wait";
}
