import type { LossCheck } from "./loss-check.ts";
import type { Delivery } from "./pull.ts";
import type { StreamWatch } from "./stream.ts";
import { wireHeaders } from "./wire.ts";

/** A reader's means to notice lost messages. */
export interface LossContext {
  readonly watch: StreamWatch;
  readonly losses: LossCheck;
  readonly filter: string;
}

/**
 * Compares what was read with what is known of the stream; what is missing starts a new generation. `idleSinceMs`: see
 * {@link LossCheck.missing}.
 */
export function lookForLosses({ watch, losses, filter }: LossContext, idleSinceMs?: number): void {
  if (watch.facts !== undefined) losses.see(watch.facts);
  const missing = losses.missing(idleSinceMs);
  if (missing > 0) watch.reportLoss(missing, filter);
  const startedMs = performance.now();
  if (!losses.wantsListing(startedMs)) return;
  watch.countSubjects(filter).then(
    (count) => losses.listed(count, performance.now() - startedMs),
    () => losses.notListed(performance.now(), performance.now() - startedMs),
  );
}

/** Notes a message that was read. */
export function noteDelivery({ losses }: LossContext, delivery: Delivery): void {
  losses.ledger.note(delivery.subject, delivery.sequence, expiryOf(delivery));
}

/** Notes a message of this process that was delivered; it has no time to live. */
export function noteOwn({ losses }: LossContext, { subject, sequence }: Delivery): void {
  losses.ledger.note(subject, sequence);
}

/** When the message goes by itself, in milliseconds since 1970; undefined if it stays. */
function expiryOf({ headers, timeNanos }: Delivery): number | undefined {
  const ttl = headers?.get(wireHeaders.ttl) ?? "";
  if (ttl === "" || ttl === "never") return undefined;
  const seconds = /^(\d+)s?$/.exec(ttl)?.[1];
  // A stranger's message; it counts as one that may go at any time.
  return seconds === undefined ? 0 : timeNanos / 1e6 + Number(seconds) * 1000;
}
