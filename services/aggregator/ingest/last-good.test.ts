import { expect, test } from "vitest";
import { lastGoodMs, LastGoodVersions } from "./last-good.ts";

test("a last good version ends a minute after the first of several unusable messages, once", () => {
  const versions = new LastGoodVersions();
  expect(versions.begin("a", 0)).toBe(lastGoodMs);
  expect(versions.begin("a", 1000)).toBe(lastGoodMs);
  versions.begin("b", 1000);
  expect(versions.expire(lastGoodMs - 1)).toEqual([]);
  expect(versions.expire(lastGoodMs)).toEqual(["a"]);
  expect(versions.expire(lastGoodMs)).toEqual([]);
});

test("a good message ends the time, and the next unusable one begins a new one", () => {
  const versions = new LastGoodVersions();
  versions.begin("a", 0);
  versions.end("a");
  expect(versions.expire(lastGoodMs)).toEqual([]);
  expect(versions.begin("a", 5000)).toBe(5000 + lastGoodMs);
  versions.clear();
  expect(versions.expire(5000 + lastGoodMs)).toEqual([]);
});
