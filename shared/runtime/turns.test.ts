import { expect, test } from "vitest";
import { Turns } from "./turns.ts";
import { WorkPerTurn } from "./work-per-turn-rig.ts";

/** Works that many milliseconds, in turns of its own. */
async function workFor(ms: number, work: WorkPerTurn): Promise<void> {
  const turns = new Turns(20);
  for (let piece = 0; piece < ms; piece++) {
    if (turns.isOver) await turns.next();
    work.work();
  }
}

test("works that follow one another, or come together, share a turn of the event loop", async () => {
  const work = new WorkPerTurn();
  await workFor(15, work);
  await workFor(15, work);
  await Promise.all([workFor(30, work), workFor(30, work)]);
  expect(work.total).toBe(90);
  expect(work.longestMs).toBeLessThanOrEqual(25);
});

test("a work that comes late in a turn goes on in the next ones", async () => {
  const work = new WorkPerTurn();
  const first = workFor(20, work);
  const late = workFor(3, work);
  await Promise.all([first, late]);
  expect(work.total).toBe(23);
});
