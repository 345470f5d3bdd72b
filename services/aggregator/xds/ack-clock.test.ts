import { expect, test } from "vitest";
import { AckClock } from "./ack-clock.ts";

test("a change is timed from when it came to the acknowledgement of its response", () => {
  const clock = new AckClock();
  clock.changed("ServiceEntry", 100);
  clock.changed("ServiceEntry", 130);
  clock.sent("ServiceEntry");
  expect(clock.acknowledged("ServiceEntry", 150)).toBe(50);
  expect(clock.acknowledged("ServiceEntry", 160)).toBeUndefined();
});

test("what a client is sent when it begins is no change", () => {
  const clock = new AckClock();
  clock.sent("ServiceEntry");
  expect(clock.acknowledged("ServiceEntry", 150)).toBeUndefined();
});

test("a change that waits for another response counts from when it came", () => {
  const clock = new AckClock();
  clock.changed("ServiceEntry", 0);
  clock.sent("ServiceEntry");
  clock.changed("ServiceEntry", 10);
  expect(clock.acknowledged("ServiceEntry", 1000)).toBe(1000);
  clock.sent("ServiceEntry");
  expect(clock.acknowledged("ServiceEntry", 1200)).toBe(1190);
});

test("a change that the client doesn't see is forgotten, and kinds don't mix", () => {
  const clock = new AckClock();
  clock.changed("ServiceEntry", 0);
  clock.settled();
  clock.changed("Sidecar", 500);
  clock.sent("ServiceEntry");
  clock.sent("Sidecar");
  expect(clock.acknowledged("ServiceEntry", 600)).toBeUndefined();
  expect(clock.acknowledged("Sidecar", 600)).toBe(100);
});

test("a refused response and the one after it are one wait", () => {
  const clock = new AckClock();
  clock.changed("ServiceEntry", 0);
  clock.sent("ServiceEntry");
  clock.changed("ServiceEntry", 300);
  clock.sent("ServiceEntry");
  expect(clock.acknowledged("ServiceEntry", 400)).toBe(400);
});
