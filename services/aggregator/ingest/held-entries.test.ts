import { expect, test } from "vitest";
import { HeldEntries } from "./held-entries.ts";

test("acts at once when nothing is held", () => {
  const held = new HeldEntries<string>();
  let acted = 0;
  held.afterThese(() => acted++);
  expect(acted).toBe(1);
});

test("acts after everything that was held before, in order, whatever is held later", () => {
  const held = new HeldEntries<string>();
  const acts: string[] = [];
  held.hold("a", "1");
  held.hold("b", "1");
  held.afterThese(() => acts.push("after a and b"));
  held.hold("c", "1");
  held.afterThese(() => acts.push("after c"));
  held.done("c");
  held.done("a");
  expect(acts).toEqual([]);
  held.done("b");
  expect(acts).toEqual(["after a and b", "after c"]);
});

test("a newer entry of a subject takes the place of the older one, and keeps its turn", () => {
  const held = new HeldEntries<string>();
  const acts: string[] = [];
  held.hold("a", "1");
  held.afterThese(() => acts.push("after a"));
  held.hold("a", "2");
  expect(held.get("a")).toBe("2");
  expect([...held.subjects]).toEqual(["a"]);
  held.done("a");
  held.done("a");
  expect(acts).toEqual(["after a"]);
  expect(held.size).toBe(0);
});
