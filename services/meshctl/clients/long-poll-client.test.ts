import { expect, test } from "vitest";
import { judge } from "./long-poll-client.ts";

const answer = (version: string | undefined, status = 200, text = "") => ({
  status,
  version,
  body: new TextEncoder().encode(text),
});

test.each([
  ["a first version", "", answer("v1"), "everything"],
  ["another version", "v1", answer("v2"), "everything"],
  ["the version that is held", "v1", answer("v1"), "nothing"],
  ["nothing, as nothing is held", "", answer(""), "nothing"],
])("%s", (_, held, given, verdict) => {
  expect(judge(held, given)).toBe(verdict);
});

test.each([
  [
    "a lost state, which clients take for deletions",
    "v1",
    answer(""),
    /no longer knows any version.* hold v1/,
  ],
  ["no version at all", "", answer(undefined), /no header `version`/],
  ["another server", "", answer(undefined, 404), /no \/configs there/],
  ["a refusal", "", answer(undefined, 503, "too many streams\nx"), /^it answers with 503: too many streams$/],
])("%s", (_, held, given, failure) => {
  expect(judge(held, given)).toEqual({ failure: expect.stringMatching(failure) });
});
