import { describe, expect, test } from "vitest";
import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type { Manifest } from "../model/manifest.ts";
import { encodeSubject, termSubject } from "../model/subject.ts";
import { createTerm } from "../model/term.ts";
import { spin } from "../runtime/work-per-turn-rig.ts";
import { contentOf, service } from "./publisher-rig.ts";
import { startView } from "./scripted-view-rig.ts";
import { SharedRegistry, ShareView } from "./scripted-share-rig.ts";
import { recordPuts, services, startPublished, startSlow } from "./slow-view-rig.ts";
import { newBucket } from "./source-rig.ts";
import type { Unit } from "./unit.ts";

const { signal: never } = new AbortController();
const soon = { timeout: 20_000, interval: 2 };

const without = (...names: readonly string[]) =>
  Object.fromEntries(Object.entries(services).filter(([name]) => !names.includes(name)));

describe("a comparison of a large registry", () => {
  test("leaves turns of the event loop to others", async () => {
    const { view } = await startPublished();
    expect(view.work.total).toBeGreaterThanOrEqual(100);
    expect(view.work.longestMs).toBeLessThanOrEqual(25);
  });

  test("leaves turns to others while it plans and makes Sidecars", async () => {
    const { view, collector } = await startSlow();
    view.sidecars.count = 100;
    view.read({ a: ["10.0.0.1"] });
    await expect.poll(() => collector.isSettled, soon).toBe(true);
    expect(view.work.total).toBeGreaterThanOrEqual(201);
    expect(view.work.longestMs).toBeLessThanOrEqual(25);
  });

  test.each([["before", "s1"], ["after", "s99"]])(
    "publishes the newest content of a service that is named meanwhile, %s it was converted",
    async (_when, name) => {
      const { view, puts } = await startSlow();
      view.midway(() => view.name(name, "10.9.9.9"));
      view.read(services);
      await expect.poll(() => puts.length, soon).toBe(100);
      expect(puts.filter((put) => put.name === name)).toEqual([{ name, addresses: ["10.9.9.9"] }]);
    },
  );

  test("empties nothing that came while it was converted", async () => {
    const { view, puts } = await startPublished();
    view.midway(() => view.name("s1", "10.0.0.1"));
    view.read({ ...without("s1"), new1: ["10.1.0.1"] });
    await expect.poll(() => puts.some(({ name }) => name === "new1"), soon).toBe(true);
    view.name("new2", "10.1.0.2");
    await expect.poll(() => puts.some(({ name }) => name === "new2"), soon).toBe(true);
    expect(puts.filter(({ addresses }) => addresses.length === 0)).toEqual([]);
  });

  test("starts anew where a read shows other content meanwhile: half of a large loss isn't a small one", async () => {
    const { view, puts, collector } = await startPublished();
    // What is left to convert would be a loss that the guard lets through.
    view.midway(() => view.read({}), 80);
    view.read({ ...services, new1: ["10.1.0.1"] });
    await expect.poll(() => collector.publisher.held().size, soon).toBe(100);
    expect(puts.filter(({ addresses }) => addresses.length === 0)).toEqual([]);
  });

  test("waits for the end of a read that begins meanwhile, and takes nothing for lost until then", async () => {
    const { view, puts, collector } = await startPublished();
    view.midway(() => {
      view.isReading = true;
      view.services.delete("s99");
    });
    view.read({ ...services, new1: ["10.1.0.1"] });
    await expect.poll(() => view.isReading, soon).toBe(true);
    view.name("new2", "10.1.0.2");
    await expect.poll(() => puts.some(({ name }) => name === "new2"), soon).toBe(true);
    view.isReading = false;
    view.name("s99", "10.0.0.99");
    await expect.poll(() => puts.some(({ name }) => name === "new1"), soon).toBe(true);
    expect(puts.filter(({ addresses }) => addresses.length === 0)).toEqual([]);
    expect(collector.publisher.isHolding).toBe(false);
  });

  test("ends though each attempt is disturbed by a read", async () => {
    const { view, puts } = await startPublished();
    const disturb = () => {
      view.completed();
      view.midway(disturb);
    };
    view.midway(disturb);
    view.read({ ...services, new1: ["10.1.0.1"] });
    await expect.poll(() => puts.some(({ name }) => name === "new1"), soon).toBe(true);
    view.meanwhile = undefined;
  });

  test.each([
    ["unknown at its beginning", true, false],
    ["unknown at its end", false, true],
  ])("keeps what is missing where some application is %s", async (_when, before, after) => {
    const { view, puts } = await startPublished();
    view.isUnsure = before;
    view.midway(() => void (view.isUnsure = after));
    view.read({ ...without("s1"), new1: ["10.1.0.1"] });
    await expect.poll(() => puts.some(({ name }) => name === "new1"), soon).toBe(true);
    view.isUnsure = true;
    expect(puts.filter(({ addresses }) => addresses.length === 0)).toEqual([]);
  });

  test("publishes nothing of a term that ended meanwhile, and all of it under the next one", async () => {
    const { view, puts, collector, entryLog } = await startSlow();
    const { registry, source, share } = collector;
    view.midway(() => {
      const term = createTerm(registry, source, 7, [share.member]);
      const data = Buffer.from(JSON.stringify(term));
      void entryLog.publish([{ subject: termSubject(registry, source), data }], never);
    });
    view.read(services);
    await expect.poll(() => collector.isSettled && share.term?.number === 7, soon).toBe(true);
    await expect.poll(() => puts.length, soon).toBe(100);
    expect((await contentOf(entryLog)).get("SyncMarker")).toBeDefined();
  });

  test("takes nothing from units that a new term gives to this replica while they are compared", async () => {
    const registry = new SharedRegistry(services);
    const entryLog = new EmbeddedEntryLog();
    const puts = recordPuts(entryLog);
    await entryLog.publish(
      Object.keys(services).map((name) => {
        const id = { kind: "ServiceEntry", registry: "eureka", source: "default", namespace: "n", name };
        const data = Buffer.from(JSON.stringify(service(name, services[name] ?? [])));
        return { subject: encodeSubject(id), data, provenance: { unit: name, member: "before" } };
      }),
      never,
    );
    let converted = 0;
    let isShared = false;
    class SlowShare extends ShareView {
      override convert(unit: Unit): readonly Manifest[] {
        spin();
        if (++converted === 20) setImmediate(() => void this.#shareWithOther());
        return super.convert(unit);
      }
      /** Half of the units go to another replica and come back. */
      async #shareWithOther(): Promise<void> {
        const { share } = started.collector;
        for (const [number, members] of [[7, [share.member, "other"]], [8, [share.member]]] as const) {
          const data = Buffer.from(JSON.stringify(createTerm("eureka", "default", number, members)));
          await entryLog.publish([{ subject: termSubject("eureka", "default"), data }], never);
        }
        isShared = true;
      }
    }
    const options = { entryLog, bucket: newBucket() };
    const started = await startView((sink) => new SlowShare(sink, registry), options);
    started.view.completed();
    await expect.poll(() => isShared && started.collector.isSettled, soon).toBe(true);
    expect(puts.filter(({ addresses }) => addresses.length === 0)).toEqual([]);
  });
});
