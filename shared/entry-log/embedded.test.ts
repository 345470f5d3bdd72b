import { describe, expect, test } from "vitest";
import { describeConformance } from "./conformance.ts";
import { EmbeddedEntryLog, subjectMatcher } from "./embedded.ts";

describeConformance("EmbeddedEntryLog", () => {
  const log = new EmbeddedEntryLog();
  return Promise.resolve({
    open: () => Promise.resolve(log),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  });
});

describe("subjectMatcher", () => {
  test.each([
    ["mesh.entries.>", "mesh.entries.a", true],
    ["mesh.entries.>", "mesh.entries", false],
    ["mesh.entries.>", "mesh.entries.a.b.c", true],
    ["mesh.*.a", "mesh.entries.a", true],
    ["mesh.*.a", "mesh.entries.b", false],
    ["mesh.*", "mesh.entries.b", false],
    ["mesh.*.*", "mesh.entries", false],
    ["mesh.entries", "mesh.entries", true],
  ])("%s and %s", (filter, subject, matches) => {
    expect(subjectMatcher(filter)(subject)).toBe(matches);
  });
});
