import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findPackageFaults, packageFaults } from "./check-packages.ts";
import type { Workspace } from "./check-packages.ts";

function faults(workspace: Partial<Workspace>): string[] {
  const whole: Workspace = {
    folder: "services/a",
    name: "@meshregistry/a",
    dependencies: new Set(),
    peers: new Set(),
    devDependencies: new Set(),
    imports: new Map(),
    ...workspace,
  };
  return packageFaults([whole], new Set(["vitest"]));
}

describe("packageFaults()", () => {
  test("a package that a source imports has to be among the dependencies", () => {
    const imports = new Map([["hono", ["services/a/main.ts"]]]);
    const missing = [
      "services/a/package.json: hono is missing in dependencies (services/a/main.ts imports it)",
    ];
    expect(faults({ imports })).toEqual(missing);
    expect(faults({ imports, devDependencies: new Set(["hono"]) })).toEqual(missing);
    expect(faults({ imports, dependencies: new Set(["hono"]) })).toEqual([]);
  });

  test("a package that only tests import may be among the devDependencies, or a tool of the root", () => {
    const imports = new Map([["fast-check", ["services/a/a.test.ts"]], [
      "vitest",
      ["services/a/a-rig.ts"],
    ]]);
    expect(faults({ imports })).toEqual([
      expect.stringContaining("fast-check is missing in devDependencies"),
    ]);
    expect(faults({ imports, devDependencies: new Set(["fast-check"]) }))
      .toEqual([]);
  });

  test("its own files need no declaration, those of other workspaces do", () => {
    const imports = new Map([["@meshregistry/a", ["services/a/b.ts"]], [
      "@meshregistry/shared",
      ["services/a/b.ts"],
    ]]);
    expect(faults({ imports })).toEqual([
      expect.stringContaining("@meshregistry/shared is missing in dependencies"),
    ]);
  });

  test("what nothing imports is named", () => {
    expect(faults({ dependencies: new Set(["zod"]) })).toEqual([
      "services/a/package.json: nothing imports zod; remove it",
    ]);
  });
});

test("the package.json files of this project say the truth", () => {
  expect(findPackageFaults(join(import.meta.dirname, ".."))).toEqual([]);
});
