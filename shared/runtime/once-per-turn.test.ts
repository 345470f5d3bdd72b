import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { oncePerTurn } from "./once-per-turn.ts";

test("does the work once for all that asked in one turn, and not at once", async () => {
  let done = 0;
  const ask = oncePerTurn(() => done++);
  for (let i = 0; i < 100; i++) ask();
  expect(done).toBe(0);
  await nextTurn();
  expect(done).toBe(1);
  await nextTurn();
  expect(done).toBe(1);
});

test("work that asks again is done again in the next turn", async () => {
  let done = 0;
  const ask = oncePerTurn(() => {
    if (++done < 3) ask();
  });
  ask();
  await nextTurn();
  expect(done).toBe(1);
  await nextTurn();
  await nextTurn();
  expect(done).toBe(3);
});
