import { expect, test } from "vitest";
import { FuzzyWatch } from "./fuzzy-watch.ts";

const sync = "NamingFuzzyWatchSyncRequest";
const change = "NamingFuzzyWatchChangeNotifyRequest";
const pattern = "public>>*>>*";

function batch(syncType: string, ...contexts: readonly [type: string, key: string][]) {
  return {
    syncType,
    groupKeyPattern: pattern,
    contexts: contexts.map(([changedType, serviceKey]) => ({ changedType, serviceKey })),
  };
}

const init = (...keys: readonly string[]) =>
  batch("FUZZY_WATCH_INIT_NOTIFY", ...keys.map((key) => ["ADD_SERVICE", key] as [string, string]));
const finish = batch("FINISH_FUZZY_WATCH_INIT_NOTIFY");
const changed = (changedType: string, serviceKey: string) => ({ changedType, serviceKey });

function watching(): FuzzyWatch {
  const watch = new FuzzyWatch("public", undefined);
  watch.begin(0);
  watch.answered(0, 1);
  watch.take(sync, init("public@@g@@a", "public@@g@@b"), 2);
  watch.take(sync, finish, 3);
  return watch;
}

test("asks for everything, and tells it when the server is through", () => {
  const watch = new FuzzyWatch("public", undefined);
  expect(watch.begin(0)).toEqual({
    namespace: "public",
    groupKeyPattern: pattern,
    watchType: "WATCH",
    initializing: true,
    receivedGroupKeys: [],
  });
  expect(watch.take(sync, init("public@@g@@b"), 1)).toEqual([]);
  expect(watch.take(sync, init("public@@g@@a"), 2)).toEqual([]);
  // A change may come before the batches are through.
  expect(watch.take(change, changed("DELETE_SERVICE", "public@@g@@b"), 2)).toEqual([]);
  expect(watch.take(change, changed("ADD_SERVICE", "public@@g@@c"), 2)).toEqual([]);
  expect(watch.take(sync, finish, 3)).toEqual([
    { type: "services", services: [{ group: "g", name: "a" }, { group: "g", name: "c" }] },
  ]);
  expect(watch.needsLists(1_000_000)).toBe(false);
});

test("tells that there is nothing, when the server is through without any", () => {
  const watch = new FuzzyWatch("public", undefined);
  watch.begin(0);
  expect(watch.take(sync, finish, 3)).toEqual([{ type: "services", services: [] }]);
});

test("tells changes, of a service once", () => {
  const watch = watching();
  const service = { group: "g", name: "c:1@@x" };
  expect(watch.take(change, changed("ADD_SERVICE", "public@@g@@c:1@@x"), 4)).toEqual([
    { type: "service-added", service },
  ]);
  expect(watch.take(change, changed("ADD_SERVICE", "public@@g@@c:1@@x"), 5)).toEqual([]);
  expect(watch.take(change, changed("DELETE_SERVICE", "public@@g@@c:1@@x"), 6)).toEqual([
    { type: "service-gone", service },
  ]);
});

test("heals drift after three minutes: the server tells the difference to what is held", () => {
  const watch = watching();
  expect(watch.due(180_002)).toBeUndefined();
  expect(watch.due(180_003)).toMatchObject({
    initializing: false,
    receivedGroupKeys: ["public@@g@@a", "public@@g@@b"],
  });
  expect(watch.due(180_003)).toBeUndefined();
  const difference = batch(
    "FUZZY_WATCH_DIFF_SYNC_NOTIFY",
    ["ADD_SERVICE", "public@@g@@c"],
    ["DELETE_SERVICE", "public@@g@@a"],
  );
  expect(watch.take(sync, difference, 180_004)).toEqual([
    { type: "service-added", service: { group: "g", name: "c" } },
    { type: "service-gone", service: { group: "g", name: "a" } },
  ]);
});

test("ignores what is about something else, or about nothing", () => {
  const watch = watching();
  expect(watch.take(change, changed("DELETE_SERVICE", "dev@@g@@a"), 4)).toEqual([]);
  expect(watch.take(change, changed("DELETE_SERVICE", "a"), 4)).toEqual([]);
  expect(watch.take(change, {}, 4)).toEqual([]);
  expect(watch.take(sync, { ...finish, groupKeyPattern: "public>>x>>*" }, 4)).toEqual([]);
  expect(watch.take(sync, { ...finish, contexts: "x" }, 4)).toEqual([]);
  expect(watch.take("SomethingRequest", {}, 4)).toEqual([]);
});

test("watches one group by its pattern, and several with the pattern for all", () => {
  expect(new FuzzyWatch("dev", ["shop"]).begin(0).groupKeyPattern).toBe("dev>>shop>>*");
  const watch = new FuzzyWatch("public", ["shop", "g"]);
  expect(watch.begin(0).groupKeyPattern).toBe(pattern);
  watch.take(sync, init("public@@g@@a", "public@@other@@a"), 1);
  expect(watch.take(sync, finish, 2)).toEqual([{ type: "services", services: [{ group: "g", name: "a" }] }]);
  expect(watch.take(change, changed("ADD_SERVICE", "public@@other@@b"), 3)).toEqual([]);
});

test("needs lists where the server has too many patterns, and tries again later", () => {
  const watch = new FuzzyWatch("public", undefined);
  watch.begin(0);
  watch.answered(50310, 1);
  expect(watch.needsLists(1)).toBe(true);
  expect(watch.due(2)).toBeUndefined();
  expect(watch.due(180_001)).toMatchObject({ initializing: true });
  watch.answered(0, 180_002);
  expect(watch.take(sync, finish, 180_003)).toEqual([{ type: "services", services: [] }]);
  expect(watch.needsLists(180_003)).toBe(false);
});

test("needs lists beyond 500 services, and takes what is told for additions only", () => {
  const watch = new FuzzyWatch("public", undefined);
  watch.begin(0);
  watch.answered(50311, 1);
  watch.take(sync, init("public@@g@@a"), 2);
  expect(watch.take(sync, finish, 3)).toEqual([
    { type: "service-added", service: { group: "g", name: "a" } },
  ]);
  expect(watch.needsLists(3)).toBe(true);
  expect(watch.take(change, changed("ADD_SERVICE", "public@@g@@b"), 4)).toHaveLength(1);
});

test("takes 500 services for too many, though the server doesn't say so", () => {
  const watch = new FuzzyWatch("public", undefined);
  watch.begin(0);
  watch.take(sync, init(...Array.from({ length: 500 }, (_, index) => `public@@g@@s${index}`)), 1);
  expect(watch.take(sync, finish, 2)).toHaveLength(500);
  expect(watch.needsLists(2)).toBe(true);
});

test("needs lists when the server begins and never ends, and begins again", () => {
  const watch = new FuzzyWatch("public", undefined);
  watch.begin(0);
  expect(watch.needsLists(14_999)).toBe(false);
  expect(watch.needsLists(15_000)).toBe(true);
  expect(watch.due(15_000)).toMatchObject({ initializing: true });
  expect(watch.due(15_001)).toBeUndefined();
  expect(watch.needsLists(30_000)).toBe(true);
});
