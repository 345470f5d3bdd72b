import type { Msg, MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import type { StreamFacts } from "./config.ts";
import type { NatsLink } from "./connection.ts";
import { ReplyQueue } from "./queue.ts";
import { pause } from "../../runtime/waiting.ts";

/** A message as it is stored. */
export interface StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly headers: MsgHdrs | undefined;
  readonly data: Uint8Array;
}

/** Reads stored messages without a consumer, for which a collector has no permission. */
export interface DirectReader {
  readonly link: NatsLink;
  readonly stream: string;
  readonly apiPrefix: string;
}

/** How long the server may be silent in the middle of an answer, in milliseconds. */
const silenceMs = 5000;

/** At most this much is under way at a time, in bytes, so that a slow reader costs no more memory. */
const batchBytes = 8 * 1024 * 1024;

/**
 * The messages that match the filter from sequence `from` on, in order, up to the stream's present end.
 * Batches, not multi-last: that answers 413 above 1,024 subjects.
 * @throws Error if the server falls silent or refuses.
 */
export async function* readDirect(
  reader: DirectReader,
  connection: NatsConnection,
  filter: string,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<StoredMessage> {
  let next = from;
  for (;;) {
    using queue = new ReplyQueue(reader.link, connection, signal);
    const maxBytes = Math.max(batchBytes, 2 * (connection.info?.max_payload ?? 0));
    const request = { seq: next, batch: 10_000, max_bytes: maxBytes, next_by_subj: filter };
    connection.publish(directSubject(reader), JSON.stringify(request), { reply: queue.subject });
    let pending: number | undefined;
    while (pending === undefined) {
      if (!(await queue.more(silenceMs))) throw new Error("Reading stored messages: the server fell silent");
      for (const message of queue.take()) {
        const status = message.headers?.code ?? 0;
        if (status === 404) return;
        if (status === 204) {
          pending = Number(message.headers?.get("Nats-Num-Pending") ?? 0);
        } else if (status !== 0) {
          throw new Error(`Reading stored messages: ${status} ${message.headers?.description ?? ""}`);
        } else {
          const stored = storedMessage(message);
          if (stored === undefined) continue;
          next = stored.sequence + 1;
          yield stored;
        }
      }
    }
    if (pending === 0) return;
  }
}

/** The first message that was stored at `time` (RFC 3339) or after it; undefined if there is none. */
export async function firstSince(reader: DirectReader, connection: NatsConnection, time: string) {
  return await getOne(reader, connection, { start_time: time });
}

/** In what distance replicas that lag are asked again, in milliseconds. */
const replicaPauseMs = 20;

/**
 * How long a replica may stand still before the message that it lacks is taken for one that has gone by itself, in
 * milliseconds. 0.2 s were too few on a busy machine (2 of 300 read-backs missed something); where the last message has
 * gone and none came since, a read-back takes this long.
 */
const stillMs = 2000;

/**
 * How often one question is asked for each replica. The server picks any of them for each request and doesn't say which
 * one: of three, a given one is passed over by all 24 requests once in 17,000 times.
 */
const questionsPerReplica = 8;

/**
 * How long all replicas are waited for, in milliseconds. After that one of them is enough, so that a server which lags for
 * long holds up no collector.
 */
const allMs = 5000;

/**
 * Waits until every replica that answers has the stream's last message, or until it is likely that this has gone by
 * itself: any replica answers a direct get, also one that lags behind what the leader acknowledged (31 of 1,545 read-backs
 * missed what had been stored just before; with one replica waited for, 2 of 600 on a busy machine). Replicas that make
 * headway are waited for, however far they are behind.
 */
export async function awaitReplicas(
  reader: DirectReader,
  connection: NatsConnection,
  { replicas, messages, lastSequence }: Pick<StreamFacts, "replicas" | "messages" | "lastSequence">,
  signal: AbortSignal,
): Promise<void> {
  if (replicas === 1 || messages === 0) return;
  let reached = -1;
  const startedAtMs = performance.now();
  let reachedAtMs = startedAtMs;
  while (!signal.aborted) {
    // That message, or a later one: it may have been replaced.
    const questions = Array.from(
      { length: questionsPerReplica * replicas },
      () => getOne(reader, connection, { seq: lastSequence, next_by_subj: ">" }),
    );
    const missing = (await Promise.all(questions)).filter((message) => message === undefined).length;
    const nowMs = performance.now();
    if (missing === 0 || (missing < questions.length && nowMs - startedAtMs > allMs)) return;
    const newest = (await lastOf(reader, connection, ">"))?.sequence ?? 0;
    // Not «another one»: two replicas that take turns with their answers would be waited for without end.
    if (newest > reached) {
      reached = newest;
      reachedAtMs = nowMs;
    } else if (nowMs - reachedAtMs > stillMs) return;
    await pause(replicaPauseMs, signal);
  }
}

/** The subject's message; undefined if it has none. */
export async function lastOf(reader: DirectReader, connection: NatsConnection, subject: string) {
  return await getOne(reader, connection, { last_by_subj: subject });
}

async function getOne(reader: DirectReader, connection: NatsConnection, query: object) {
  const answer = await connection.request(directSubject(reader), JSON.stringify(query), { timeout: 2000 });
  const status = answer.headers?.code ?? 0;
  if (status === 404) return undefined;
  if (status !== 0) {
    throw new Error(`Reading a stored message: ${status} ${answer.headers?.description ?? ""}`);
  }
  return storedMessage(answer);
}

function directSubject({ apiPrefix, stream }: DirectReader): string {
  return `${apiPrefix}.DIRECT.GET.${stream}`;
}

/** What a direct-get answer holds. Undefined for a stored message that was itself such an answer; see `isForged`. */
function storedMessage({ headers, data }: Msg): StoredMessage | undefined {
  const subjects = headers?.values("Nats-Subject") ?? [];
  const subject = subjects[0];
  if (headers === undefined || subject === undefined) return undefined;
  if (subjects.length > 1 || headers.values("Nats-Stream").length > 1) return undefined;
  return { subject, sequence: Number(headers.get("Nats-Sequence")), headers, data };
}

/**
 * True for a message that no publisher of ours stored: the server's answer to somebody's request, which they had sent
 * to one of our subjects (a way around publish permissions, closed by one account per registry).
 */
export function isForged(headers: MsgHdrs | undefined): boolean {
  return headers !== undefined && (headers.has("Nats-Stream") || headers.has("Nats-Subject"));
}
