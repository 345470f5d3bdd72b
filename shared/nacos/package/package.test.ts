import { expect, test } from "vitest";
import { clientOf } from "../nacos-rig.ts";

test("says how to install the package if it isn't there", () => {
  expect(() => clientOf(["127.0.0.1:1"], { driver: "package" })).toThrow(
    /can't load the package "nacos".*npm install --no-save nacos@/,
  );
});
