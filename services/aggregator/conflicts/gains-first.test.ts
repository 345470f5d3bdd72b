import { describe, expect, test } from "vitest";
import { liveHostsOf } from "../catalogue/cached-resource.ts";
import { resourceOf } from "./conflict-rig.ts";
import type { RigEntry } from "./conflict-rig.ts";
import { gainsFirst } from "./gains-first.ts";

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
    })).map(({ name }) => name);

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
    // Who swap their hosts are told in their order: no other one is better.
    expect(order(replacement("a", one, two), replacement("b", two, one))).toHaveLength(2);
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
