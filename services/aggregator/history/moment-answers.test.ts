import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import { ResourceCache } from "../catalogue/cache.ts";
import { HistoryBook } from "./history-book.ts";
import { changesOf, ChangesQuery, momentDiff, MomentQuery } from "./moment-answers.ts";
import { isAfter, parseMoment } from "./moment.ts";
import { recordsAt, RecordsQuery } from "./record-answers.ts";
import { timelineOf } from "./timeline.ts";

const position = (sequence: number, stream = "20261130T030000000Z") =>
  `${stream}-${String(sequence).padStart(16, "0")}`;

function resource(name: string, version: string, sequence: number): CachedResource {
  return {
    subject: `s.${name}`,
    registry: "eureka",
    source: "default",
    name: `shop/${name}`,
    version,
    cursor: position(sequence),
    revision: undefined,
    endpoints: 2,
    framed: Buffer.from(version),
  };
}

/** A cache whose changes are recorded, from the time 1,000 on. */
function recorded(limits = { versions: 5, maxBytes: 1000 }) {
  const history = new HistoryBook(limits);
  let nowMs = 1000;
  const cache = new ResourceCache({
    onStored: (kind, before, after, position) => history.record(kind, before, after, position, nowMs),
  });
  history.begin({ atMs: nowMs, position: position(nowMs) });
  return {
    history,
    cache,
    /** Stores a version of a resource, or deletes it; each change is a millisecond later than the last. */
    change(name: string, version: string | undefined) {
      nowMs++;
      if (version === undefined) cache.delete("ServiceEntry", `s.${name}`, position(nowMs));
      else cache.put("ServiceEntry", resource(name, version, nowMs));
      return nowMs;
    },
    options: { cache, history, historySince: () => 1000 },
  };
}

describe("a moment", () => {
  const nowMs = Date.parse("2026-11-30T03:00:00Z");

  test.each([
    ["10m", { type: "time", atMs: nowMs - 600_000 }],
    ["0s", { type: "time", atMs: nowMs }],
    ["2026-11-30T02:00:00Z", { type: "time", atMs: nowMs - 3_600_000 }],
    ["2026-11-30T04:00:00.5+02:00", { type: "time", atMs: nowMs - 3_599_500 }],
    [position(7), { type: "position", position: position(7) }],
  ])("is %s", (text, moment) => {
    expect(parseMoment(text, nowMs)).toEqual(moment);
  });

  test.each([
    ["yesterday", /^"yesterday" is no moment: give a duration such as 10m/],
    ["", /is no moment/],
    ["2026-11-30", /is no moment/],
    ["2026-13-30T02:00:00Z", /is no moment/],
    ["-1h", /^-1h is in the future/],
    ["2027-01-01T00:00:00Z", /is in the future/],
  ])("isn't %j", (text, message) => {
    expect(() => parseMoment(text, nowMs)).toThrow(message);
  });

  test("has what happened at it behind it", () => {
    const instant = { atMs: 5, position: position(5) };
    expect(isAfter(instant, { type: "time", atMs: 4 })).toBe(true);
    expect(isAfter(instant, { type: "time", atMs: 5 })).toBe(false);
    expect(isAfter(instant, { type: "position", position: position(4) })).toBe(true);
    expect(isAfter(instant, { type: "position", position: position(5) })).toBe(false);
  });
});

test("a catalogue at any moment is the one that there was, or is said to be unknown", async () => {
  const step = fc.record({
    name: fc.constantFrom("a", "b", "c", "d"),
    version: fc.constantFrom(undefined, "1", "2", "3"),
  });
  const limits = fc.record({ versions: fc.integer({ min: 1, max: 4 }), maxBytes: fc.constantFrom(8, 1000) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      limits,
      fc.boolean(),
      async (steps, limits, byPosition) => {
        const { change, options, history } = recorded(limits);
        const names = ["a", "b", "c", "d"];
        const now = new Map<string, string>();
        const then: { readonly atMs: number; readonly versions: ReadonlyMap<string, string> }[] = [
          { atMs: 1000, versions: new Map() },
        ];
        for (const { name, version } of steps) {
          const atMs = change(name, version);
          if (version === undefined) now.delete(name);
          else now.set(name, version);
          then.push({ atMs, versions: new Map(now) });
        }
        for (const { atMs, versions } of then) {
          const at = byPosition ? position(atMs) : new Date(atMs).toISOString();
          const { rows, counts } = momentDiff(MomentQuery.parse({ at }), options);
          const { records } = await recordsAt(RecordsQuery.parse({ at }), options);
          const unknown = names.filter((name) => (history.forgotten(`s.${name}`)?.atMs ?? 0) > atMs);
          expect(counts.unknown).toBe(unknown.length);
          const differing = names.filter((name) =>
            !unknown.includes(name) && versions.get(name) !== now.get(name)
          );
          expect(rows.map(({ name }) => name)).toEqual(differing.map((name) => `shop/${name}`));
          expect(records.map(({ subject, since }) => [subject, since])).toEqual(
            names.filter((name) => versions.has(name) && !unknown.includes(name)).map((name) => [
              `s.${name}`,
              now.has(name) ? now.get(name) === versions.get(name) ? "same" : "changed" : "removed",
            ]),
          );
          for (const { name, change } of rows) {
            const [before, after] = [versions, now].map((each) => each.get(name.slice("shop/".length)));
            expect(change).toBe(before === undefined ? "added" : after === undefined ? "removed" : "changed");
          }
        }
      },
    ),
  );
});

