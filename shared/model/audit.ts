import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { LogRecord } from "../entry-log/entry-log.ts";
import { readJson } from "./read-json.ts";
import { encodeToken } from "./subject.ts";

/**
 * What was done to a source, and by whom: messages `audit.<registry>.<source>.<id>` in the bucket of leases (see
 * `collector-lease.ts`). Both aggregators and collectors follow that bucket and may write to it, all replicas see what
 * one of them did, and each message goes by itself when it is old.
 */

/** How long an action is remembered, in milliseconds: a month. */
export const auditTtlMs = 30 * 24 * 3_600_000;

/** One action. */
export const AuditEntry = z.object({
  id: z.string().min(1).max(64),
  /** RFC 3339. */
  at: z.string().max(64),
  /** Who asked: an address, and the user that a proxy names. */
  by: z.string().max(1_000),
  /** `release`: held losses were let go; `retire`: all that a source had published was deleted. */
  action: z.enum(["release", "retire"]),
  registry: z.string().max(256),
  source: z.string().max(256),
  /** What it came to, in words. */
  detail: z.string().max(1_000),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** The message that records an action; `root` is that of the bucket. */
export function auditRecord(root: string, action: Omit<AuditEntry, "id" | "at">, at = new Date()): LogRecord {
  const entry: AuditEntry = {
    id: randomUUID(),
    at: at.toISOString(),
    ...action,
    by: action.by.slice(0, 1_000),
  };
  const { registry, source, id } = entry;
  return {
    subject: `${root}.audit.${[registry, source, id].map(encodeToken).join(".")}`,
    data: Buffer.from(JSON.stringify(entry)),
    ttlMs: auditTtlMs,
  };
}

/** True for subjects of actions. */
export function isAuditSubject(root: string, subject: string): boolean {
  return subject.startsWith(`${root}.audit.`);
}

/** The action in a message; undefined for what isn't one, or is a newer program's. */
export function readAudit(data: Uint8Array): AuditEntry | undefined {
  return AuditEntry.safeParse(readJson(data)).data;
}
