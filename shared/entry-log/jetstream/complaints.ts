import { PermissionViolationError } from "@nats-io/transport-node";

/** What a server complained about, for the log. */
export interface Complaint {
  readonly reason: string;
  /** What follows, and what an operator can do. */
  readonly text: string;
}

/** What isn't heard again for this time, in milliseconds, is news when it returns. */
const forgetMs = 10 * 60_000;

/** Subjects differ in their last tokens (names of consumers, of services) where the missing permission is one. */
const permissionTokens = { publish: 5, subscription: 1 };

/** The number of complaints that are remembered. */
const maxKnown = 100;

/**
 * Decides which complaints of a server are worth a line. One missing permission is complained about at each attempt,
 * each second for a lease: it is one line. The clock is passed in, in milliseconds of a monotonic clock.
 */
export class Complaints {
  readonly #heardAtMs = new Map<string, number>();

  /** Takes in a complaint. Returns what there is to say; undefined for one that was said already. */
  see(error: Error, nowMs: number): Complaint | undefined {
    const isPermission = error instanceof PermissionViolationError;
    const key = isPermission
      ? `${error.operation} ${error.subject.split(".").slice(0, permissionTokens[error.operation]).join(".")}`
      : error.message;
    const heardAtMs = this.#heardAtMs.get(key);
    // The latest is the last one of the map, so that the first is the one to forget.
    this.#heardAtMs.delete(key);
    this.#heardAtMs.set(key, nowMs);
    for (const first of this.#heardAtMs.keys()) {
      if (this.#heardAtMs.size <= maxKnown) break;
      this.#heardAtMs.delete(first);
    }
    if (heardAtMs !== undefined && nowMs - heardAtMs < forgetMs) return undefined;
    return isPermission
      ? {
        reason: `no permission to ${
          error.operation === "publish" ? "publish" : "subscribe to"
        } ${error.subject}`,
        text:
          "the server doesn't let this account do what the service needs: see the reason, and the permissions in " +
          "docs/deployment.md; attempts go on, and further ones are not logged",
      }
      : {
        reason: error.message,
        text: "the server complains: see the reason; equal complaints are not logged again",
      };
  }
}
