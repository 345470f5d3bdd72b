import { MeshError } from "../runtime/errors.ts";

/**
 * Why an API server gave nothing.
 *
 * - `unauthorized`: 401, it doesn't take the credentials.
 * - `forbidden`: 403, RBAC lacks a rule for this kind.
 * - `not-found`: 404, it doesn't serve this kind (a CRD that isn't installed).
 * - `gone`: 410, it has forgotten a version or a page token, or never had that version.
 * - `throttled`: 429, or 503 with a time to wait.
 * - `unreachable`: no connection, a broken one, or a server error.
 * - `protocol`: it sent something that its protocol doesn't allow.
 * - `refused`: any other 4xx.
 */
export type FailureReason =
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "gone"
  | "throttled"
  | "unreachable"
  | "protocol"
  | "refused";

/** A request to an API server failed. Its code is `protocol-violation` for `protocol`, else `registry-unavailable`. */
export class KubernetesError extends MeshError {
  readonly reason: FailureReason;
  /** How long the server asks to wait, in milliseconds; undefined if it says nothing. */
  readonly retryAfterMs: number | undefined;
  /** True if nothing at all came within the time for a response. */
  readonly isTimeout: boolean;

  constructor(reason: FailureReason, message: string, options: KubernetesErrorOptions = {}) {
    super(reason === "protocol" ? "protocol-violation" : "registry-unavailable", message, options);
    this.name = "KubernetesError";
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
    this.isTimeout = options.isTimeout ?? false;
  }
}

/** More about a failure. */
export interface KubernetesErrorOptions extends ErrorOptions {
  readonly retryAfterMs?: number;
  readonly isTimeout?: boolean;
}
