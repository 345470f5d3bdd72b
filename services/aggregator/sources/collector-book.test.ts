import { describe, expect, test } from "vitest";
import { leaseDurationMs, leaseSubject } from "../../../shared/model/collector-lease.ts";
import type { CollectorLease } from "../../../shared/model/collector-lease.ts";
import { CollectorBook } from "./collector-book.ts";
import type { CollectorChange } from "./collector-book.ts";
import { leaseOf } from "./lease-rig.ts";

const renew = (book: CollectorBook, lease: CollectorLease, nowMs: number) =>
  book.renew(leaseSubject("b", lease.registry, lease.source, lease.member), lease, nowMs);

const told = (changes: readonly CollectorChange[]) =>
  changes.map(({ what, collector }) => `${collector.lease.member} ${what}`);

const statuses = (book: CollectorBook) =>
  book.of("eureka", "default").map(({ lease, status }) => `${lease.member} ${status}`);

describe("a collector", () => {
  test("is live while it renews its lease, and lost when it doesn't; once", () => {
    const book = new CollectorBook();
    expect(told(renew(book, leaseOf("a"), 0))).toEqual(["a appeared"]);
    expect(renew(book, leaseOf("a"), 1000)).toEqual([]);
    expect(book.tick(1000 + leaseDurationMs - 1, true)).toEqual([]);
    expect(told(book.tick(1000 + leaseDurationMs, true))).toEqual(["a lost"]);
    expect(book.tick(1_000_000, true)).toEqual([]);
    expect(statuses(book)).toEqual(["a lost"]);
    expect(told(renew(book, leaseOf("a"), 2_000_000))).toEqual(["a appeared"]);
  });

  test("that gives its lease back has left, and isn't lost", () => {
    const book = new CollectorBook();
    renew(book, leaseOf("a"), 0);
    expect(told(book.leave(leaseSubject("b", "eureka", "default", "a")))).toEqual(["a left"]);
    expect(book.tick(10_000, true)).toEqual([]);
    expect(statuses(book)).toEqual(["a left"]);
    expect(book.leave(leaseSubject("b", "eureka", "default", "a"))).toEqual([]);
  });

  test("isn't lost while its bucket can't be read, and gets its time anew when it can", () => {
    const book = new CollectorBook();
    renew(book, leaseOf("a"), 0);
    expect(book.tick(60_000, false)).toEqual([]);
    expect(book.tick(60_000 + leaseDurationMs - 1, true)).toEqual([]);
    expect(told(book.tick(60_000 + leaseDurationMs, true))).toEqual(["a lost"]);
  });

  test("says when it can't read its registry, and when it can again; once each", () => {
    const book = new CollectorBook();
    renew(book, leaseOf("a"), 0);
    const failing = leaseOf("a", { error: "refused", failingSince: "2026-01-01T00:00:00Z" });
    expect(told(renew(book, failing, 1))).toEqual(["a failing"]);
    expect(renew(book, failing, 2)).toEqual([]);
    expect(told(renew(book, leaseOf("a"), 3))).toEqual(["a recovered"]);
    expect(told(renew(book, leaseOf("b", { error: "refused" }), 4))).toEqual(["b appeared", "b failing"]);
  });

  test("that is gone is forgotten when others read its source, and remembered as the last one", () => {
    const book = new CollectorBook();
    renew(book, leaseOf("a"), 0);
    renew(book, leaseOf("b"), 5000);
    book.tick(100_000, true);
    book.tick(700_000, true);
    expect(statuses(book)).toEqual(["b lost"]);
    renew(book, leaseOf("c"), 700_000);
    book.tick(700_001, true);
    expect(statuses(book)).toEqual(["c live"]);
    expect(book.sources).toEqual([{ registry: "eureka", source: "default" }]);
  });
});
