import { expect, test } from "vitest";
import { Health } from "./health.ts";

const times = { idleMs: 5_000, answerMs: 3_000, attempts: 3 };

test("asks after an idle time, and not while something comes", () => {
  const health = new Health(times, 0);
  expect(health.due(4_999)).toBe("nothing");
  health.heard(4_000);
  expect(health.due(8_999)).toBe("nothing");
  expect(health.nextMs(8_000)).toBe(1_000);
  expect(health.due(9_000)).toBe("ask");
});

test("asks one question at a time, and gives up after the third without an answer", () => {
  const health = new Health(times, 0);
  for (const round of [1, 2, 3]) {
    expect(health.due(5_000 + round)).toBe("ask");
    health.asked(5_000 + round);
    expect(health.due(5_000 + round)).toBe("nothing");
    health.unanswered();
  }
  expect(health.due(5_010)).toBe("give up");
});

test("takes any answer for a sign of life", () => {
  const health = new Health(times, 0);
  health.asked(5_000);
  health.unanswered();
  health.asked(8_000);
  health.heard(8_100);
  // The question's own failure comes late.
  health.unanswered();
  expect(health.due(8_100)).toBe("nothing");
  expect(health.due(13_100)).toBe("ask");
});
