import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DependencyNode } from "../../shared/api/dependencies.ts";
import type { ServiceRow } from "../../shared/api/services.ts";
import { layoutOf } from "./page/graph-layout.ts";
import { EventParser } from "../../shared/api/event-parser.ts";
import { linkTo, routeOf, viewNames } from "./page/route.ts";
import { csvOf } from "./page/export-rows.ts";
import { columns, columnsIn, columnsText, filtered, sorted, usualColumns, windowOf } from "./page/rows.ts";
import { RateMeter } from "./page/rates.ts";
import { savedViews, saveView } from "./page/saved-views.ts";

const row = (name: string, change: Partial<ServiceRow> = {}): ServiceRow => ({
  name,
  hosts: [`${name}.host`],
  sources: ["eureka"],
  endpoints: 1,
  version: "v",
  position: "p",
  flags: [],
  ...change,
});

describe("the table of services", () => {
  const rows = [
    row("shop/b", { endpoints: 3 }),
    row("shop/a", { flags: ["conflict"], sources: ["eureka", "nacos"] }),
    row("till/c", { endpoints: 3, flags: ["empty"] }),
  ];
  const names = (some: readonly ServiceRow[]) => some.map(({ name }) => name);
  const all = { text: "", source: "", flag: "", inside: new Set<string>() };

  test("filters by what is typed, by source and state, and by what the aggregator found inside", () => {
    expect(names(filtered(rows, { ...all, text: " SHOP " }))).toEqual(["shop/b", "shop/a"]);
    expect(names(filtered(rows, { ...all, text: "c.host" }))).toEqual(["till/c"]);
    expect(names(filtered(rows, { ...all, text: "10.0.0.7", inside: new Set(["till/c"]) }))).toEqual([
      "till/c",
    ]);
    expect(names(filtered(rows, { ...all, source: "nacos" }))).toEqual(["shop/a"]);
    expect(names(filtered(rows, { ...all, flag: "empty" }))).toEqual(["till/c"]);
  });

  test("sorts, with ties by name", () => {
    expect(names(sorted(rows, "endpoints", false))).toEqual(["shop/a", "shop/b", "till/c"]);
    expect(names(sorted(rows, "name", true))).toEqual(["till/c", "shop/b", "shop/a"]);
  });

  test("always has the rows that can be seen, and room for all others", () => {
    const natural = fc.integer({ min: 0, max: 20_000 });
    fc.assert(fc.property(natural, natural, fc.integer({ min: 1, max: 2_000 }), (count, top, height) => {
      const { first, count: shown, before, after } = windowOf(count, 40, top * 40, height);
      expect(before + shown * 40 + after).toBe(count * 40);
      expect(before).toBe(first * 40);
      const seen = Math.min(count, Math.ceil((top * 40 + height) / 40));
      if (top < count) expect(first <= top && first + shown >= seen).toBe(true);
      expect(shown).toBeLessThan(height / 40 + 27);
    }));
  });
});

describe("the columns of the table of services", () => {
  test("are those that the URL names, and always the name", () => {
    fc.assert(fc.property(fc.subarray([...columns]), (some) => {
      const named = columns.filter((column) => column === "name" || some.includes(column));
      expect(columnsIn(columnsText(named))).toEqual(named);
    }));
    expect(columnsText(usualColumns)).toBe("");
    expect(columnsIn("flags,nothing,host")).toEqual(["name", "host", "flags"]);
  });
});

describe("saved views", () => {
  function storageWith(text: string | null) {
    let stored = text;
    return {
      getItem: () => stored,
      setItem: (_key: string, value: string) => {
        stored = value;
      },
    };
  }

  test("are found by name, replaced and forgotten", () => {
    const place = storageWith(null);
    expect(saveView("b", "q=1", place) && saveView("__proto__", "q=2", place)).toBe(true);
    expect(saveView("b", "q=3", place)).toBe(true);
    expect(Object.entries(savedViews(place))).toEqual([["__proto__", "q=2"], ["b", "q=3"]]);
    expect(saveView("b", undefined, place)).toBe(true);
    expect(Object.keys(savedViews(place))).toEqual(["__proto__"]);
  });

  test.each(["{", "null", "[1]", "7", '{"a": {"b": 1}}'])("in another form, %s, are passed over", (text) => {
    expect(savedViews(storageWith(text))).toEqual({});
    const place = storageWith(text);
    expect(saveView("a", "q=1", place)).toBe(true);
    expect(savedViews(place)).toEqual({ a: "q=1" });
  });

  test("say that the browser has no room", () => {
    const full = {
      ...storageWith(null),
      setItem: () => {
        throw new Error("full");
      },
    };
    expect(saveView("a", "q=1", full)).toBe(false);
  });
});

