import type { LossCheck } from "./loss-check.ts";
import type { Delivery } from "./pull.ts";
import type { StreamWatch } from "./stream.ts";

/** How far a reader has come. */
export interface Position {
  readonly generation: number;
  readonly created: string;
  sequence: number;
  /** When the message at `sequence` was stored (the latest time seen). */
  timeNanos: number;
  /** The entries that were put last, a few, with their sequences: witnesses of how far the stream had come. */
  readonly witnesses: Map<string, number>;
  /** Notices messages that went without a trace. */
  readonly losses: LossCheck;
  /** What this process stored behind this place and its reader knows of: subjects by sequence. */
  readonly own: Map<number, string>;
  /** The first `caught-up` is due after this sequence; undefined when it has been. */
  target: number | undefined;
  /** Whether «nothing pending» can be believed at once: a replica may lag behind. */
  readonly exact: boolean;
  /** When everything stored had been delivered, by both clocks: a suspended machine stops the monotonic one. */
  inSync: { readonly monotonicMs: number; readonly wallMs: number };
}

/** More witnesses find more; each costs one request per reconnect. */
const witnessCount = 8;

/** True for a message of which this process knows already, by the result of its publish. */
export function takeOwn({ own }: Position, { subject, sequence }: Delivery): boolean {
  if (own.get(sequence) !== subject) return false;
  own.delete(sequence);
  return true;
}

/** Moves the position behind the message. */
export function advance(
  watch: StreamWatch,
  position: Position,
  { sequence, timeNanos }: Delivery,
): void {
  position.sequence = sequence;
  position.timeNanos = Math.max(position.timeNanos, timeNanos);
  watch.noteSequence(sequence);
}

/** Remembers an entry that was put as one of the last. */
export function witness({ witnesses }: Position, subject: string, sequence: number): void {
  witnesses.delete(subject);
  witnesses.set(subject, sequence);
  if (witnesses.size <= witnessCount) return;
  const [oldest] = witnesses.keys();
  if (oldest !== undefined) witnesses.delete(oldest);
}

/** Notes that everything stored had been delivered at that time (`performance.now()`). */
export function markInSync(position: Position, atMs: number): void {
  const agoMs = performance.now() - atMs;
  position.inSync = { monotonicMs: atMs, wallMs: Date.now() - agoMs };
}

/** True if a reader may have missed deletions: they are kept for `tombstoneTtlMs`. */
export function isAwayTooLong({ inSync }: Position, tombstoneTtlMs: number): boolean {
  const awayMs = Math.max(performance.now() - inSync.monotonicMs, Date.now() - inSync.wallMs);
  return awayMs > 0.9 * tombstoneTtlMs;
}
