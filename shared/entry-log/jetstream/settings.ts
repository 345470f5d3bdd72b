import { DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { StreamConfig, StreamState } from "@nats-io/jetstream";

/** The part of a stream's configuration on which the log's promises depend. */
export type ReviewedSettings = Pick<
  StreamConfig,
  | "retention"
  | "storage"
  | "sealed"
  | "discard"
  | "discard_new_per_subject"
  | "no_ack"
  | "mirror"
  | "max_age"
  | "max_bytes"
  | "max_msgs"
  | "max_msgs_per_subject"
  | "max_consumers"
  | "first_seq"
  | "num_replicas"
  | "allow_direct"
  | "allow_msg_ttl"
  | "allow_atomic"
>;

/** What is wrong with a stream that somebody else made or changed; each a sentence for the operator. */
export interface SettingsReview {
  /** With these the stream can't be an entry log: it isn't used until they are mended. */
  readonly refusals: readonly string[];
  /** With these it can, but something is lost or slow. */
  readonly warnings: readonly string[];
}

/**
 * Compares a stream's configuration with what the log's promises need, and with what is in the stream. Refused is what keeps the log from working at
 * all; what loses messages some day is a warning, because the loss is noticed and mended: the collectors publish again.
 */
export function reviewSettings(
  config: ReviewedSettings,
  state: Pick<StreamState, "first_seq" | "messages">,
): SettingsReview {
  return {
    refusals: [...refusalsOf(config)],
    warnings: [...warningsOf(config), ...firstSequenceWarnings(config, state)],
  };
}

function* refusalsOf(config: ReviewedSettings): Generator<string> {
  const { retention, allow_direct: allowDirect, discard_new_per_subject: discardsPerSubject } = config;
  if (retention !== RetentionPolicy.Limits) {
    yield `retention is ${retention}: messages go when they are read; only limits keeps the last one of each subject`;
  }
  if (!allowDirect) {
    yield "allow_direct is off: collectors can't read back what they published; set it to true";
  }
  if (discardsPerSubject) {
    yield "discard_new_per_subject is on: a resource could never be changed; set it to false";
  }
  if (config.sealed) yield "the stream is sealed: nothing can be stored; make a new one";
  if (config.no_ack === true) yield "no_ack is on: publishers wait for acknowledgements; set it to false";
  if (config.mirror !== undefined) {
    yield "the stream is a mirror: nothing can be stored; name the origin in nats.stream";
  }
}

function* warningsOf(config: ReviewedSettings): Generator<string> {
  const { max_age: maxAge, max_bytes: maxBytes, max_msgs: maxMessages, discard } = config;
  if (maxAge > 0) {
    yield `max_age is ${
      maxAge / 1e9
    } s: what hasn't changed for so long vanishes until it is published again; set it to 0`;
  }
  const limits = [
    ...(maxMessages > 0 ? [`max_msgs is ${maxMessages}`] : []),
    ...(maxBytes > 0 ? [`max_bytes is ${maxBytes}`] : []),
  ];
  if (limits.length > 0 && discard !== DiscardPolicy.New) {
    yield `${
      limits.join(" and ")
    } with discard ${discard}: at the limit the oldest resources vanish until they are ` +
      "published again; set discard to new, so that publishers are told, and leave enough room";
  }
  const { max_msgs_per_subject: perSubject, max_consumers: maxConsumers } = config;
  if (perSubject !== 1) {
    yield `max_msgs_per_subject is ${perSubject}: old versions pile up and slow down each start; set it to 1`;
  }
  if (maxConsumers > 0) {
    yield `max_consumers is ${maxConsumers}: each reader needs one, further readers wait; set it to -1`;
  }
  if (config.allow_msg_ttl !== true) {
    yield "allow_msg_ttl is off: deletions pile up for ever; set it to true";
  }
  if (config.num_replicas > 1 && config.allow_atomic !== true) {
    yield "allow_atomic is off: with replicas a collector then publishes one message at a time; set it to true";
  }
  if (config.storage === StorageType.Memory) {
    yield "storage is memory: when all of its servers restart, collectors have to publish everything again; use file";
  }
}

/** A server takes any first sequence for an existing stream, and purges up to it when it starts (seen with 2.15.2). */
function* firstSequenceWarnings(
  { first_seq: configured }: ReviewedSettings,
  { first_seq: first, messages }: Pick<StreamState, "first_seq" | "messages">,
): Generator<string> {
  if (messages > 0 && configured > first) {
    yield `first_seq is ${configured}, and messages are stored from ${first} on: NATS deletes those before ` +
      "first_seq at its next restart; set it to 0";
  }
}
