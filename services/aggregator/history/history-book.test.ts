import { expect, test } from "vitest";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import { HistoryBook } from "./history-book.ts";

const resource = (name: string, version: string): CachedResource => ({
  subject: `s.${name}`,
  registry: "eureka",
  source: "default",
  name: `shop/${name}`,
  version,
  cursor: version,
  revision: undefined,
  endpoints: 0,
  framed: Buffer.alloc(10),
});

/** The versions of a resource one after the other. */
function write(book: HistoryBook, name: string, ...versions: readonly string[]): void {
  let before: CachedResource | undefined;
  for (const version of versions) {
    const after = resource(name, version);
    book.record("ServiceEntry", before, after, version, 0);
    before = after;
  }
}

test("keeps the last changes of each subject, and none that changes nothing", () => {
  const book = new HistoryBook({ versions: 2, maxBytes: 1000 });
  write(book, "a", "1", "2", "2", "3");
  expect(book.of("s.a").map(({ position }) => position)).toEqual(["2", "3"]);
  expect(book.subjectsOf("ServiceEntry", "shop/a")).toEqual(["s.a"]);
  expect(book.subjectsOf("Sidecar", "shop/a")).toEqual([]);
  expect(book.of("s.b")).toEqual([]);
});

test("beyond its memory the oldest changes go, whosever they are", () => {
  const book = new HistoryBook({ versions: 10, maxBytes: 50 });
  write(book, "a", "1", "2");
  write(book, "b", "1", "2");
  expect(book.bytes).toBe(50);
  expect(book.of("s.a")).toHaveLength(1);
  write(book, "c", "1", "2", "3");
  expect(book.bytes).toBeLessThanOrEqual(50);
  expect(book.of("s.a")).toEqual([]);
  expect(book.subjectsOf("ServiceEntry", "shop/a")).toEqual([]);
});

test("one change that is larger than all memory is forgotten at once", () => {
  const book = new HistoryBook({ versions: 10, maxBytes: 5 });
  write(book, "a", "1");
  expect([book.bytes, book.of("s.a")]).toEqual([0, []]);
});

test("keeps nothing with 0 versions", () => {
  const book = new HistoryBook({ versions: 0, maxBytes: 1000 });
  write(book, "a", "1", "2");
  expect(book.of("s.a")).toEqual([]);
});
