import { describe, expect, test } from "vitest";
import { ownerOf } from "../../shared/collector/ownership.ts";
import { promises } from "./history.ts";
import type { Stored } from "./history.ts";

const members = ["a", "b"];
const truth = new Map([["orders", ["1 2", "1 2 3", "2 3"]], ["cart", ["7"]]]);

function entry(host: string, endpoints: string, member = ownerOf(host, members) ?? ""): Stored {
  return { type: "entry", host, endpoints, unit: host, member };
}

const good: readonly Stored[] = [
  { type: "term", members },
  entry("orders", "1 2"),
  entry("cart", "7"),
  entry("orders", "2 3"),
];

function broken(...more: readonly Stored[]): string[] {
  return Object.entries(promises).filter(([, check]) => check([...good, ...more], truth).length > 0).map((
    [name],
  ) => name);
}

/** A validator that never failed is not to be trusted. */
describe("The validators of replicas", () => {
  test("have nothing against a good history, in which states may be passed over", () => {
    expect(broken()).toEqual([]);
  });

  test.each<[what: string, promise: RegExp, more: readonly Stored[]]>([
    ["a repetition", /exactly once/, [entry("cart", "7")]],
    ["an old state after a newer one", /no flip/, [entry("orders", "1 2 3"), entry("orders", "2 3")]],
    ["a state that never was", /no flip/, [entry("orders", "9"), entry("orders", "2 3")]],
    ["an emptied service", /no entry is emptied/, [entry("cart", ""), entry("cart", "7")]],
    ["a deleted service", /no entry is emptied/, [{ type: "deleted", subject: "mesh.entries.cart" }]],
    ["a publisher that isn't the owner", /only the owner/, [entry("orders", "2 3", "nobody")]],
    ["a late end", /in the end/, [entry("orders", "1 2 3")]],
  ])("notice %s", (_what, promise, more) => {
    expect(broken(...more)).toEqual(expect.arrayContaining([expect.stringMatching(promise)]));
  });

  test("notice a publisher whose term is over", () => {
    const late = ["x", "y", "z"].map((host) => entry(host, "1", "a"));
    expect(broken({ type: "term", members: ["b"] }, ...late)).toContain(
      "only the owner of a unit publishes it",
    );
  });
});
