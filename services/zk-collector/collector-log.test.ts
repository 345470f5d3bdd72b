import { Writable } from "node:stream";
import { pino } from "pino";
import { describe, test } from "vitest";
import type { ExpectStatic } from "vitest";
import { CollectorRig, soon } from "./collector-rig.ts";
import type { CollectorRigOptions } from "./collector-rig.ts";

/** A collector whose log is kept, a line each: level and message, with the fields behind it. */
async function startLogging(options: CollectorRigOptions) {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const { level, msg, reason = "", by = "" } = JSON.parse(chunk.toString("utf8"));
      lines.push(`${level >= 50 ? "error" : level >= 40 ? "warn" : "info"}: ${msg} ${reason}${by}`.trim());
      done();
    },
  });
  return { rig: await CollectorRig.start({ ...options, log: pino({}, stream) }), lines };
}

const says = (expect: ExpectStatic, lines: readonly string[], pattern: RegExp) =>
  expect.poll(() => lines.filter((line) => pattern.test(line)), soon);

describe.concurrent("The log of a collector says what an operator has to know", { timeout: 30_000 }, () => {
  test("a root that doesn't exist", async ({ expect }) => {
    const { rig, lines } = await startLogging({ source: { registryRootNode: "/dubbbo" } });
    await using _rig = rig;
    await says(expect, lines, /^warn: ZooKeeper has no service: .*there is no node \/dubbbo/).toHaveLength(1);
    expect(rig.collector.remark).toContain("/dubbbo");
  });

  test("a registry that is empty", async ({ expect }) => {
    const { rig, lines } = await startLogging({ fill: ({ tree }) => tree.ensure("/dubbo") });
    await using _rig = rig;
    await says(expect, lines, /^warn: ZooKeeper has no service: .*nothing is registered below \/dubbo/)
      .toHaveLength(1);
  });

  test("a registry that can't be reached any more, and that can again", async ({ expect }) => {
    await using first = await CollectorRig.start({
      fill: (registry) => registry.provide("com.acme.Order", 1),
    });
    const lines: string[] = [];
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => done(void lines.push(chunk.toString("utf8"))),
    });
    await using replica = await first.startReplica({ log: pino({}, stream) });
    await expect.poll(() => replica.ready, soon).toBe(true);
    replica.cutOff(true);
    await says(expect, lines, /cannot read ZooKeeper, the last good state stays published/).toHaveLength(1);
    expect(replica.collector.remark).toContain("can't be read");
    replica.cutOff(false);
    await says(expect, lines, /ZooKeeper can be read again/).toHaveLength(1);
    expect(replica.collector.remark).toBeUndefined();
  });

  test("losses that are held, who let them go, and the line that does it", async ({ expect }) => {
    const { rig, lines } = await startLogging({
      fill: (registry) => [1, 2, 3].forEach((instance) => registry.provide("com.acme.Order", instance)),
    });
    await using _rig = rig;
    await expect.poll(() => rig.ready, soon).toBe(true);
    rig.registry.tree.onEvent = () => {};
    rig.registry.tree.deleteAll("/dubbo");
    rig.server.dropConnections();
    await says(expect, lines, /^warn: .*curl -X POST .*\/meshregistry\/collectors\/zookeeper\/held\/release/)
      .toHaveLength(1);
    await rig.release();
    await says(expect, lines, /^warn: held losses were released by hand: .* the test$/).toHaveLength(1);
  });

  test("the end of the hold time, and what went with it", async ({ expect }) => {
    const { rig, lines } = await startLogging({
      config: { guard: { maxShrinkPercent: 30, minEndpoints: 10, holdTime: "100ms" } },
      fill: (registry) => [1, 2, 3].forEach((instance) => registry.provide("com.acme.Order", instance)),
    });
    await using _rig = rig;
    await expect.poll(() => rig.ready, soon).toBe(true);
    rig.registry.tree.onEvent = () => {};
    rig.registry.tree.deleteAll("/dubbo");
    rig.server.dropConnections();
    await expect.poll(() => rig.publisher.isHolding, soon).toBe(true);
    rig.registry.consume("com.acme.Other", "web");
    rig.server.dropConnections();
    await says(expect, lines, /^warn: the hold time of lost endpoints is over/).toHaveLength(1);
  });
});
