import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { streamedText } from "./streamed-text.ts";

/** Texts that take the process a millisecond each. */
function* slowTexts(count: number, onText: () => void): Iterable<string> {
  for (let index = 0; index < count; index++) {
    const endMs = performance.now() + 1;
    while (performance.now() < endMs);
    onText();
    yield `${index} `;
  }
}

test("of many bodies that are made at a time, one has each turn of the event loop", async () => {
  let texts = 0;
  let most = 0;
  const bodies = Array.from({ length: 20 }, () => streamedText(slowTexts(30, () => texts++)));
  const over = new AbortController();
  const all = Promise.all(bodies.map(async (body) => await new Response(body).text()))
    .finally(() => over.abort());
  while (!over.signal.aborted) {
    const before = texts;
    await nextTurn();
    most = Math.max(most, texts - before);
  }
  const expected = Array.from({ length: 30 }, (_, index) => `${index} `).join("");
  expect(await all).toEqual(bodies.map(() => expected));
  // A body's turn ends after 5 ms; two of them may fall between two looks.
  expect(most).toBeLessThanOrEqual(12);
});
