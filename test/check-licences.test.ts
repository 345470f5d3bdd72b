import { expect, test } from "vitest";
import { licenceFaults } from "./check-licences.ts";

const lockOf = (license: string | undefined, dev = false) => ({
  packages: { "": { license: "odd" }, "node_modules/a": { ...(license !== undefined && { license }), dev } },
});

test.each([
  ["MIT", false],
  ["(Apache-2.0 AND BSD-3-Clause)", false],
  ["(GPL-3.0 OR MIT)", false],
  ["MPL-2.0", true],
])("a licence that fits: %s (tool: %s)", (license, dev) => {
  expect(licenceFaults(lockOf(license, dev))).toEqual([]);
});

test.each([
  ["GPL-3.0", false],
  ["(MIT AND GPL-3.0)", false],
  ["MPL-2.0", false],
  ["AGPL-3.0", true],
  [undefined, true],
])("one that doesn't, or none: %s (tool: %s)", (license, dev) => {
  expect(licenceFaults(lockOf(license, dev))).toEqual([expect.stringContaining("node_modules/a: ")]);
});

test("our own packages, linked, are not looked at", () => {
  expect(licenceFaults({ packages: { "node_modules/@meshregistry/shared": { link: true } } })).toEqual([]);
});
