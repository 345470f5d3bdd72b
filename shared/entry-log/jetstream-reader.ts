import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";
import { nanos, nuid } from "@nats-io/transport-node";
import { errorText } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import type { LogEvent } from "./entry-log.ts";
import type { StreamFacts } from "./jetstream-config.ts";
import { firstSince, lastOf } from "./jetstream-direct.ts";
import type { DirectReader } from "./jetstream-direct.ts";
import type { EntryDecoder, Meaning } from "./jetstream-entry.ts";
import { pull } from "./jetstream-pull.ts";
import type { Delivery, PullSource } from "./jetstream-pull.ts";
import type { StreamWatch } from "./jetstream-stream.ts";
import { Backoff, unlessAborted } from "../runtime/waiting.ts";

/** What a reader works with. */
export interface ReaderContext extends DirectReader {
  readonly watch: StreamWatch;
  readonly decoder: EntryDecoder;
  readonly log: Logger;
  /** How long tombstones are kept, in milliseconds: a reader that was away longer may have missed some. */
  readonly tombstoneTtlMs: number;
}

/** How far a reader has come. */
interface Position {
  readonly generation: number;
  readonly created: string;
  sequence: number;
  /** When the message at `sequence` was stored (the latest time seen). */
  timeNanos: number;
  /** The entries that were put last, a few, with their sequences: witnesses of how far the stream had come. */
  readonly witnesses: Map<string, number>;
  /** The first `caught-up` is due after this sequence; undefined when it has been. */
  target: number | undefined;
  /** Whether «nothing pending» can be believed at once: a replica may lag behind. */
  readonly exact: boolean;
  /** When everything stored had been delivered, by both clocks: a suspended machine stops the monotonic one. */
  inSync: { readonly monotonicMs: number; readonly wallMs: number };
}

const skipped: Meaning = { type: "skip" };

/** More witnesses find more; each costs one request per reconnect. */
const witnessCount = 8;

interface Session extends AsyncDisposable {
  readonly source: PullSource;
  readonly position: Position;
  /** Set when the reader has to start over. */
  readonly reset: { readonly reason: string; readonly streamId: string } | undefined;
  readonly pending: number;
}

/**
 * {@link EntryLog.follow} over JetStream. One consumer after another: whenever something looks odd (silence, a gap, a
 * lost connection, a new generation of the stream) the consumer is given up, the stream is looked at, and reading
 * goes on after the last message, or from the beginning with a `reset`.
 */
export async function* followStream(
  context: ReaderContext,
  filter: string,
  signal: AbortSignal,
): AsyncGenerator<LogEvent> {
  const backoff = new Backoff();
  let position: Position | undefined;
  while (!signal.aborted) {
    let opened: Session;
    try {
      opened = await openSession(context, filter, position, signal);
    } catch (error) {
      if (!signal.aborted) context.log.debug({ err: error }, `can't read the stream: ${errorText(error)}`);
      await backoff.wait(signal);
      continue;
    }
    await using session = opened;
    ({ position } = session);
    if (session.reset !== undefined) yield { type: "reset", ...session.reset };
    if (session.pending === 0 && position.exact) yield* caughtUp(position);
    const startedMs = performance.now();
    yield* read(context, session, signal);
    // A consumer that is lost at once, again and again, must not become a busy loop.
    if (performance.now() - startedMs > 1000) backoff.reset();
    else await backoff.wait(signal);
  }
}

async function* read(
  context: ReaderContext,
  session: Session,
  signal: AbortSignal,
): AsyncGenerator<LogEvent> {
  const { position, source } = session;
  const { watch, decoder, tombstoneTtlMs } = context;
  const stop = new AbortController();
  const unsubscribe = watch.onReset(() => {
    if (watch.generation !== position.generation) stop.abort();
  });
  try {
    let expected = 1;
    for await (const items of pull(source, AbortSignal.any([signal, stop.signal]))) {
      for (const item of items) {
        if (signal.aborted || watch.generation !== position.generation) return;
        if (isAwayTooLong(position, tombstoneTtlMs)) return;
        if (item.type === "idle") {
          markInSync(position, item.atMs);
          yield* caughtUp(position);
          continue;
        }
        const { delivery, atMs } = item;
        if (delivery.deliverySequence !== expected) return;
        expected++;
        if (position.target !== undefined && delivery.sequence > position.target) yield* caughtUp(position);
        const decoded = decoder.refuses(delivery) ? skipped : decoder.decode(delivery, signal);
        const meaning = decoded instanceof Promise ? await decoded : decoded;
        if (signal.aborted) return;
        const event = advance(context, position, delivery, meaning);
        if (event !== undefined) yield event;
        if (delivery.pending === 0) markInSync(position, atMs);
        if (delivery.sequence === position.target || (delivery.pending === 0 && position.exact)) {
          yield* caughtUp(position);
        }
      }
    }
  } finally {
    unsubscribe();
  }
}

