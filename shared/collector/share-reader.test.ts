import { describe, expect, test } from "vitest";
import { loadConfig } from "../config/mod.ts";
import type { EntryLog, LogEvent } from "../entry-log/entry-log.ts";
import { allSubjects, encodeSubject, syncMarkerKind } from "../model/subject.ts";
import { ownerOf } from "./ownership.ts";
import { contentOf, service } from "./publisher-rig.ts";
import { readOnce } from "./read-once.ts";
import { ResettableLog } from "./resettable-log-rig.ts";
import { SharedRegistry, ShareView } from "./scripted-share-rig.ts";
import { ScriptedSidecars, startView } from "./scripted-view-rig.ts";
import type { SourceContext } from "./registry.ts";
import { newBucket } from "./source-rig.ts";

const { signal: never } = new AbortController();
const soon = { timeout: 20_000, interval: 2 };

function services(count: number, ...addresses: readonly string[]): Record<string, readonly string[]> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`s${index}`, addresses]));
}

/** A log with its bucket, as replicas of one source share them. */
function newLog() {
  return { entryLog: new ResettableLog(), bucket: newBucket() };
}

/** The endpoints of each service of the log. */
async function published({ entryLog }: { readonly entryLog: EntryLog }) {
  const found = new Map<string, number>();
  for (const [name, { manifest }] of await contentOf(entryLog)) {
    if (/^s\d/.test(name)) found.set(name, manifest.spec.endpoints?.length ?? 0);
  }
  return found;
}

const sum = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((all, one) => all + one, 0);

/** Starts replicas of one source, and waits until they have shared it. */
async function startReplicas(registry: SharedRegistry, count: number, log: ReturnType<typeof newLog>) {
  const replicas: Awaited<ReturnType<SharedRegistry["start"]>>[] = [];
  for (let index = 0; index < count; index++) replicas.push(await registry.start(log));
  await expect.poll(
    () =>
      replicas.every(({ collector }) =>
        collector.share.term?.members.length === count && collector.isSettled
      ),
    soon,
  ).toBe(true);
  return replicas;
}

