import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { liveHostsOf } from "../catalogue/cached-resource.ts";
import { resourceOf } from "./conflict-rig.ts";
import type { RigEntry } from "./conflict-rig.ts";
import { gainsFirst, unknown } from "./gains-first.ts";

/** A replacement by the entries' hosts; an entry of no endpoints where it says so. */
function replacement(name: string, before: RigEntry | undefined, after: RigEntry | undefined) {
  return {
    name,
    before: before && resourceOf({ name, ...before }),
    after: after && resourceOf({ name, ...after }),
  };
}

const one = { hosts: ["h1.shop"] };
const two = { hosts: ["h2.shop"] };
const both = { hosts: ["h1.shop", "h2.shop"] };
const empty = { endpoints: [] };

describe("of the replacements of one regrouping", () => {
  const order = (...replacements: ReturnType<typeof replacement>[]) =>
    gainsFirst(replacements, ({ before, after }) => ({
      before: before && liveHostsOf(before),
      after: after && liveHostsOf(after),
    })).map((together) => together.map(({ name }) => name).join(" and "));

  test("what takes a host over comes before what gives it away", () => {
    expect(order(replacement("gives", both, two), replacement("takes", two, both))).toEqual([
      "takes",
      "gives",
    ]);
  });

  test("in a chain, what takes a host over comes before what gives it away, however it is written", () => {
    const three = { hosts: ["H1.shop", "h3.shop"] };
    const gives = replacement("gives", one, { ...one, ...empty });
    const passes = replacement("passes", two, three);
    for (const chain of [[gives, passes], [passes, gives]]) {
      expect(order(...chain, replacement("takes", undefined, two))).toEqual(["takes", "passes", "gives"]);
    }
  });

  test("what swaps its hosts, or passes them on in a circle, is told at once, after what takes one over of it", () => {
    expect(order(replacement("a", one, two), replacement("b", two, one))).toEqual(["a and b"]);
    const three = { hosts: ["h3.shop"] };
    expect(order(
      replacement("a", { hosts: ["h1.shop", "h4.shop"] }, two),
      replacement("b", two, three),
      replacement("c", three, one),
      replacement("d", { hosts: ["h6.shop"] }, { hosts: ["h4.shop"] }),
    )).toEqual(["d", "a and c and b"]);
  });

  test("what had unknown hosts is told at once, before what gives a host to it and after what takes one", () => {
    const hostsOf: Readonly<Record<string, { before: readonly string[] | typeof unknown; after: string[] }>> =
      {
        gives: { before: ["h1", "h2"], after: ["h2"] },
        "unknown 1": { before: unknown, after: ["h1"] },
        "unknown 2": { before: unknown, after: ["h3"] },
        // Another one has what it has, too.
        "unknown 3": { before: unknown, after: ["h6"] },
        stays: { before: ["h6"], after: ["h6"] },
        "empty now": { before: unknown, after: [] },
        takes: { before: ["h4"], after: ["h5"] },
      };
    const order = gainsFirst(Object.entries(hostsOf), ([, hosts]) => hosts)
      .map((together) => together.map(([name]) => name).sort().join(" and "));
    expect(order[0]).toBe("stays");
    expect(order.slice(1)).toEqual(["takes", "unknown 1 and unknown 2", "gives", "unknown 3", "empty now"]);
  });

  test("what gets endpoints comes before what becomes empty", () => {
    expect(order(replacement("empties", one, { ...one, ...empty }), replacement("fills", two, both)))
      .toEqual(["fills", "empties"]);
  });

  test("who gives a host away that another one has anyway need not wait for who takes it", () => {
    expect(order(
      replacement("takes", two, one),
      replacement("passes", one, two),
      replacement("comes", undefined, two),
    )).toEqual(["comes", "takes", "passes"]);
  });

  test("what is new comes first, what goes last", () => {
    expect(order(
      replacement("goes", one, undefined),
      replacement("gives", both, two),
      replacement("stays", two, two),
      replacement("comes", undefined, one),
    )).toEqual(["comes", "stays", "gives", "goes"]);
  });
});

/** Which hosts each of some names has, before and after; absent: there is no such name. */
const histories = fc.array(
  fc.record({
    before: fc.option(fc.subarray(["h1", "h2", "h3", "h4", "h5"]), { nil: undefined }),
    after: fc.option(fc.subarray(["h1", "h2", "h3", "h4", "h5"]), { nil: undefined }),
    isKnown: fc.boolean(),
  }),
  { maxLength: 7 },
);

test("of any replacements, no host is missing after each step that is there before and at the end", () => {
  fc.assert(
    fc.property(histories, (names) => {
      const told = gainsFirst(
        names,
        ({ before, after, isKnown }) => ({ before: before && (isKnown ? before : unknown), after }),
      );
      expect(told.flat()).toHaveLength(names.length);
      const held = new Map(names.map((each) => [each, each.before ?? []]));
      const hosts = () => new Set([...held.values()].flat());
      const staying = hosts().intersection(new Set(names.flatMap(({ after }) => after ?? [])));
      for (const together of told) {
        for (const each of together) held.set(each, each.after ?? []);
        expect([...staying.difference(hosts())]).toEqual([]);
      }
    }),
    { numRuns: 5000 },
  );
});

test("of replacements whose hosts are known, only circles are told at once", () => {
  fc.assert(
    fc.property(histories, (names) => {
      const told = gainsFirst(names, ({ before, after }) => ({ before, after }));
      for (const together of told) {
        if (together.length === 1) continue;
        const takes = (each: (typeof names)[number]) =>
          new Set(each.after ?? []).difference(new Set(each.before ?? []));
        const gives = (each: (typeof names)[number]) =>
          new Set(each.before ?? []).difference(new Set(each.after ?? []));
        for (const each of together) {
          const others = together.filter((other) => other !== each);
          expect(others.some((other) => takes(other).intersection(gives(each)).size > 0)).toBe(true);
          expect(others.some((other) => gives(other).intersection(takes(each)).size > 0)).toBe(true);
        }
      }
    }),
    { numRuns: 2000 },
  );
});
