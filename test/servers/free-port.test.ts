import { expect, test } from "vitest";
import { freePortWith } from "./free-port.ts";

test("a port with others at fixed distances is free with all of them, in the range of its file, and given out once", async () => {
  const distances = [1_000, 1_001, -1_000];
  const found = new Set<number>();
  for (let round = 0; round < 20; round++) {
    const port = await freePortWith(distances);
    for (const each of [0, ...distances]) found.add(port + each);
  }
  expect(found.size).toBe(80);
  const ranges = new Set(Array.from(found, (port) => Math.floor((port - 20_000) / 3_000)));
  expect(ranges.size).toBe(1);
});