describe("a registry of which each replica reads its share", () => {
  test("is followed and published once, by all replicas together", async () => {
    const registry = new SharedRegistry(services(40, "10.0.0.1"));
    const log = newLog();
    const replicas = await startReplicas(registry, 3, log);
    const followed = replicas.map(({ view }) => view.followed.size);
    expect(followed.reduce((all, one) => all + one)).toBe(40);
    expect(Math.min(...followed)).toBeGreaterThan(0);
    expect((await published(log)).size).toBe(40);
    const events: LogEvent[] = [];
    const stop = new AbortController();
    const following = (async () => {
      for await (const event of log.entryLog.follow(allSubjects, stop.signal)) events.push(event);
    })();
    await expect.poll(() => events.at(-1)?.type, soon).toBe("caught-up");
    const before = events.length;
    registry.change("s7", "10.0.0.1", "10.0.0.2");
    registry.change("s41", "10.0.0.3");
    // A service that is new in the list is its owner's to follow.
    for (const { view } of replicas) view.readAgain();
    await expect.poll(async () => sum(await published(log)), soon).toBe(42);
    expect(events.slice(before).filter(({ type }) => type === "put")).toHaveLength(2);
    stop.abort();
    await following;
  });

  test("a share is taken over: read before it is published, and nothing is lost meanwhile", async () => {
    const registry = new SharedRegistry(services(30, "10.0.0.1"));
    const log = newLog();
    const [first, second] = await startReplicas(registry, 2, log);
    if (first === undefined || second === undefined) throw new TypeError("not started");
    const reading = Promise.withResolvers<void>();
    first.view.onRefresh = () => reading.promise;
    const moved = [...second.view.followed];
    await second.running[Symbol.asyncDispose]();
    for (const unit of moved) registry.set(unit, ["10.0.0.1", "10.0.0.2"]);
    await expect.poll(() => first.collector.share.term?.members.length, soon).toBe(1);
    expect(first.collector.isSettled).toBe(false);
    expect(sum(await published(log))).toBe(30);
    reading.resolve();
    await expect.poll(async () => sum(await published(log)), soon).toBe(30 + moved.length);
    expect(first.view.followed.size).toBe(30);
    await expect.poll(() => first.collector.isSettled, soon).toBe(true);
  });

  test("what isn't read yet is unsure: it stays, and there is no marker before it is known", async () => {
    const log = newLog();
    const registry = new SharedRegistry(services(20, "10.0.0.1"));
    const [before] = await startReplicas(registry, 1, log);
    await before?.running[Symbol.asyncDispose]();
    const marker = async () => (await contentOf(log.entryLog)).get(syncMarkerKind)?.sequence;
    const markedBefore = await marker();
    registry.unreadable.add("s3");
    registry.set("s4", ["10.0.0.1", "10.0.0.2"]);
    const { view, collector } = await registry.start(log);
    await expect.poll(async () => (await published(log)).get("s4"), soon).toBe(2);
    view.readAgain();
    registry.change("s5", "10.0.0.1", "10.0.0.2");
    await expect.poll(async () => (await published(log)).get("s5"), soon).toBe(2);
    expect((await published(log)).get("s3")).toBe(1);
    expect(collector.isSettled).toBe(false);
    expect(await marker()).toBe(markedBefore);
    registry.unreadable.delete("s3");
    view.readAgain();
    await expect.poll(() => collector.isSettled, soon).toBe(true);
    await expect.poll(marker, soon).toBeGreaterThan(markedBefore ?? 0);
  });

  test("a service that no list shows is gone, with evidence or within the guard's limits", async () => {
    const registry = new SharedRegistry(services(40, "10.0.0.1"));
    const log = newLog();
    const replicas = await startReplicas(registry, 2, log);
    registry.set("s1", []);
    registry.set("s2", []);
    for (const { view } of replicas) view.readAgain();
    await expect.poll(async () => sum(await published(log)), soon).toBe(38);
  });

  test("the guard takes the share for a sample: replicas don't each let through a part of one large loss", async () => {
    const registry = new SharedRegistry(services(45, "10.0.0.1"));
    const log = newLog();
    const replicas = await startReplicas(registry, 3, log);
    // In each share about nine are gone: less than the ten endpoints from which on the guard holds a loss.
    for (const { view } of replicas) {
      for (const unit of [...view.followed].slice(0, Math.ceil(view.followed.size * 0.6))) {
        registry.set(unit, []);
      }
    }
    const lost = 45 - registry.services.size;
    for (const { view } of replicas) view.readAgain();
    const held = () => replicas.reduce((all, { collector }) => all + collector.publisher.held().size, 0);
    await expect.poll(held, soon).toBe(lost);
    expect(sum(await published(log))).toBe(45);
    // The share of a replica that ends goes to the others, and its held losses with it.
    const last = replicas.pop();
    await last?.running[Symbol.asyncDispose]();
    await expect.poll(
      () => replicas.every(({ collector }) => collector.share.term?.members.length === 2),
      soon,
    )
      .toBe(true);
    await expect.poll(() => replicas.every(({ collector }) => collector.isSettled), soon).toBe(true);
    expect(held()).toBe(lost);
    expect(sum(await published(log))).toBe(45);
  });

  test("the log's reset lets go of nothing, and what it lost is published again, also what can't be read", async () => {
    const registry = new SharedRegistry(services(20, "10.0.0.1"));
    const log = newLog();
    const [replica] = await startReplicas(registry, 1, log);
    registry.unreadable.add("s3");
    replica?.view.followed.delete("s3");
    log.entryLog.recreate();
    await expect.poll(async () => sum(await published(log)), soon).toBe(20);
    expect(replica?.view.followed.size).toBe(19);
  });

  test("a message of an unknown unit stays: it may be of another replica's share", async () => {
    const registry = new SharedRegistry(services(20, "10.0.0.1"));
    const log = newLog();
    const [before] = await startReplicas(registry, 1, log);
    await before?.running[Symbol.asyncDispose]();
    const manifest = service("s99", ["10.0.0.9"]);
    const subject = encodeSubject({
      kind: manifest.kind,
      namespace: "n",
      name: "s99",
      registry: "eureka",
      source: "default",
    });
    await log.entryLog.publish([{ subject, data: Buffer.from(JSON.stringify(manifest)) }]);
    await startReplicas(registry, 1, log);
    expect((await published(log)).get("s99")).toBe(1);
  });

  test("isn't called empty where the share is", async () => {
    const registry = new SharedRegistry({ s1: ["10.0.0.1"] });
    const replicas = await startReplicas(registry, 2, newLog());
    const owners = replicas.filter(({ view }) => view.followed.size > 0);
    expect(owners).toHaveLength(1);
    const share = owners[0]?.collector.share;
    expect(ownerOf("s1", share?.term?.members ?? [])).toBe(share?.member);
    expect(replicas.map(({ collector }) => collector.remark)).toEqual([undefined, undefined]);
  });

  test("is read as a whole by a dry run", async () => {
    const registry = new SharedRegistry(services(5, "10.0.0.1"));
    const open = ({ sink }: SourceContext) => {
      const view = new ShareView(sink, registry);
      queueMicrotask(() => view.completed());
      return view;
    };
    const loaded = loadConfig("{}", { env: {}, fileName: "of the test" });
    expect((await readOnce(open, loaded, "The registry", never)).manifests).toHaveLength(5);
  });

  test("has no Sidecars", async () => {
    class Both extends ShareView {
      readonly sidecars = new ScriptedSidecars();
    }
    const registry = new SharedRegistry({});
    await expect(startView((sink) => new Both(sink, registry))).rejects.toThrow(
      /Sidecars need a view of the whole/,
    );
  });
});
