import { describe, expect, test } from "vitest";
import { proseOfDocument, proseOfSource, wordingFaults } from "./check-wording.ts";

const wordsIn = (prose: string) =>
  wordingFaults("a.md", prose).map((fault) => /"(.*?)"/.exec(fault)?.[1]?.toLowerCase());

describe("wordingFaults()", () => {
  test.each([
    ["What is served, and what allows to let it go.", "allows to"],
    ["Set both keys, and what is what is told from the path.", "what is what"],
    ["Takes note of the log's result.", "takes note"],
    ["The caller is told of records that can't be used.", "is told"],
    ["So many records are shown in the debug API.", "so many"],
    ["The aggregator serves nobody before that.", "nobody"],
    ["Whoever opened it closes it.", "whoever"],
    ["Answers the number of names.", "answers"],
    ["Of old, a first request without names asks for everything.", "of old"],
  ])("finds the habit in: %s", (sentence, words) => {
    expect(wordsIn(sentence)).toContain(words);
  });

  test.each([
    "Names are told apart by case; two errors are told from each other.",
    "A server has so many watches that polling is cheaper.",
    "The server answers each request, and its answers come in order.",
    "A client of the old version is allowed two streams.",
  ])("leaves plain English alone: %s", (sentence) => {
    expect(wordsIn(sentence)).toEqual([]);
  });

  test("finds words on both sides of a line's end, and names the line of the first one", () => {
    expect(wordingFaults("a.md", "One line.\nThe clients are\ntold the version.")).toEqual([
      expect.stringMatching(/^a\.md:2: "are told": /),
    ]);
  });
});

describe("proseOfDocument()", () => {
  test("blanks code and keeps the lines", () => {
    const text =
      "Prose.\n\n```sh\nnobody\n```\n\n1. In a list:\n\n   ```sh\n   nobody\n   ```\n\n`nobody` is a user. Nobody\n";
    expect(wordingFaults("a.md", proseOfDocument(text))).toEqual([
      expect.stringMatching(/^a\.md:13: "Nobody": /),
    ]);
  });
});

describe("proseOfSource()", () => {
  test("keeps comments, across their lines, and nothing else", () => {
    const text = [
      "/** Answers a name, or `nobody`. */",
      'const user = "nobody";',
      "/**",
      " * Clients are",
      " * told.",
      " */",
      "  // So many retries.",
    ].join("\n");
    expect(wordingFaults("a.ts", proseOfSource(text)).map((fault) => fault.split(": ")[0])).toEqual([
      "a.ts:4",
      "a.ts:7",
      "a.ts:1",
    ]);
  });
});
