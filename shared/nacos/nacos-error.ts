import { MeshError } from "../runtime/errors.ts";
import type { ErrorCode } from "../runtime/errors.ts";

/**
 * Why Nacos can't be read, in the kinds that ask for different things of people:
 *
 * - `unauthorized`: user and password (or keys) are wrong, or none were given where some are needed.
 * - `forbidden`: known, but without the right to this.
 * - `api-gone`: this server has no such API (any more, or yet); another generation's may do.
 * - `unreachable`: no connection, no answer in time, or an answer that says "not now".
 * - `protocol-violation`: an answer that Nacos' protocol doesn't allow, or one that is too large.
 * - `refused`: this one request is wrong in the server's eyes, such as one for a name with spaces; others will do.
 * - `closed`: the client, or the caller's signal, ended before the answer.
 */
export type NacosErrorKind =
  | "unauthorized"
  | "forbidden"
  | "api-gone"
  | "unreachable"
  | "protocol-violation"
  | "refused"
  | "closed";

const codes: Readonly<Record<NacosErrorKind, ErrorCode>> = {
  unauthorized: "registry-unavailable",
  forbidden: "registry-unavailable",
  "api-gone": "registry-unavailable",
  unreachable: "registry-unavailable",
  "protocol-violation": "protocol-violation",
  refused: "invalid-record",
  closed: "registry-unavailable",
};

/** Nacos could not be read. Its message names the server and what was asked of it. */
export class NacosError extends MeshError {
  readonly kind: NacosErrorKind;

  constructor(kind: NacosErrorKind, message: string, options?: ErrorOptions) {
    super(codes[kind], message, options);
    this.name = "NacosError";
    this.kind = kind;
  }
}

/** True if `error` is a {@link NacosError} of one of these kinds. */
export function isNacosError(error: unknown, ...kinds: readonly NacosErrorKind[]): error is NacosError {
  return error instanceof NacosError && kinds.includes(error.kind);
}
