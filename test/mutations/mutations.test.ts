import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { conflictFaults } from "./conflicts.ts";
import { kubernetesFaults } from "./kubernetes.ts";
import { collectorFaults } from "./mutations.ts";
import { nacosFaults } from "./nacos.ts";

const root = join(import.meta.dirname, "..", "..");

/** `npm run mutations` tries each of them; here it is seen to that none has lost its place. */
describe("Each deliberate fault has one place", () => {
  const all = [...collectorFaults, ...nacosFaults, ...conflictFaults, ...kubernetesFaults];

  test.each(all.map(({ what, file, find, replace }) => [what, file, find, replace] as const))(
    "%s",
    (_what, file, find, replace) => {
      expect(readFileSync(join(root, file), "utf8").split(find).length - 1).toBe(1);
      expect(replace).not.toBe(find);
    },
  );
});
