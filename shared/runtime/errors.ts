/**
 * The kinds of failure that a caller can react to. Everything thrown on purpose in this project is a
 * {@link MeshError} with one of these codes; misuse of a function is a `TypeError` or `RangeError`.
 *
 * - `configuration`: the user's configuration or command line is wrong; the process ends with exit code 2.
 * - `address-in-use`: something else listens where we were told to listen.
 * - `registry-unavailable`: a registry did not answer, or answered that it can't; the last good state is kept.
 * - `protocol-violation`: a peer answered something that its protocol doesn't allow; treated like unavailable.
 * - `entry-log-unavailable`: the entry log (NATS) can't be reached or refused a request; retried.
 * - `invalid-record`: one record is unusable; it is counted, named and skipped, its neighbours live on.
 */
export type ErrorCode =
  | "configuration"
  | "address-in-use"
  | "registry-unavailable"
  | "protocol-violation"
  | "entry-log-unavailable"
  | "invalid-record";

/** The one error class of the project. `message` says what failed and what to do next; `cause` keeps the origin. */
export class MeshError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "MeshError";
    this.code = code;
  }
}

/** True if `error` is a {@link MeshError} with the given code. */
export function isMeshError(error: unknown, code: ErrorCode): error is MeshError {
  return error instanceof MeshError && error.code === code;
}

/** The text of anything that was thrown, with the chain of causes: `a: b: c`. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message === "" ? error.name : error.message;
  if (error.cause === undefined) return own;
  const cause = errorText(error.cause);
  return own.includes(cause) ? own : `${own}: ${cause}`;
}
