import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";
import { nanos, nuid } from "@nats-io/transport-node";
import { errorText } from "../../runtime/errors.ts";
import type { Logger } from "../../runtime/log.ts";
import type { FollowOptions, LogEvent } from "../entry-log.ts";
import { subjectMatcher } from "../subject-matcher.ts";
import type { StreamFacts } from "./config.ts";
import { awaitReplicas, firstSince, lastOf } from "./direct.ts";
import type { DirectReader } from "./direct.ts";
import type { EntryDecoder, Meaning } from "./entry.ts";
import { lookForLosses, noteDelivery, noteOwn } from "./look-for-losses.ts";
import { LossCheck } from "./loss-check.ts";
import { pull } from "./pull.ts";
import { advance, isAwayTooLong, markInSync, takeOwn, witness } from "./reader-position.ts";
import type { Position } from "./reader-position.ts";
import type { Delivery, PullSource } from "./pull.ts";
import type { StreamWatch } from "./stream.ts";
import { provenanceIn } from "./wire.ts";
import { Backoff, unlessAborted } from "../../runtime/waiting.ts";

/** What a reader works with. */
export interface ReaderContext extends DirectReader {
  readonly watch: StreamWatch;
  readonly decoder: EntryDecoder;
  /** The stream's subjects are those below this one. */
  readonly root: string;
  readonly log: Logger;
  /** How long tombstones are kept, in milliseconds: a reader that was away longer may have missed some. */
  readonly tombstoneTtlMs: number;
}

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
  { leavesOutOwn = false }: FollowOptions = {},
): AsyncGenerator<LogEvent> {
  const backoff = new Backoff();
  let position: Position | undefined;
  // What this process stores while the reader starts over.
  let stored: (readonly [string, number])[] = [];
  const matches = subjectMatcher(filter);
  using _subscription = disposable(context.watch.onStored((subject, sequence, hasProvenance) => {
    if (!matches(subject)) return;
    if (position?.generation === context.watch.generation) {
      position.losses.ledger.noteStored(subject, sequence);
      if (leavesOutOwn && hasProvenance && position.target === undefined && sequence > position.sequence) {
        position.own.set(sequence, subject);
      }
    } else stored.push([subject, sequence]);
  }));
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
    for (const [subject, sequence] of stored) position.losses.ledger.noteStored(subject, sequence);
    stored = [];
    if (session.reset !== undefined) yield { type: "reset", ...session.reset };
    if (session.pending === 0 && position.exact) yield* caughtUp(position);
    const startedMs = performance.now();
    yield* read(context, session, filter, signal);
    // A consumer that is lost at once, again and again, must not become a busy loop.
    if (performance.now() - startedMs > 1000) backoff.reset();
    else await backoff.wait(signal);
  }
}

function disposable(dispose: () => void): Disposable {
  return { [Symbol.dispose]: dispose };
}

async function* read(
  context: ReaderContext,
  session: Session,
  filter: string,
  signal: AbortSignal,
): AsyncGenerator<LogEvent> {
  const { position, source } = session;
  const { watch, decoder, tombstoneTtlMs } = context;
  const losses = { watch, losses: position.losses, filter };
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
          lookForLosses(losses, item.atMs);
          markInSync(position, item.atMs);
          if (await hasEverySubject(context, position, filter)) yield* caughtUp(position);
          continue;
        }
        const { delivery, atMs } = item;
        if (delivery.deliverySequence !== expected) return;
        expected++;
        if (position.target !== undefined && delivery.sequence > position.target) yield* caughtUp(position);
        if (takeOwn(position, delivery)) {
          noteOwn(losses, delivery);
          lookForLosses(losses);
          advance(watch, position, delivery);
          witness(position, delivery.subject, delivery.sequence);
        } else {
          const decoded = decoder.decodeDelivered(delivery, signal);
          const meaning = decoded instanceof Promise ? await decoded : decoded;
          if (signal.aborted) return;
          noteDelivery(losses, delivery);
          lookForLosses(losses);
          advance(watch, position, delivery);
          const event = eventOf(position, delivery, meaning);
          if (event !== undefined) yield event;
        }
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

/**
 * True if a reader at rest has read all that the stream's leader has, as far as the number of subjects shows: a consumer
 * may live on a replica that lags.
 */
async function hasEverySubject(
  { watch, log }: ReaderContext,
  { exact, target, losses }: Position,
  filter: string,
): Promise<boolean> {
  if (exact || target === undefined) return true;
  try {
    const { subjects } = await watch.countSubjects(filter);
    return losses.ledger.size >= subjects;
  } catch (error) {
    log.debug({ err: error }, "counting subjects failed, trying again");
    return false;
  }
}

function* caughtUp(position: Position): Generator<LogEvent> {
  const { target } = position;
  if (target === undefined) return;
  position.target = undefined;
  yield { type: "caught-up", sequence: target };
}

/** The event that a message is to the reader; undefined: none. */
function eventOf(
  position: Position,
  { subject, sequence, headers }: Delivery,
  meaning: Meaning,
): LogEvent | undefined {
  if (meaning.type === "skip") return undefined;
  if (meaning.type === "delete") {
    position.witnesses.delete(subject);
    return { type: "delete", subject, sequence, provenance: provenanceIn(headers) };
  }
  witness(position, subject, sequence);
  if (meaning.type === "unusable") return { type: "unusable", subject, sequence, reason: meaning.reason };
  return { type: "put", subject, sequence, data: meaning.data, provenance: provenanceIn(headers) };
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
  if (facts.replicas > 1) {
    // A replica that lags looks like that, too.
    const connection = await context.link.ready(context.link.signal);
    await awaitReplicas(context, connection, facts, context.link.signal);
    if (!(await isRolledBack(context, position))) return undefined;
  }
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
    losses: new LossCheck(filter === `${context.root}.>`, startedMs),
    own: new Map(),
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