test("two moments are compared with one another", () => {
  const { change, options } = recorded();
  change("a", "1");
  change("b", "1");
  change("a", "2");
  change("b", undefined);
  const between = (at: number, to: number) =>
    momentDiff(MomentQuery.parse({ at: position(at), to: position(to) }), options).rows
      .map((
        { name, change, endpointsBefore, endpointsAfter },
      ) => [name, change, endpointsBefore, endpointsAfter]);
  expect(between(1001, 1003)).toEqual([["shop/a", "changed", 2, 2], ["shop/b", "added", 0, 2]]);
  expect(between(1002, 1004)).toEqual([["shop/a", "changed", 2, 2], ["shop/b", "removed", 2, 0]]);
  expect(between(1000, 1000)).toEqual([]);
});

test("a moment before the first that is kept is refused, and says from when on", () => {
  const { options } = recorded();
  const ask = (at: string) => () => momentDiff(MomentQuery.parse({ at }), options);
  expect(ask(position(999))).toThrow(
    /^that is before 1970-01-01T00:00:01\.000Z \(20261130T030000000Z-0+1000\)/,
  );
  expect(ask("1970-01-01T00:00:00Z")).toThrow(/^that is before/);
  const never = recorded({ versions: 0, maxBytes: 1000 });
  expect(() => momentDiff(MomentQuery.parse({ at: "10m" }), never.options)).toThrow(/history\.versions is 0/);
  const early = { ...options, history: new HistoryBook({ versions: 5, maxBytes: 1000 }) };
  expect(() => momentDiff(MomentQuery.parse({ at: "10m" }), early)).toThrow(/waits for its sources/);
});

test("what happened is listed newest first, by time, source and namespace", () => {
  const { change, options } = recorded();
  change("a", "1");
  change("b", "1");
  change("a", undefined);
  const list = (query: object) => changesOf(ChangesQuery.parse(query), options);
  const names = (query: object) => list(query).changes.map(({ name, change }) => `${change} ${name}`);
  expect(names({})).toEqual(["removed shop/a", "added shop/b", "added shop/a"]);
  expect(names({ since: position(1001), until: position(1002) })).toEqual(["added shop/b"]);
  expect(names({ source: "nacos" })).toEqual([]);
  expect(names({ namespace: "shop", kind: "ServiceEntry", source: "eureka" })).toHaveLength(3);
  expect(names({ kind: "Sidecar" })).toEqual([]);
  expect(list({ limit: 1 })).toMatchObject({ changes: [{ change: "removed" }], left: 2 });
});

test("a catalogue of a moment is read page by page, and chosen by name, source and namespace", async () => {
  const { change, options } = recorded();
  for (const name of ["a", "b", "c"]) change(name, "1");
  change("b", undefined);
  const at = position(1003);
  const page = async (query: object) => await recordsAt(RecordsQuery.parse({ at, ...query }), options);
  const first = await page({ limit: 2 });
  expect(first.records.map(({ name }) => name)).toEqual(["shop/a", "shop/b"]);
  const rest = await page({ limit: 2, cursor: first.next });
  expect(rest).toMatchObject({ records: [{ name: "shop/c" }], next: null });
  const names = async (query: object) => (await page(query)).records.map(({ name }) => name);
  expect(await names({ q: "P/B" })).toEqual(["shop/b"]);
  expect(await names({ source: "nacos" })).toEqual([]);
  expect(await names({ namespace: "sho" })).toEqual([]);
  expect(await names({ kind: "Sidecar" })).toEqual([]);
});

describe("the moments that can be asked for", () => {
  test("reach from the first that is kept to now, whatever the stream begins with", () => {
    const history = new HistoryBook({ versions: 5, maxBytes: 1000 });
    const cache = new ResourceCache({
      onStored: (kind, before, after, position) => history.record(kind, before, after, position, 5000),
    });
    const options = { cache, history, historySince: () => 1000 };
    expect(timelineOf(options)).toEqual({ versions: 5, first: null, last: null, changes: 0, parts: [] });
    const start = 1_800_000_000_000_000;
    history.begin({ atMs: 1000, position: position(start) });
    const floor = { at: "1970-01-01T00:00:01.000Z", position: position(start) };
    expect(timelineOf(options)).toMatchObject({ first: floor, last: floor, changes: 0 });
    cache.put("ServiceEntry", resource("a", "1", start + 1));
    cache.put("ServiceEntry", resource("b", "1", start + 200));
    const { first, last, changes, parts } = timelineOf(options);
    expect([first, last?.position, changes]).toEqual([floor, position(start + 200), 2]);
    expect([parts.length, parts[0], parts[99]]).toEqual([100, 1, 1]);
    const middle = position(start + 100);
    expect(momentDiff(MomentQuery.parse({ at: middle }), options)).toMatchObject({
      moment: { position: position(start + 1) },
      rows: [{ name: "shop/b", change: "added" }],
    });
  });

  test("are those of the log that is read now", () => {
    const { change, cache, options } = recorded();
    change("a", "1");
    const younger = position(7, "20261201T030000000Z");
    cache.put("ServiceEntry", { ...resource("b", "1", 7), cursor: younger });
    cache.delete("ServiceEntry", "s.a", "");
    expect(timelineOf(options)).toMatchObject({
      first: { position: younger },
      last: { position: younger },
      changes: 3,
    });
  });
});