describe("rates", () => {
  const totals = (count: number) => (
    { read: 2 * count, changes: count, pushes: count, acknowledged: count, acknowledgedMs: 20 * count }
  );

  test("are those of the last ten seconds, and fall while nothing comes in", () => {
    const meter = new RateMeter();
    expect(meter.at(0)).toBeUndefined();
    meter.push(totals(100), 0);
    expect(meter.at(400)).toBeUndefined();
    meter.push(totals(150), 1_000);
    expect(meter.at(1_000)).toEqual({ read: 100, changes: 50, pushes: 50, ackMs: 20 });
    expect(meter.at(5_000)?.changes).toBe(10);
    expect(meter.at(11_000)).toEqual({ read: 0, changes: 0, pushes: 0, ackMs: undefined });
    meter.push(totals(160), 20_000);
    expect(meter.at(20_000)?.changes).toBe(1);
  });

  test("of another process begin anew", () => {
    const meter = new RateMeter();
    meter.push(totals(100), 0);
    meter.push(totals(3), 1_000);
    meter.push(totals(5), 2_000);
    expect(meter.at(2_000)?.changes).toBe(2);
  });
});

test("a table of services is CSV that spreadsheets take as text, whatever a registry holds", () => {
  const text = csvOf([
    row('shop/"a",b', { hosts: ["one", "two"], flags: ["empty", "held"] }),
    row("=cmd()", { hosts: ["@x\r\ny"] }),
  ]);
  expect(text.split("\r\n").slice(0, 2)).toEqual([
    "name,hosts,sources,endpoints,flags,version,position",
    '"shop/""a"",b",one two,eureka,1,empty held,v,p',
  ]);
  expect(text).toContain("\r\n'=cmd(),\"'@x\r\ny\",eureka,1,,v,p\r\n");
});

test("a link shows what it was made of, whatever stands in it", () => {
  const key = fc.constantFrom("q", "name", "text", "by");
  fc.assert(
    fc.property(
      fc.constantFrom(...viewNames),
      fc.dictionary(key, fc.string({ minLength: 1, unit: "grapheme" })),
      (view, parameters) => {
        expect(routeOf(linkTo(view, parameters))).toEqual({ view, parameters: { ...parameters } });
      },
    ),
  );
  expect(routeOf("#/nothing?x=1").view).toBe("overview");
  expect(routeOf("").view).toBe("overview");
});

test("events are read however the stream is cut", () => {
  const text =
    'event: hello\nid: a.1\ndata: {}\n\n:\n\nevent: services\nid: a.2\ndata: {"x":": "}\n\nevent: overview\ndata: 1\n\n';
  const whole = new EventParser().push(text);
  expect(whole).toEqual([
    { event: "hello", id: "a.1", data: "{}" },
    { event: "services", id: "a.2", data: '{"x":": "}' },
    { event: "overview", id: undefined, data: "1" },
  ]);
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
    const parser = new EventParser();
    const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
    const pieces = places.slice(1).map((end, index) => text.slice(places[index], end));
    expect(pieces.flatMap((piece) => parser.push(piece))).toEqual(whole);
  }));
});

test("no two nodes of a graph stand in one place, and callers stand beside what they call", () => {
  const node = (id: string, kind: DependencyNode["kind"], hop: number): DependencyNode => (
    { id, kind, name: id, service: null, hop, providers: 0, consumers: 0 }
  );
  const nodes = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 10 })), { maxLength: 60 });
  fc.assert(fc.property(nodes, (some) => {
    const all = [
      node("asked", "service", 0),
      ...some.map(([isService, hop], index) =>
        node(String(index), isService ? "service" : "application", hop)
      ),
    ].sort((a, b) => a.hop - b.hop);
    const edges = all.slice(1).map(({ id }) => ({ from: id, to: "asked" }));
    const { placed, width, height } = layoutOf(all, edges);
    expect(new Set(Array.from(placed.values(), ({ x, y }) => `${x} ${y}`)).size).toBe(all.length);
    expect(placed.get("asked")).toMatchObject({ x: 0, y: 0 });
    for (const { x, y, node: { id, hop } } of placed.values()) {
      expect(x + 1 <= width && y + 1 <= height, id).toBe(true);
      for (const other of placed.values()) if (other.node.hop < hop) expect(other.x).toBeLessThan(x);
    }
  }));
});
