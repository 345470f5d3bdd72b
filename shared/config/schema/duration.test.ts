import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatGoDuration, parseGoDuration } from "./duration.ts";

describe("parseGoDuration", () => {
  it.each([
    ["0", 0],
    ["-0", 0],
    ["+0", 0],
    ["15s", 15_000],
    ["1m30s", 90_000],
    ["24h", 86_400_000],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["1.s", 1000],
    ["100ms", 100],
    ["1us", 0.001],
    ["1µs", 0.001],
    ["1μs", 0.001],
    ["1ns", 0.000_001],
    ["-1m", -60_000],
    ["+5s", 5000],
    ["1h1h", 7_200_000],
    ["0.3333333333333333333h", 1_200_000],
    ["0.1ns", 0],
  ])("reads %s", (text, milliseconds) => {
    expect(parseGoDuration(text)).toBeCloseTo(milliseconds, 6);
  });

  it.each([
    ["", 'invalid duration ""'],
    ["-", 'invalid duration "-"'],
    ["s", 'invalid duration "s"'],
    [".s", 'invalid duration ".s"'],
    ["1 s", 'unknown unit " s" in duration "1 s"'],
    ["3", 'missing unit in duration "3"'],
    ["1.5", 'missing unit in duration "1.5"'],
    ["1d", 'unknown unit "d" in duration "1d"'],
    ["1S", 'unknown unit "S" in duration "1S"'],
    ["1m-30s", 'unknown unit "m-" in duration "1m-30s"'],
    ["9223372036854775808ns", 'invalid duration "9223372036854775808ns"'],
    ["3000000h", 'invalid duration "3000000h"'],
  ])("refuses %j as Go does", (text, message) => {
    expect(() => parseGoDuration(text)).toThrow(new RangeError(message));
  });

  it("reads nothing but what its own printing writes back", () => {
    fc.assert(fc.property(fc.string({ maxLength: 12 }), (text) => {
      let value: number;
      try {
        value = parseGoDuration(text);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        return;
      }
      expect(parseGoDuration(formatGoDuration(value))).toBe(value);
    }));
  });
});

describe("formatGoDuration", () => {
  it.each([
    [0, "0s"],
    [-0, "0s"],
    [86_400_000, "24h0m0s"],
    [90_000, "1m30s"],
    [1500, "1.5s"],
    [100, "100ms"],
    [1.5, "1.5ms"],
    [0.0015, "1.5µs"],
    [0.000_001, "1ns"],
    [-61_000, "-1m1s"],
    [3_600_000, "1h0m0s"],
    [60_000, "1m0s"],
  ])("prints %d ms as %s", (milliseconds, text) => {
    expect(formatGoDuration(milliseconds)).toBe(text);
  });

  it("gives back every whole number of microseconds of three weeks", () => {
    fc.assert(fc.property(fc.integer({ min: -2e12, max: 2e12 }), (microseconds) => {
      const milliseconds = microseconds / 1000;
      expect(parseGoDuration(formatGoDuration(milliseconds))).toBeCloseTo(milliseconds, 6);
    }));
  });

  it("adds up its parts in any order", () => {
    const whole = fc.nat(1000);
    fc.assert(fc.property(whole, whole, whole, whole, (hours, minutes, seconds, milliseconds) => {
      const sum = hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + milliseconds;
      expect(parseGoDuration(`${milliseconds}ms${hours}h${seconds}s${minutes}m`)).toBe(sum);
    }));
  });
});
