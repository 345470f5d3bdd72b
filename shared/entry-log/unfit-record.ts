import { subjectRoot } from "../model/subject.ts";
import type { LogRecord } from "./entry-log.ts";

/**
 * The longest subject (bytes) that is stored. A NATS server cuts a connection that sends a command line of more than
 * 4,096 bytes (`max_control_line`); the rest is for reply subjects and headers' sizes in that line.
 */
const longestSubject = 3800;

/** Why a record can't be stored, ever, in a log of the subjects below `root`; undefined if it can. Both logs ask this. */
export function unfitRecord(
  { subject, data, expectedSequence, fence }: LogRecord,
  root: string = subjectRoot,
): string | undefined {
  if (fence !== undefined && expectedSequence !== undefined) return "both a fence and an expected sequence";
  if (fence !== undefined && unfitTokens.test(fence.subject)) return "the fence is not a valid subject";
  if (!subject.startsWith(`${root}.`)) return `subject is not under ${root}`;
  if (Buffer.byteLength(subject) > longestSubject) return `subject is longer than ${longestSubject} bytes`;
  if (data !== null && data.length > maxEntryBytes) {
    return `the entry has ${data.length} bytes, at most ${maxEntryBytes} are published`;
  }
  return unfitTokens.test(subject) ? "not a valid subject" : undefined;
}

/**
 * The largest entry, in bytes, before it is compressed: some 100,000 endpoints, far beyond what istiod could use. Readers
 * unpack no more than that either, since a message of a few hundred kB can hold a thousand times as much.
 */
export const maxEntryBytes = 32 * 1024 * 1024;

/** White space, an empty token, or a wildcard as a token. */
const unfitTokens = /\s|\.\.|\.$|\.[*>](?:\.|$)/;
