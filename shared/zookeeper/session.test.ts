import { expect, test } from "vitest";
import { Session } from "./session.ts";

const password = new Uint8Array(16).fill(3);
const granted = { timeoutMs: 4_000, sessionId: 9n, password, readOnly: false };
const none = { timeoutMs: 0, sessionId: 0n, password: new Uint8Array(16), readOnly: false };
const newSession = {
  sessionId: 0n,
  timeoutMs: 30_000,
  lastZxidSeen: 0n,
  password: new Uint8Array(16),
  readOnly: false,
};

test("is resumed with its id, password and last transaction", () => {
  const session = new Session(30_000, 0);
  expect(session.request()).toEqual(newSession);
  expect(session.greet(granted, 1)).toBe("new");
  expect(session.timeoutMs).toBe(4_000);
  session.sawZxid(7n);
  session.sawZxid(-1n);
  expect(session.request()).toEqual({ ...newSession, sessionId: 9n, password, lastZxidSeen: 7n });
  expect(session.greet(granted, 2)).toBe("resumed");
});

test("begins anew when it expired", () => {
  const session = new Session(30_000, 0);
  session.greet(granted, 1);
  session.sawZxid(7n);
  expect(session.greet(none, 2)).toBe("expired");
  expect(session.request()).toEqual(newSession);
  // No session that was asked for: that server can't be used.
  expect(session.greet(none, 3)).toBe("refused");
});

test("doesn't take a session of a server that only shows what it has", () => {
  const session = new Session(30_000, 0);
  expect(session.greet({ ...granted, readOnly: true }, 1)).toBe("refused");
  expect(session.request()).toEqual(newSession);
});

test("is given up when all servers have hung up on it for as long as it would live", () => {
  const session = new Session(30_000, 0);
  session.greet(granted, 0);
  session.ended(1_000);
  expect([1_100, 4_000, 4_900].map((nowMs) => session.hungUp(2, nowMs))).toEqual([false, false, false]);
  expect(session.hungUp(2, 5_000)).toBe(true);
  expect(session.request()).toEqual(newSession);
  // Nothing is left that could expire.
  expect([1, 2, 3, 4].map(() => session.hungUp(2, 100_000))).toEqual([false, false, false, false]);
});

test("isn't given up because of one server that is starting", () => {
  const session = new Session(30_000, 0);
  session.greet(granted, 0);
  for (const nowMs of [5_000, 6_000]) expect(session.hungUp(1, nowMs)).toBe(false);
  session.greet(granted, 7_000);
  for (const nowMs of [12_000, 13_000]) expect(session.hungUp(1, nowMs)).toBe(false);
});
