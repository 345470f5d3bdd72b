import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

/** What a process of its own logs: the logger writes to file descriptor 2. */
function logged(code: string, env: Record<string, string> = {}): unknown[] {
  const module = new URL("./log.ts", import.meta.url).href;
  const { stderr } = spawnSync(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { createLogger } from "${module}"; const log = createLogger("zk-collector"); ${code}`,
    ],
    { encoding: "utf8", env: { ...process.env, LOG_LEVEL: "", ...env } },
  );
  return stderr.trim().split("\n").map((line) => JSON.parse(line));
}

test("a line has the level by name, the service once, and a time that people can read", () => {
  const [line] = logged('log.child({ registry: "zookeeper" }).warn("a root is missing")', {
    LOG_LEVEL: "info",
  });
  expect(line).toEqual({
    level: "warn",
    time: expect.stringMatching(/^20\d\d-\d\d-\d\dT/),
    service: "zk-collector",
    registry: "zookeeper",
    msg: "a root is missing",
  });
});

test("a level that is none is said, and info is used", () => {
  const lines = logged('log.info("shown"); log.debug("hidden")', { LOG_LEVEL: "loud" });
  expect(lines).toEqual([
    expect.objectContaining({ level: "warn", msg: expect.stringContaining('LOG_LEVEL "loud" is no level') }),
    expect.objectContaining({ level: "info", msg: "shown" }),
  ]);
});
