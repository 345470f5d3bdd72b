import { subjectRoot } from "../model/subject.ts";

/**
 * The longest subject (bytes) that is stored. A NATS server cuts a connection that sends a command line of more than
 * 4,096 bytes (`max_control_line`); the rest is for reply subjects and headers' sizes in that line.
 */
export const longestSubject = 3800;

/**
 * Why nothing can be stored under a subject, ever, in a log of the subjects below `root`; undefined if it can. Both
 * logs ask this.
 */
export function unfitSubject(subject: string, root: string = subjectRoot): string | undefined {
  if (!subject.startsWith(`${root}.`)) return `subject is not under ${root}`;
  if (Buffer.byteLength(subject) > longestSubject) return `subject is longer than ${longestSubject} bytes`;
  return unfitTokens.test(subject) ? "not a valid subject" : undefined;
}

/** White space, an empty token, or a wildcard as a token. */
const unfitTokens = /\s|\.\.|\.$|\.[*>](?:\.|$)/;