function* caughtUp(position: Position): Generator<LogEvent> {
  const { target } = position;
  if (target === undefined) return;
  position.target = undefined;
  yield { type: "caught-up", sequence: target };
}

/** Moves the position behind the message, and answers the event that the message is to the reader. */
function advance(
  { watch }: ReaderContext,
  position: Position,
  { subject, sequence, timeNanos }: Delivery,
  meaning: Meaning,
): LogEvent | undefined {
  position.sequence = sequence;
  position.timeNanos = Math.max(position.timeNanos, timeNanos);
  watch.noteSequence(sequence);
  if (meaning.type === "skip") return undefined;
  if (meaning.type === "delete") {
    position.witnesses.delete(subject);
    return { type: "delete", subject, sequence };
  }
  witness(position, subject, sequence);
  return { type: "put", subject, sequence, data: meaning.data };
}

function witness({ witnesses }: Position, subject: string, sequence: number): void {
  witnesses.delete(subject);
  witnesses.set(subject, sequence);
  if (witnesses.size <= witnessCount) return;
  const [oldest] = witnesses.keys();
  if (oldest !== undefined) witnesses.delete(oldest);
}

function markInSync(position: Position, atMs: number): void {
  const agoMs = performance.now() - atMs;
  position.inSync = { monotonicMs: atMs, wallMs: Date.now() - agoMs };
}

function isAwayTooLong({ inSync }: Position, tombstoneTtlMs: number): boolean {
  const awayMs = Math.max(performance.now() - inSync.monotonicMs, Date.now() - inSync.wallMs);
  return awayMs > 0.9 * tombstoneTtlMs;
}

/** Why a reader at this position can't just go on; undefined if it can. */
async function brokenBy(
  context: ReaderContext,
  position: Position | undefined,
  facts: StreamFacts,
): Promise<string | undefined> {
  if (position === undefined) return "first read";
  if (position.generation !== context.watch.generation) return context.watch.reason;
  if (isAwayTooLong(position, context.tombstoneTtlMs)) return "away for longer than deletions are kept";
  if (position.sequence === 0) return undefined;
  if (!(await isRolledBack(context, position))) return undefined;
  const reason = `stream was rolled back before sequence ${position.sequence} and has grown since`;
  context.log.warn({ ...facts }, reason);
  context.watch.reset(reason);
  return reason;
}

/**
 * Finds a stream that was rolled back and has grown past our place since: messages at or before our place are younger
 * than what we read there, or an entry that we read has an older message now.
 */
async function isRolledBack(context: ReaderContext, position: Position): Promise<boolean> {
  const connection = context.link.current;
  if (connection === undefined) throw new Error("lost the connection");
  const since = new Date(position.timeNanos / 1e6 + 1).toISOString();
  const first = await firstSince(context, connection, since);
  if (first !== undefined && first.sequence <= position.sequence) return true;
  const looks = [...position.witnesses].map(async ([subject, sequence]) => {
    const last = await lastOf(context, connection, subject);
    return last === undefined || last.sequence < sequence;
  });
  return (await Promise.all(looks)).includes(true);
}

async function openSession(
  context: ReaderContext,
  filter: string,
  before: Position | undefined,
  signal: AbortSignal,
): Promise<Session> {
  const { watch, link, stream, apiPrefix } = context;
  const connection = await link.ready(signal);
  const startedMs = performance.now();
  const facts = await watch.check(signal);
  const reason = await unlessAborted(
    brokenBy(context, before, facts),
    signal,
    "entry-log-unavailable",
    "Looking at the stream",
  );
  const { generation } = watch;
  const start = before === undefined || reason !== undefined ? 1 : before.sequence + 1;
  const { consumers } = await watch.manager(connection);
  const name = nuid.next();
  const adding = consumers.add(stream, {
    name,
    filter_subject: filter,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: start,
    ack_policy: AckPolicy.None,
    max_deliver: 1,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: nanos(30_000),
  });
  const added = await unlessAborted(adding, signal, "entry-log-unavailable", "Creating a consumer");
  const dispose = async () => {
    if (link.current !== connection) return;
    await consumers.delete(stream, name).catch(() => {});
  };
  try {
    // The consumer belongs to the stream that was looked at only if that is still there after it was made.
    const now = await watch.check(signal);
    if (now.created !== facts.created || watch.generation !== generation) {
      throw new Error("the stream just changed");
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  const fresh: Position = {
    generation,
    created: facts.created,
    sequence: 0,
    timeNanos: 0,
    witnesses: new Map(),
    target: facts.lastSequence,
    exact: facts.replicas === 1,
    inSync: { monotonicMs: startedMs, wallMs: Date.now() - (performance.now() - startedMs) },
  };
  return {
    source: { link, connection, nextSubject: `${apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${name}` },
    position: before === undefined || reason !== undefined ? fresh : before,
    reset: reason === undefined ? undefined : { reason, streamId: facts.streamId },
    pending: added.num_pending,
    [Symbol.asyncDispose]: dispose,
  };
}
