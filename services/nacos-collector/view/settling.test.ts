import { expect, test } from "vitest";
import { Settling } from "./settling.ts";

const times = { settleMs: 30_000, spreadMs: 10_000 };

test("waits for a connection, and then until providers have had their time", () => {
  const settling = new Settling(times);
  expect(settling.end(1_000_000)).toBe(false);
  settling.connected(0);
  expect(settling.dueMs).toBe(30_000);
  settling.firstRead(1);
  expect(settling.end(29_999)).toBe(false);
  expect(settling.end(30_000)).toBe(true);
  expect(settling.end(30_001)).toBe(false);
  expect(settling.isOver).toBe(true);
  expect(settling.dueMs).toBeUndefined();
});

test("begins anew with another connection before that", () => {
  const settling = new Settling(times);
  settling.connected(0);
  settling.connected(20_000);
  expect(settling.dueMs).toBe(50_000);
});

test("goes on while instances come, but not for ever", () => {
  const settling = new Settling(times);
  settling.connected(0);
  settling.grew(5_000);
  expect(settling.dueMs).toBe(30_000);
  settling.grew(25_000);
  expect(settling.dueMs).toBe(35_000);
  for (let nowMs = 25_000; nowMs < 1_000_000; nowMs += 9_000) settling.grew(nowMs);
  expect(settling.dueMs).toBe(300_000);
});

test("begins again when a young connection tells of a service for the first time", () => {
  const settling = new Settling(times);
  settling.connected(0);
  settling.end(30_000);
  expect(settling.firstRead(40_000)).toBe(false);
  expect(settling.isOver).toBe(true);
  settling.connected(100_000);
  expect(settling.isOver).toBe(true);
  expect(settling.firstRead(101_000)).toBe(true);
  expect(settling.firstRead(101_001)).toBe(false);
  expect(settling.dueMs).toBe(130_000);
  expect(settling.end(130_000)).toBe(true);
});
