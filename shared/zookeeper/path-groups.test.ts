import fc from "fast-check";
import { expect, test } from "vitest";
import { pathGroups } from "./path-groups.ts";
import { JuteWriter } from "./wire/jute.ts";
import { writeRequest } from "./wire/requests.ts";

const nodeOf = (path: string) => ({ path, onServer: path });

test("keeps all paths in their order, in requests that a server takes", () => {
  const path = fc.tuple(fc.constantFrom("a", "é", "東"), fc.integer({ min: 0, max: 200_000 })).map((
    [letter, length],
  ) => `/${letter.repeat(length)}`);
  const paths = fc.oneof(
    fc.array(path, { maxLength: 12 }),
    fc.array(fc.constant("/short"), { maxLength: 500 }),
  );
  fc.assert(
    fc.property(paths, (paths) => {
      const groups = pathGroups(paths.map(nodeOf));
      expect(groups.flat()).toEqual(paths.map(nodeOf));
      for (const group of groups) {
        expect(group.length).toBeGreaterThan(0);
        expect(group.length).toBeLessThanOrEqual(100);
        const writer = new JuteWriter();
        writeRequest(writer, 1, { op: "multiRead", paths: group.map(({ onServer }) => onServer) });
        expect(writer.length).toBeLessThan(0xfffff);
      }
    }),
    { numRuns: 50 },
  );
});

test("asks for 100 at a time", () => {
  const groups = pathGroups(Array.from({ length: 250 }, (_, index) => nodeOf(`/${index}`)));
  expect(groups.map((group) => group.length)).toEqual([100, 100, 50]);
});
