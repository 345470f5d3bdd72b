import { DiscardPolicy, RetentionPolicy, StorageType, StoreCompression } from "@nats-io/jetstream";
import type { StreamConfig, StreamInfo } from "@nats-io/jetstream";
import { streamIdOf } from "../../model/cursor.ts";
import { subjectRoot } from "../../model/subject.ts";

/** Which stream, and how it is made if it is missing. */
export interface StreamOptions {
  readonly stream: string;
  /** Its subjects are those below this one. */
  readonly root: string;
  /** What is in it, for people. Default: resources. */
  readonly description?: string | undefined;
  /**
   * True if all messages go by themselves, like leases: then a stream of which all others were written anew looks as if
   * it had been purged. Default false.
   */
  readonly messagesExpire?: boolean | undefined;
  readonly replicas: number;
  /** The prefix of the JetStream API, where it is imported from another account. Default `$JS.API`. */
  readonly apiPrefix?: string | undefined;
  /** Whether a missing stream is created. */
  readonly create: boolean;
}

/** What is known of the stream after a look at it. */
export interface StreamFacts {
  readonly streamId: string;
  /** The server's time of creation, to the nanosecond: the stream's identity. */
  readonly created: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** When the last message was stored, RFC 3339 with nanoseconds. */
  readonly lastTime: string;
  readonly messages: number;
  /** How many subjects have a message. Unlike the count of messages, a message that replaces another never moves it. */
  readonly subjects: number;
  readonly replicas: number;
  readonly allowsTtl: boolean;
  readonly allowsAtomic: boolean;
  /** The server's clock at the look, in milliseconds since 1970. */
  readonly serverTimeMs: number;
  /** When the answer came, by this process's monotonic clock, in milliseconds. */
  readonly atMs: number;
}

/** Streams that are created within one of these spans (milliseconds since 1970, in steps of so many) begin alike. */
const spanMs = 1000;

/**
 * The first sequence of a stream that is created at that time (milliseconds since 1970): its second, in microseconds. A
 * server counts from 1 otherwise, and then the sequences of a recreated stream repeat those of its predecessor: a
 * replica that has missed the change would be taken for one that knows the new stream, and what it sends under its old
 * term would be stored. No stream stores a message each microsecond for as long as it lives, so its successor begins
 * above all of its sequences. The numbers stay exact (below 2^53) until the year 2255.
 *
 * Not finer: replicas that find a stream missing at the same time should ask for the same one. A cluster that elects a
 * leader meanwhile may create it twice (2 of 102 elections that were forced), and recognizes that by an equal
 * configuration.
 */
export function firstSequenceAt(nowMs: number): number {
  return (nowMs - nowMs % spanMs) * 1000;
}

/** The configuration of a stream that we create; its first sequence is that of now. */
export function configOf(
  { stream, root, replicas, description }: StreamOptions,
): Partial<StreamConfig> & { readonly name: string } {
  return {
    name: stream,
    first_seq: firstSequenceAt(Date.now()),

    subjects: [`${root}.>`],
    description: `meshregistry: ${description ?? "the last state of every resource, and its changes"}`,
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_msgs_per_subject: 1,
    num_replicas: replicas,
    allow_direct: true,
    // With a roll-up any publisher could sweep away the whole stream; a bucket of NATS' kind has them for `nats kv purge`.
    allow_rollup_hdrs: root !== subjectRoot,
    allow_msg_ttl: true,
    allow_atomic: true,
    // A fifth of the disk for a tenth more CPU in the server (measured).
    compression: StoreCompression.S2,
    duplicate_window: 120e9,
  };
}

/** What of a look at the stream matters to us. */
export function factsOf({ created, config, state, ts }: StreamInfo): StreamFacts {
  return {
    streamId: streamIdOf(new Date(created)),
    created,
    firstSequence: state.first_seq,
    lastSequence: state.last_seq,
    lastTime: state.last_ts,
    messages: state.messages,
    subjects: state.num_subjects ?? state.messages,
    replicas: config.num_replicas,
    allowsTtl: config.allow_msg_ttl === true,
    allowsAtomic: config.allow_atomic === true,
    serverTimeMs: ts === undefined ? Date.now() : Date.parse(ts),
    atMs: performance.now(),
  };
}
