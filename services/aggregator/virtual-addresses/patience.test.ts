import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Patience } from "./patience.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

function newPatience(isAnswered = () => false) {
  const onOver = vi.fn();
  return { onOver, patience: new Patience({ limitMs: 1000, isAnswered, onOver }) };
}

test("runs out when there is no sign of life", () => {
  const { patience, onOver } = newPatience();
  patience.wait();
  vi.advanceTimersByTime(999);
  expect(patience.isOver).toBe(false);
  vi.advanceTimersByTime(1);
  expect(patience.isOver).toBe(true);
  expect(onOver).toHaveBeenCalledOnce();
});

test("lasts as long again after each sign of life", () => {
  const { patience, onOver } = newPatience();
  patience.wait();
  for (let i = 0; i < 5; i++) {
    vi.advanceTimersByTime(900);
    patience.progress();
  }
  vi.advanceTimersByTime(999);
  expect(onOver).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(onOver).toHaveBeenCalledOnce();
});

test("isn't made longer by whoever waits, too", () => {
  const { patience, onOver } = newPatience();
  patience.wait();
  vi.advanceTimersByTime(500);
  patience.wait();
  vi.advanceTimersByTime(500);
  expect(onOver).toHaveBeenCalledOnce();
});

test("is back with a sign of life, and can run out again", () => {
  const { patience, onOver } = newPatience();
  patience.wait();
  vi.advanceTimersByTime(1000);
  patience.progress();
  expect(patience.isOver).toBe(false);
  patience.wait();
  vi.advanceTimersByTime(1000);
  expect(onOver).toHaveBeenCalledTimes(2);
});

test("doesn't run out when all is answered, or after the end", () => {
  const answered = newPatience(() => true);
  answered.patience.wait();
  const stopped = newPatience();
  stopped.patience.wait();
  stopped.patience.stop();
  const endedBefore = newPatience();
  endedBefore.patience.stop();
  endedBefore.patience.wait();
  vi.advanceTimersByTime(5000);
  expect(answered.onOver).not.toHaveBeenCalled();
  expect(answered.patience.isOver).toBe(false);
  expect(stopped.onOver).not.toHaveBeenCalled();
  expect(endedBefore.onOver).not.toHaveBeenCalled();
});
