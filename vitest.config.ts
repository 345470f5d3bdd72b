import { availableParallelism } from "node:os";
import { delimiter } from "node:path";
import { defineConfig } from "vitest/config";
import { findServer } from "./test/servers/find.ts";

/**
 * Two projects. `unit`: tests beside the code and the cross-module tests of `test/` that start no foreign server.
 * `real`: whatever starts real servers, or measures its own process (`*.real.test.ts`).
 *
 * Files of `unit` follow each other in one process: to start processes and load modules took longer than the tests
 * computed. They leave nothing behind: no module has state that another file's tests could see, and no test replaces
 * modules, environment or globals for longer than it runs. A file that needs a process of its own belongs to `real`.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["shared/**/*.test.ts", "services/**/*.test.ts", "test/**/*.test.ts"],
          exclude: ["**/*.real.test.ts", "**/node_modules/**"],
          setupFiles: ["test/fuzz/property-seed.ts"],
          isolate: false,
          // A test that hangs is ended; how long one takes depends on what else the machine does.
          testTimeout: 60_000,
          expect: { poll: { timeout: 20_000 } },
          restoreMocks: true,
          // They wait more than they compute. Vitest's own choice on two processors is one.
          maxWorkers: availableParallelism() + 1,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "real",
          include: ["shared/**/*.real.test.ts", "services/**/*.real.test.ts", "test/**/*.real.test.ts"],
          exclude: ["**/node_modules/**"],
          setupFiles: ["test/fuzz/property-seed.ts"],
          testTimeout: 180_000,
          expect: { poll: { timeout: 60_000 } },
          hookTimeout: 180_000,
          // The servers use both processors of a small machine already.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          globalSetup: ["test/servers/class-archives.ts"],
          // Where the optional packages of `driver: native` and `driver: package` are, if `npm run servers` has them.
          env: {
            NODE_PATH: [findServer("zookeeper-native"), findServer("nacos-package")].filter((folder) =>
              folder !== undefined
            ).join(delimiter),
          },
        },
      },
    ],
  },
});
