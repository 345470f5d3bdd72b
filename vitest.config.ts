import { defineConfig } from "vitest/config";
import { findServer } from "./test/servers/find.ts";

/**
 * Two projects. `unit`: tests beside the code and the cross-module tests of `test/` that start no foreign server.
 * `real`: whatever starts real servers (`*.real.test.ts`); these share two processors, so fewer run at a time.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["shared/**/*.test.ts", "services/**/*.test.ts", "test/**/*.test.ts"],
          exclude: ["**/*.real.test.ts", "**/node_modules/**"],
        },
      },
      {
        test: {
          name: "real",
          include: ["shared/**/*.real.test.ts", "services/**/*.real.test.ts", "test/**/*.real.test.ts"],
          exclude: ["**/node_modules/**"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
          // Where the optional package of `driver: native` is, if `npm run servers` has built it.
          env: { NODE_PATH: findServer("zookeeper-native") ?? "" },
        },
      },
    ],
  },
});
