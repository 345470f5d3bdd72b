import { expect, test } from "vitest";
import { auditRecord, auditTtlMs, isAuditSubject } from "../../../shared/model/audit.ts";
import { AuditBook } from "./audit-book.ts";

const action = {
  by: "10.0.0.1:1",
  action: "release",
  registry: "eureka",
  source: "default",
  detail: "",
} as const;

function take(book: AuditBook, at: Date, by: string = action.by): void {
  const { subject, data } = auditRecord("$KV.b", { ...action, by }, at);
  expect(isAuditSubject("$KV.b", subject)).toBe(true);
  if (data !== null) book.take(data);
}

test("has the actions of a month, the newest first, whatever the order in which they came", () => {
  const book = new AuditBook();
  const now = Date.parse("2026-05-01T00:00:00Z");
  take(book, new Date(now - 1_000), "late");
  take(book, new Date(now - 5_000), "early");
  take(book, new Date(now - auditTtlMs), "old");
  book.take(Buffer.from('{"id":"x","action":"of a newer program"}'));
  book.take(Buffer.from("no JSON"));
  expect(book.at(now).map(({ by }) => by)).toEqual(["late", "early"]);
});

test("forgets the oldest beyond its room", () => {
  const book = new AuditBook();
  const now = Date.parse("2026-05-01T00:00:00Z");
  for (let index = 0; index < 210; index++) take(book, new Date(now - index), String(index));
  const all = book.at(now);
  expect(all).toHaveLength(200);
  expect([all[0]?.by, all.at(-1)?.by]).toEqual(["0", "199"]);
});

test("a caller's endless name is cut", () => {
  const book = new AuditBook();
  take(book, new Date(), "x".repeat(100_000));
  expect(book.at(Date.now())[0]?.by).toHaveLength(1_000);
});
