import { describe, expect, it } from "vitest";
import { parseResyncSchedule } from "./resync-schedule.ts";

const noon = new Date(2026, 0, 5, 12, 0, 0);
const minuteMs = 60_000;

describe("parseResyncSchedule()", () => {
  it.each([
    ["30 12 * * *", 30 * minuteMs],
    ["15 30 12 * * *", 30 * minuteMs + 15_000],
    ["@hourly", 60 * minuteMs],
    ["@every 1h30m", 90 * minuteMs],
    ["@midnight", 12 * 60 * minuteMs],
    ["0 3 * * *, 45 12 * * *", 45 * minuteMs],
    ["@every 2h,10 12 * * *", 10 * minuteMs],
    ["10,20 12 * * *", 10 * minuteMs],
    ["5 12 * * 1,2", 5 * minuteMs],
  ])("%s", (text, expected) => {
    expect(parseResyncSchedule(text).msUntilNext(noon)).toBe(expected);
  });

  it.each(["every day", "@every tomorrow", "@every 0s", "61 * * * *", "@sometimes"])(
    "refuses %s and says what to write",
    (text) => {
      expect(() => parseResyncSchedule(text)).toThrow(/watchingResyncCron: ".*" is no cron spec .*write one/);
    },
  );
});
