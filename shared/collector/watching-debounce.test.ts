import { describe, expect, it } from "vitest";
import { WatchingDebounce } from "./watching-debounce.ts";

const rules = { triggerCount: 2, debounceDuration: 1_000, delay: 100, maxDelay: 250 };

describe("WatchingDebounce", () => {
  it("puts off the conversions of an interface that changes again and again, up to the longest delay", () => {
    const debounce = new WatchingDebounce(rules);
    const delays = Array.from({ length: 8 }, (_, index) => {
      const delay = debounce.delayMs(index * 10);
      debounce.converted(index * 10);
      return delay;
    });
    // The first event has nothing before it; the third in a row reaches the trigger.
    expect(delays).toEqual([0, 0, 100, 100, 200, 200, 250, 250]);
  });

  it("is at rest again after events that come slowly", () => {
    const debounce = new WatchingDebounce(rules);
    for (let at = 0; at < 50; at += 10) {
      debounce.delayMs(at);
      debounce.converted(at);
    }
    expect(debounce.delayMs(5_000)).toBe(0);
    debounce.converted(5_000);
    expect(debounce.delayMs(5_010)).toBe(100);
  });

  it("is off without a trigger", () => {
    const debounce = new WatchingDebounce({ ...rules, triggerCount: 0 });
    for (let at = 0; at < 10; at++) expect(debounce.delayMs(at)).toBe(0);
  });
});
