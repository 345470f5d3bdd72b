import { describe, expect, test } from "vitest";
import { subjectMatcher } from "./subject-matcher.ts";

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
