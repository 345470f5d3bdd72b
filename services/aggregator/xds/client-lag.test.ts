import { expect, test } from "vitest";
import { ClientLag } from "./client-lag.ts";

test("a client that has taken nothing is behind since it came", () => {
  const lag = new ClientLag(100);
  expect([lag.sinceMs, lag.changesAfter("ServiceEntry", 7)]).toEqual([100, undefined]);
  lag.sent("ServiceEntry", 7);
  expect(lag.changesAfter("ServiceEntry", 7)).toBeUndefined();
});

test("a client is behind since the oldest change that it lacks, by the changes after its last acknowledgement", () => {
  const lag = new ClientLag(100);
  lag.sent("ServiceEntry", 7);
  lag.acknowledged("ServiceEntry", 110);
  expect(lag.changesAfter("ServiceEntry", 7)).toBe(0);
  lag.changed("ServiceEntry", 200);
  lag.sent("ServiceEntry", 8);
  lag.changed("ServiceEntry", 300);
  expect([lag.sinceMs, lag.changesAfter("ServiceEntry", 10)]).toEqual([200, 3]);
  lag.acknowledged("ServiceEntry", 400);
  expect([lag.sinceMs, lag.changesAfter("ServiceEntry", 10)]).toEqual([300, 2]);
});

test("a refusal stays known when all is taken, and what was refused is still lacked", () => {
  const lag = new ClientLag(100);
  lag.changed("ServiceEntry", 200);
  lag.sent("ServiceEntry", 1);
  const refusal = { at: new Date(0), typeUrl: "t", message: "bad", names: ["shop/a"] };
  lag.refused(refusal);
  lag.settled();
  expect(lag.sinceMs).toBe(200);
  lag.sent("ServiceEntry", 2);
  lag.acknowledged("ServiceEntry", 300);
  expect(lag.lastRefusal).toEqual(refusal);
});
