import fc from "fast-check";
import { expect, test } from "vitest";
import { ArrayItems } from "./array-items.ts";

test("gives the objects of an array, however it is cut", () => {
  const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue()));
  fc.assert(fc.property(objects, fc.integer({ min: 1, max: 50 }), (values, size) => {
    const bytes = Buffer.from(JSON.stringify(values, undefined, size % 3));
    const items = new ArrayItems();
    const found: unknown[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      for (const text of items.add(bytes.subarray(at, at + size))) found.push(JSON.parse(text));
    }
    expect(found).toEqual(JSON.parse(JSON.stringify(values)));
  }));
});

test("an object without an end is refused when it is too large", () => {
  const items = new ArrayItems();
  const piece = Buffer.alloc(1024 * 1024, "{");
  expect(() => {
    for (let count = 0; count < 17; count++) expect([...items.add(piece)]).toEqual([]);
  }).toThrow(RangeError);
});
