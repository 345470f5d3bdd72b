import { describe, test } from "vitest";
import { newBucket } from "../../shared/collector/source-rig.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { allSubjects, decodeSubject } from "../../shared/model/subject.ts";
import { CollectorRig, soon } from "./collector-rig.ts";
import type { DubboTree } from "./collector-rig.ts";

const names = Array.from({ length: 60 }, (_, index) => `com.acme.Service${index}`);

function fill(registry: DubboTree): void {
  for (const name of names) [1, 2].forEach((instance) => registry.provide(name, instance));
}

/** Replicas of one source, on one log and one registry. */
async function replicas(count: number, stack: AsyncDisposableStack) {
  const shared = { entryLog: new EmbeddedEntryLog(), bucket: newBucket() };
  const first = stack.use(await CollectorRig.start({ fill, ...shared }));
  const others: CollectorRig[] = [];
  for (let index = 1; index < count; index++) others.push(stack.use(await first.startReplica(shared)));
  return { first, all: [first, ...others], ...shared };
}

/** The ServiceEntries that each replica has stored, in the order of the log's life. */
function recordWrites(entryLog: EmbeddedEntryLog, signal: AbortSignal) {
  const writes: { readonly name: string; readonly member: string }[] = [];
  const following = (async () => {
    for await (const event of entryLog.follow(allSubjects, signal)) {
      const id = "subject" in event ? decodeSubject(event.subject) : undefined;
      if (event.type !== "put" || id?.kind !== "ServiceEntry") continue;
      writes.push({ name: id.name, member: event.provenance?.member ?? "" });
    }
  })();
  return { writes, following };
}

describe.concurrent("Replicas of a collector", { timeout: 60_000 }, () => {
  test("share the work, publish each change once, and take over what one gives up", async ({ expect }) => {
    await using stack = new AsyncDisposableStack();
    const { first, all, entryLog } = await replicas(3, stack);
    const stop = new AbortController();
    await expect.poll(() => all.map(({ collector }) => collector.share.term?.members.length), soon).toEqual([
      3,
      3,
      3,
    ]);
    await expect.poll(() => all.every(({ ready }) => ready), soon).toBe(true);
    const { writes, following } = recordWrites(entryLog, stop.signal);
    await expect.poll(() => writes.length, soon).toBe(60);
    for (const name of names) first.registry.provide(name, 3);
    await expect.poll(async () => new Set(Object.values(await first.endpoints())), soon).toEqual(
      new Set(["1 2 3"]),
    );
    await expect.poll(() => writes.length, soon).toBeGreaterThanOrEqual(120);
    const changes = writes.slice(60);
    expect(changes).toHaveLength(60);
    const shares = Map.groupBy(changes, ({ member }) => member);
    expect(shares.size).toBe(3);

    await all[2]?.stop();
    await expect.poll(() => first.collector.share.term?.members.length, soon).toBe(2);
    for (const name of names) first.registry.withdraw(name, 1);
    await expect.poll(async () => new Set(Object.values(await first.endpoints())), soon).toEqual(
      new Set(["2 3"]),
    );
    await expect.poll(() => writes.length, soon).toBeGreaterThanOrEqual(180);
    expect(writes.slice(120)).toHaveLength(60);
    expect(Map.groupBy(writes.slice(120), ({ member }) => member).size).toBe(2);
    stop.abort();
    await following;
  });

  test("a release at one of them releases on all", async ({ expect }) => {
    await using stack = new AsyncDisposableStack();
    const { first, all } = await replicas(3, stack);
    await expect.poll(() => all.map(({ collector }) => collector.share.term?.members.length), soon).toEqual([
      3,
      3,
      3,
    ]);
    await expect.poll(() => all.every(({ ready }) => ready), soon).toBe(true);
    first.registry.tree.deleteAll("/dubbo");
    await expect.poll(() => all.every(({ publisher }) => publisher.isHolding), soon).toBe(true);
    await all[1]?.release();
    await expect.poll(async () => new Set(Object.values(await first.endpoints())), soon).toEqual(
      new Set([""]),
    );
    await expect.poll(() => all.some(({ publisher }) => publisher.isHolding), soon).toBe(false);
  });

  test("one that has lost its registry gives up its share, and gets it back", async ({ expect }) => {
    await using stack = new AsyncDisposableStack();
    const { first, all } = await replicas(2, stack);
    const [, second] = all;
    await expect.poll(() => all.map(({ collector }) => collector.share.term?.members.length), soon).toEqual([
      2,
      2,
    ]);
    second?.cutOff(true);
    await expect.poll(() => first.collector.share.term?.members, soon).toEqual([
      first.collector.share.member,
    ]);
    for (const name of names) first.registry.provide(name, 3);
    await expect.poll(async () => new Set(Object.values(await first.endpoints())), soon).toEqual(
      new Set(["1 2 3"]),
    );
    second?.cutOff(false);
    await expect.poll(() => first.collector.share.term?.members.length, soon).toBe(2);
    await expect.poll(() => all.every(({ ready }) => ready), soon).toBe(true);
    expect(new Set(Object.values(await first.endpoints()))).toEqual(new Set(["1 2 3"]));
  });
});
