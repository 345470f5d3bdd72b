import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReflectorStore } from "./store.ts";

type Value = { readonly v: number };

const newStore = () => new ReflectorStore<Value>((a, b) => a.v === b.v);

function read(store: ReflectorStore<Value>, objects: Readonly<Record<string, number>>) {
  store.readStarted();
  for (const [key, v] of Object.entries(objects)) store.gather(key, { v });
  return store.readEnded();
}

describe("ReflectorStore", () => {
  test("compares a complete read with what was known", () => {
    const store = newStore();
    read(store, { "a/1": 1, "a/2": 2, "a/3": 3 });
    const kept = store.objects.get("a/1");
    const { set, lost } = read(store, { "a/1": 1, "a/2": 20, "a/4": 4 });
    expect([...set]).toEqual([
      ["a/2", { object: { v: 20 }, before: { v: 2 } }],
      ["a/4", { object: { v: 4 }, before: undefined }],
    ]);
    expect([...lost]).toEqual([["a/3", { v: 3 }]]);
    expect(store.objects.get("a/1")).toBe(kept);
    expect([...store.objects.keys()].sort()).toEqual(["a/1", "a/2", "a/4"]);
  });

  test("a read that breaks off changes nothing", () => {
    const store = newStore();
    read(store, { "a/1": 1, "a/2": 2 });
    store.readStarted();
    store.gather("a/1", { v: 10 });
    expect(Object.fromEntries(store.objects)).toEqual({ "a/1": { v: 1 }, "a/2": { v: 2 } });
    const { set, lost } = read(store, { "a/1": 1, "a/2": 2 });
    expect([set.size, lost.size]).toEqual([0, 0]);
  });

  test("keeps what was known of an object that can't be used", () => {
    const store = newStore();
    read(store, { "a/1": 1 });
    store.readStarted();
    store.keep("a/1");
    store.keep("a/unknown");
    const { set, lost } = store.readEnded();
    expect([set.size, lost.size, store.objects.get("a/1")]).toEqual([0, 0, { v: 1 }]);
  });

  test("whoever follows what it tells has what it has", () => {
    const key = fc.constantFrom("a", "b", "c", "d");
    const step = fc.oneof(
      fc.record({ read: fc.dictionary(key, fc.nat(3)), isComplete: fc.boolean() }),
      fc.record({ key, v: fc.option(fc.nat(3), { nil: undefined }) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const store = newStore();
      const model = new Map<string, Value>();
      const follower = new Map<string, Value>();
      for (const step of steps) {
        if ("read" in step) {
          store.readStarted();
          for (const [key, v] of Object.entries(step.read)) store.gather(key, { v });
          if (!step.isComplete) continue;
          model.clear();
          for (const [key, v] of Object.entries(step.read)) model.set(key, { v });
          const { set, lost } = store.readEnded();
          for (const [key, { object, before }] of set) {
            expect(before).toEqual(follower.get(key));
            expect(object).not.toEqual(before);
            follower.set(key, object);
          }
          for (const [key, before] of lost) {
            expect(before).toEqual(follower.get(key));
            follower.delete(key);
          }
        } else {
          const object = step.v === undefined ? undefined : { v: step.v };
          if (object === undefined) model.delete(step.key);
          else model.set(step.key, object);
          const change = store.apply(step.key, object);
          if (change.type !== "unchanged") expect(change.before).toEqual(follower.get(step.key));
          if (change.type === "set") follower.set(step.key, change.object);
          if (change.type === "deleted") follower.delete(step.key);
        }
        expect(new Map(store.objects)).toEqual(model);
        expect(follower).toEqual(model);
      }
    }));
  });
});
