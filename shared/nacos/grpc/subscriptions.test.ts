import fc from "fast-check";
import { expect, test } from "vitest";
import type { ServiceName } from "../nacos.ts";
import { serviceKey } from "../wire/service-key.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { SubscriptionTask } from "./subscriptions.ts";

const service = (name: string): ServiceName => ({ group: "g", name });

test("asks for each once, in order, and for all again on another connection", () => {
  const subscriptions = new Subscriptions();
  expect(subscriptions.want(service("a"))).toBe(true);
  expect(subscriptions.want(service("a"))).toBe(false);
  subscriptions.want(service("b"));
  const asked = [subscriptions.next(0), subscriptions.next(0), subscriptions.next(0)];
  expect(asked.map((task) => task?.service.name)).toEqual(["a", "b", undefined]);
  for (const task of asked) if (task !== undefined) subscriptions.succeeded(task);
  expect(subscriptions.next(0)).toBeUndefined();
  subscriptions.restart();
  expect([subscriptions.next(0)?.service.name, subscriptions.next(0)?.service.name]).toEqual(["a", "b"]);
});

test("unsubscribes what is no longer wanted, also if that changed while the server was asked", () => {
  const subscriptions = new Subscriptions();
  subscriptions.want(service("a"));
  const subscribing = taken(subscriptions, 0);
  subscriptions.unwant(service("a"));
  expect(subscriptions.next(0)).toBeUndefined();
  subscriptions.succeeded(subscribing);
  const unsubscribing = taken(subscriptions, 0);
  expect(unsubscribing).toMatchObject({ subscribe: false });
  subscriptions.want(service("a"));
  subscriptions.succeeded(unsubscribing);
  expect(taken(subscriptions, 0)).toMatchObject({ subscribe: true });
});

test("is caught up when each was told of or refused", () => {
  const subscriptions = new Subscriptions();
  expect(subscriptions.isCaughtUp).toBe(true);
  subscriptions.want(service("a"));
  subscriptions.want(service("b"));
  const [a, b] = [taken(subscriptions, 0), taken(subscriptions, 0)];
  subscriptions.succeeded(a);
  subscriptions.arrived(service("a"), 1, "initial");
  expect(subscriptions.isCaughtUp).toBe(false);
  subscriptions.failed(b, 0, 1_000);
  expect(subscriptions.isCaughtUp).toBe(true);
  subscriptions.restart();
  expect(subscriptions.isCaughtUp).toBe(false);
});

test("tries a refused one again when that is due", () => {
  const subscriptions = new Subscriptions();
  subscriptions.want(service("a"));
  subscriptions.failed(taken(subscriptions, 0), 0, 1_000);
  expect(subscriptions.next(999)).toBeUndefined();
  expect(subscriptions.nextRetryMs(400)).toBe(600);
  expect(subscriptions.next(1_000)?.service.name).toBe("a");
  expect(subscriptions.nextRetryMs(1_000)).toBeUndefined();
});

test("tries one that is refused again and again ever later, until it was accepted once", () => {
  const subscriptions = new Subscriptions();
  subscriptions.want(service("a"));
  let nowMs = 0;
  const refuse = () => {
    subscriptions.failed(taken(subscriptions, nowMs), nowMs, 30_000);
    const pauseMs = subscriptions.nextRetryMs(nowMs) ?? 0;
    nowMs += pauseMs;
    return pauseMs;
  };
  expect(Array.from({ length: 5 }, refuse)).toEqual([30_000, 60_000, 120_000, 240_000, 300_000]);
  subscriptions.succeeded(taken(subscriptions, nowMs));
  subscriptions.restart();
  expect(refuse()).toBe(30_000);
});

test("drops an answer that a push overtook, and has a push that looks old looked into", () => {
  const subscriptions = new Subscriptions();
  subscriptions.want(service("a"));
  expect(subscriptions.arrived(service("a"), 100, "push")).toBe("take");
  expect(subscriptions.arrived(service("a"), 99, "initial")).toBe("drop");
  expect(subscriptions.arrived(service("a"), 100, "push")).toBe("take");
  expect(subscriptions.arrived(service("a"), 50, "push")).toBe("ask");
  // The clock was set back indeed: from now on its time counts.
  expect(subscriptions.arrived(service("a"), 51, "query")).toBe("take");
  expect(subscriptions.arrived(service("a"), 52, "push")).toBe("take");
  expect(subscriptions.arrived(service("unknown"), 100, "push")).toBe("drop");
});

test("ignores what comes of a connection before", () => {
  const subscriptions = new Subscriptions();
  subscriptions.want(service("a"));
  const old = taken(subscriptions, 0);
  subscriptions.restart();
  const task = taken(subscriptions, 0);
  subscriptions.failed(old, 0, 1_000);
  subscriptions.succeeded(task);
  expect(subscriptions.nextRetryMs(0)).toBeUndefined();
});

type Step = {
  readonly what: "want" | "unwant" | "begin" | "succeed" | "fail" | "restart";
  readonly name: string;
};

test("in the end the server knows what is wanted, whatever happened on the way", () => {
  const step: fc.Arbitrary<Step> = fc.record({
    what: fc.constantFrom("want", "want", "unwant", "begin", "succeed", "fail", "restart"),
    name: fc.constantFrom("a", "b", "c"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const subscriptions = new Subscriptions();
      const wanted = new Set<string>();
      let server = new Set<string>();
      let pending: SubscriptionTask[] = [];
      const answer = (task: SubscriptionTask, isGood: boolean) => {
        // A server that refuses may have done it all the same.
        if (task.subscribe) server.add(serviceKey(task.service));
        else if (isGood) server.delete(serviceKey(task.service));
        if (isGood) {
          subscriptions.succeeded(task);
          subscriptions.arrived(task.service, 0, "initial");
        } else subscriptions.failed(task, 0, 0);
      };
      for (const { what, name } of steps) {
        if (what === "want") {
          subscriptions.want(service(name));
          wanted.add(serviceKey(service(name)));
        } else if (what === "unwant") {
          subscriptions.unwant(service(name));
          wanted.delete(serviceKey(service(name)));
        } else if (what === "begin") {
          const task = subscriptions.next(0);
          if (task !== undefined) pending.push(task);
        } else if (what === "restart") {
          subscriptions.restart();
          server = new Set();
          pending = [];
        } else {
          const task = pending.shift();
          if (task !== undefined) answer(task, what === "succeed" || !task.subscribe);
        }
      }
      for (const task of pending) answer(task, true);
      for (let task = subscriptions.next(0); task !== undefined; task = subscriptions.next(0)) {
        answer(task, true);
      }
      expect([...server].sort()).toEqual([...wanted].sort());
      expect(subscriptions.size).toBe(wanted.size);
      expect(subscriptions.isCaughtUp).toBe(true);
    }),
    {
      examples: [[
        (["want", "begin", "fail", "unwant"] as const).map((what) => ({ what, name: "a" })),
      ]],
    },
  );
});

function taken(subscriptions: Subscriptions, nowMs: number): SubscriptionTask {
  const task = subscriptions.next(nowMs);
  if (task === undefined) throw new Error("nothing to be done");
  return task;
}
