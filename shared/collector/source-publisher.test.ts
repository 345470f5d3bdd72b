import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type { EntryLog, LogRecord } from "../entry-log/entry-log.ts";
import { allSubjects, decodeSubject, encodeSubject } from "../model/subject.ts";
import { emptySinceAnnotation } from "../model/annotations.ts";
import { bound, contentOf, PublisherRig, service, sidecar } from "./publisher-rig.ts";
import type { PublisherRigOptions } from "./publisher-rig.ts";

const { signal } = new AbortController();
const names = { kind: "ServiceEntry", registry: "eureka", source: "default", namespace: "n" };

async function publisherOn(entryLog: EntryLog, options: PublisherRigOptions = {}): Promise<PublisherRig> {
  const rig = await PublisherRig.start({ ...options, entryLog });
  onTestFinished(() => rig[Symbol.asyncDispose]());
  return rig;
}

describe("SourcePublisher", () => {
  test("publishes everything, then the sync marker", async () => {
    const entryLog = new EmbeddedEntryLog();
    const publisher = await publisherOn(entryLog);
    const summary = await publisher.publishAll(
      [service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])],
    );
    expect(summary).toMatchObject({ created: 2, updated: 0, unchanged: 0 });
    const stored = await contentOf(entryLog);
    expect([...stored.keys()]).toEqual(["Term", "a", "b", "SyncMarker"]);
  });

  test("publishes an unchanged resource never again, not even after a restart", async () => {
    const entryLog = new EmbeddedEntryLog();
    await (await publisherOn(entryLog)).publishAll([service("a", ["10.0.0.1"])]);
    const first = (await contentOf(entryLog)).get("a");
    const summary = await (await publisherOn(entryLog)).publishAll([service("a", ["10.0.0.1"])]);
    expect(summary).toMatchObject({ created: 0, updated: 0, unchanged: 1 });
    expect((await contentOf(entryLog)).get("a")).toEqual(first);
  });

  test("keeps the time of creation over updates and restarts", async () => {
    const entryLog = new EmbeddedEntryLog();
    await (await publisherOn(entryLog)).publishAll([service("a", ["10.0.0.1"])]);
    const created = (await contentOf(entryLog)).get("a")?.manifest.metadata.creationTimestamp;
    await (await publisherOn(entryLog)).publishAll([service("a", ["10.0.0.2"])]);
    const stored = (await contentOf(entryLog)).get("a")?.manifest;
    expect(stored?.metadata.creationTimestamp).toBe(created);
    expect(stored?.spec.endpoints?.[0]?.address).toBe("10.0.0.2");
  });

  test("empties a service that the registry lost, and fills it again", async () => {
    const entryLog = new EmbeddedEntryLog();
    const publisher = await publisherOn(entryLog);
    await publisher.publishAll([service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])]);
    expect(await publisher.publishAll([service("b", ["10.0.0.2"])])).toMatchObject({
      emptied: 1,
      deleted: 0,
    });
    const emptied = (await contentOf(entryLog)).get("a")?.manifest;
    expect(emptied?.spec).toEqual({ ...service("a", []).spec, endpoints: undefined });
    expect(emptied?.metadata.annotations?.[emptySinceAnnotation]).toBeDefined();
    expect(await publisher.publishAll([service("b", ["10.0.0.2"])])).toMatchObject({ emptied: 0 });

    await publisher.publishAll([service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])]);
    const back = (await contentOf(entryLog)).get("a")?.manifest;
    expect(back?.spec).toEqual(service("a", ["10.0.0.1"]).spec);
    expect(back?.metadata.annotations).toBeUndefined();
  });

  test("deletes an empty service when its time is over, also after a restart", async () => {
    const entryLog = new EmbeddedEntryLog();
    const first = await publisherOn(entryLog);
    await first.publishAll([service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])]);
    await first.publishChanges([], ["a"]);
    expect((await contentOf(entryLog)).has("a")).toBe(true);
    const second = await publisherOn(entryLog, { keepEmptyMs: 1 });
    await expect.poll(() => second.publishAll([service("b", ["10.0.0.2"])])).toMatchObject({
      deleted: 1,
    });
    expect((await contentOf(entryLog)).has("a")).toBe(false);
  });

  test("gives a service that comes back after its deletion the time of creation that it had, on any replica", async () => {
    const entryLog = new EmbeddedEntryLog();
    const created = async () => (await contentOf(entryLog)).get("a")?.manifest.metadata.creationTimestamp;
    const all = [service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])];
    const first = await publisherOn(entryLog, { keepEmptyMs: 1 });
    const follower = await PublisherRig.start({ entryLog });
    onTestFinished(() => follower[Symbol.asyncDispose]());
    await first.takeOver();
    await first.publishAll(all);
    const before = await created();
    expect(before).toBeDefined();
    const remove = async (from: PublisherRig) => {
      await expect.poll(() => from.publishAll(all.slice(1))).toMatchObject({ deleted: 1 });
      expect(await created()).toBeUndefined();
    };
    await remove(first);
    await first.publishAll(all);
    expect(await created()).toBe(before);

    // One that followed meanwhile, and one that starts after the deletion.
    await remove(first);
    await follower.takeOver();
    await follower.publishAll(all);
    expect(await created()).toBe(before);
    await first.takeOver();
    await remove(first);
    const later = await publisherOn(entryLog);
    await later.publishAll(all);
    expect(await created()).toBe(before);
  });

  test("holds what an empty registry would delete, also when it is the first read after a restart", async () => {
    const entryLog = new EmbeddedEntryLog();
    const all = [service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])];
    await (await publisherOn(entryLog)).publishAll(all);
    const publisher = await publisherOn(entryLog);
    expect(await publisher.publishAll([])).toMatchObject({ emptied: 0, held: 2 });
    expect(publisher.publisher.held().size).toBe(2);
    publisher.publisher.releaseHeld();
    expect(await publisher.publishAll([])).toMatchObject({ emptied: 2, held: 0 });
  });

  test("believes a registry that names what is gone", async () => {
    const entryLog = new EmbeddedEntryLog();
    const publisher = await publisherOn(entryLog);
    await publisher.publishAll([service("a", ["10.0.0.1"])]);
    expect(await publisher.publishChanges([], ["a"])).toMatchObject({ emptied: 1 });
  });

  test("serves new instances at once beside what is held, and nothing else once all are back", async () => {
    const entryLog = new EmbeddedEntryLog();
    const publisher = await publisherOn(entryLog);
    const addresses = async () =>
      (await contentOf(entryLog)).get("a")?.manifest.spec.endpoints?.map(({ address }) => address).sort();
    await publisher.publishAll([service("a", ["10.0.0.1", "10.0.0.2"])]);
    await publisher.publishAll([]);
    await publisher.publishChanges([service("a", ["10.0.0.1"])]);
    expect(await addresses()).toEqual(["10.0.0.1", "10.0.0.2"]);
    await publisher.publishAll([service("a", ["10.0.0.3"])]);
    expect(await addresses()).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    await publisher.publishAll([service("a", ["10.0.0.3", "10.0.0.4"])]);
    expect(await addresses()).toEqual(["10.0.0.3", "10.0.0.4"]);
    expect(publisher.publisher.held().size).toBe(0);
  });

  test("publishes over what another publisher wrote, when it is told to", async () => {
    const entryLog = new EmbeddedEntryLog();
    const [one, two] = [await publisherOn(entryLog), await publisherOn(entryLog)];
    await two.publishAll([service("a", ["10.0.0.2"])]);
    await one.takeOver();
    await one.until(() => one.state.size === 1);
    expect(one.applied.at(-1)).toMatchObject({ type: "term" });
    expect(one.applied).toContainEqual({
      type: "changed",
      subject: encodeSubject({ ...names, name: "a" }),
      unit: "ServiceEntry/a",
    });
    await one.publishChanges([service("a", ["10.0.0.3"])]);
    expect((await contentOf(entryLog)).get("a")?.manifest.spec.endpoints?.[0]?.address).toBe("10.0.0.3");
  });

  test("can't publish any more once another replica has written a term", async () => {
    const entryLog = new EmbeddedEntryLog();
    const one = await publisherOn(entryLog);
    await one.publishAll([service("a", ["10.0.0.1"])]);
    await publisherOn(entryLog);
    const late = await one.publisher.publishUnits(
      new Map([["ServiceEntry/a", [service("a", ["10.0.0.9"])]]]),
      false,
      signal,
    );
    expect(late).toMatchObject({ fenced: true, summary: { updated: 0 } });
    expect(await one.publisher.publishMarker(signal)).toBe(false);
    expect((await contentOf(entryLog)).get("a")?.manifest.spec.endpoints?.[0]?.address).toBe("10.0.0.1");
  });

  test("carries the fence of the term that it began under through all batches", async () => {
    const log = new EmbeddedEntryLog();
    let batches = 0;
    const slow: EntryLog = {
      ...bound(log),
      publish: async (records, aborting) => {
        const results = await log.publish(records, aborting);
        // A new term, with this replica in it, while the first batch is on its way.
        if (records.length > 1 && batches++ === 0) await rig.takeOver();
        return results;
      },
    };
    const rig = await publisherOn(slow);
    const offers = Array.from({ length: 1001 }, (_, index) => {
      const manifest = service(`s${index}`, ["10.0.0.1"]);
      return rig.publisher.prepare({ unit: manifest.metadata.name, manifest });
    });
    const published = await rig.publisher.publishAll(offers, false, signal);
    expect(published).toMatchObject({ fenced: true, summary: { created: 1000 } });
    expect((await contentOf(log)).has("s1000")).toBe(false);
  });

  test("takes no acknowledgement of a stream that is gone for a place on the one that follows", async () => {
    const log = new EmbeddedEntryLog();
    let isLost = false;
    const recreated: EntryLog = {
      ...bound(log),
      publish: async (records, aborting) => {
        const results = await log.publish(records, aborting);
        if (isLost) {
          rig.state.apply({ type: "reset", reason: "stream was recreated", streamId: "2" });
          rig.state.apply({ type: "caught-up", sequence: 0 });
        }
        isLost = false;
        return results;
      },
    };
    const rig = await publisherOn(recreated);
    const offers = ["a", "b"].map((name) =>
      rig.publisher.prepare({ unit: name, manifest: service(name, ["10.0.0.1"]) })
    );
    isLost = true;
    expect(await rig.publisher.publishAll(offers, false, signal)).toMatchObject({ fenced: true });
    expect((await rig.publisher.publishAll(offers, false, signal)).summary).toMatchObject({ created: 2 });
  });

  test("a foreign message that names a wrong unit is written anew", async () => {
    const rig = await publisherOn(new EmbeddedEntryLog());
    const manifest = service("a", ["10.0.0.1"]);
    await rig.publishAll([manifest]);
    const [subject] = rig.state.subjectsOf("ServiceEntry/a");
    const entry = rig.state.entries.get(subject ?? "");
    if (subject === undefined || entry === undefined) throw new TypeError("not published");
    const provenance = { unit: "wrong", member: "a stranger" };
    await rig.entryLog.publish([{ subject, data: entry.data, provenance }], signal);
    await rig.until(() => rig.state.entries.get(subject)?.statedUnit === "wrong");
    expect(await rig.publishAll([manifest])).toMatchObject({ updated: 1 });
    expect(await rig.publishAll([manifest])).toMatchObject({ updated: 0 });
  });

  test("says once why the log refuses the sync marker", async () => {
    const log = new EmbeddedEntryLog();
    const lines: { msg: string; reason?: string }[] = [];
    const refusing: EntryLog = {
      ...bound(log),
      publish: async (records, aborting) =>
        records.some(({ subject }) => subject.includes(".SyncMarker."))
          ? [{ status: "refused", reason: "no permission" }]
          : await log.publish(records, aborting),
    };
    const rig = await publisherOn(refusing, {
      log: pino({ level: "error" }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    });
    expect(await rig.publisher.publishMarker(signal)).toBe(false);
    expect(await rig.publisher.publishMarker(signal)).toBe(false);
    expect(lines).toMatchObject([{ reason: "no permission" }]);
    expect(lines[0]?.msg).toContain("sync marker");
  });

  test("publishes its own units only, and measures a loss by the whole", async () => {
    const entryLog = new EmbeddedEntryLog();
    const names = Array.from({ length: 20 }, (_, index) => `s${index}`);
    const all = names.map((name) => service(name, ["10.0.0.1", "10.0.0.2"]));
    await (await publisherOn(entryLog)).publishAll(all);
    const owns = (unit: string) => unit === "ServiceEntry/s0";
    const replica = await publisherOn(entryLog, { owns });
    const changed = all.map((each) => ({ ...each, spec: { ...each.spec, hosts: ["other.example"] } }));
    expect(await replica.publishAll(changed)).toMatchObject({ updated: 1 });
    expect(await replica.publishAll(changed.slice(0, 10))).toMatchObject({ emptied: 0, held: 10 });
    expect(await replica.publishAll(changed.slice(1))).toMatchObject({ emptied: 1, held: 0 });
  });

  test("offers a resource again that the log refused, and publishes its neighbours meanwhile", async () => {
    const log = new EmbeddedEntryLog();
    let full = true;
    const refusing: EntryLog = {
      ...bound(log),
      publish: async (records, aborting) => {
        const isRefused = ({ subject }: LogRecord) => full && subject.endsWith(".a");
        const others = records.filter((record) => !isRefused(record));
        const results = await log.publish(others, aborting);
        return records.map((record) =>
          isRefused(record)
            ? { status: "refused", reason: "maximum bytes exceeded" }
            : results[others.indexOf(record)] ?? { status: "conflict" }
        );
      },
    };
    const rig = await publisherOn(refusing);
    const all = [service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])];
    const offers = all.map((manifest) => rig.publisher.prepare({ unit: manifest.metadata.name, manifest }));
    const first = await rig.publisher.publishAll(offers, false, signal);
    expect(first.summary).toMatchObject({ created: 1 });
    expect(first.refused).toEqual(new Set(["a"]));
    expect([...rig.publisher.refusals.values()]).toEqual(["maximum bytes exceeded"]);
    full = false;
    expect((await rig.publisher.publishAll(offers, false, signal)).summary).toMatchObject({ created: 1 });
    expect(rig.publisher.refusals.size).toBe(0);
  });

  test("keeps what is missing while it is told to", async () => {
    const rig = await publisherOn(new EmbeddedEntryLog());
    await rig.publishAll([service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])]);
    expect(await rig.publishAll([service("b", ["10.0.0.2"])], true)).toMatchObject({ emptied: 0 });
    expect(await rig.publishAll([service("b", ["10.0.0.2"])])).toMatchObject({ emptied: 1 });
  });

  test("keeps endpoints that an unsettled registry lacks, beside what is new, until it has settled", async () => {
    const rig = await publisherOn(new EmbeddedEntryLog());
    await rig.publishAll([service("a", ["10.0.0.1", "10.0.0.2"]), service("b", ["10.0.0.3"])]);
    const offered = [service("a", ["10.0.0.1"]), service("c", ["10.0.0.4"])];
    const offers = offered.map((manifest) =>
      rig.publisher.prepare({ unit: `ServiceEntry/${manifest.metadata.name}`, manifest })
    );
    const { summary } = await rig.publisher.publishAll(offers, true, signal, { waiting: "all" });
    expect(summary).toMatchObject({ created: 1, updated: 0, emptied: 0, held: 0 });
    const addresses = async (name: string) =>
      (await contentOf(rig.entryLog)).get(name)?.manifest.spec.endpoints?.map(({ address }) => address);
    // What comes later is published beside what is missing, and what goes then takes nothing else along.
    await rig.publishChanges([service("a", ["10.0.0.5"]), service("b", ["10.0.0.6"])]);
    expect(await addresses("a")).toEqual(["10.0.0.5", "10.0.0.1", "10.0.0.2"]);
    await rig.publishChanges([], ["b"]);
    expect(await addresses("b")).toEqual(["10.0.0.6", "10.0.0.3"]);
    await rig.publishAll([service("a", ["10.0.0.5"]), service("c", ["10.0.0.4"])]);
    expect(await addresses("a")).toEqual(["10.0.0.5"]);
    // As many others in its place make no difference.
    const replaced = rig.publisher.prepare({
      unit: "ServiceEntry/a",
      manifest: service("a", ["10.0.0.8", "10.0.0.9"]),
    });
    await rig.publisher.publishAll([replaced], true, signal, { waiting: "all" });
    expect(await addresses("a")).toEqual(["10.0.0.8", "10.0.0.9", "10.0.0.5"]);
    await rig.publishAll([service("a", ["10.0.0.5"]), service("c", ["10.0.0.4"])]);
    expect(await addresses("a")).toEqual(["10.0.0.5"]);
    expect(await addresses("b")).toBeUndefined();
    await rig.publishChanges([service("a", ["10.0.0.7"])]);
    expect(await addresses("a")).toEqual(["10.0.0.7"]);
  });

  test("keeps what is half gone at a young registry, and believes it of what has lost less", async () => {
    const rig = await publisherOn(new EmbeddedEntryLog());
    const four = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
    await rig.publishAll(["half", "less", "all"].map((name) => service(name, four)));
    const offers = [service("half", ["10.0.0.1", "10.0.0.5"]), service("less", four.slice(1))].map((
      manifest,
    ) => rig.publisher.prepare({ unit: `ServiceEntry/${manifest.metadata.name}`, manifest }));
    await rig.publisher.publishAll(offers, false, signal, { waiting: "large" });
    const addresses = async (name: string) =>
      (await contentOf(rig.entryLog)).get(name)?.manifest.spec.endpoints?.map(({ address }) => address);
    expect(await addresses("half")).toEqual(["10.0.0.1", "10.0.0.5", ...four.slice(1)]);
    expect(await addresses("less")).toEqual(four.slice(1));
    expect(await addresses("all")).toEqual(four);
    await rig.publisher.publishAll(offers, false, signal);
    expect(await addresses("half")).toEqual(["10.0.0.1", "10.0.0.5"]);
    expect(await addresses("all")).toBeUndefined();
  });

  describe("with Sidecars", () => {
    const entries = [service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])];
    const all = [...entries, sidecar("web", ["*/a.example"]), sidecar("app", ["*/b.example"])];

    async function subjects(entryLog: EntryLog): Promise<string[]> {
      const found: string[] = [];
      for await (const { subject } of entryLog.readBack(allSubjects, signal)) found.push(subject);
      return found;
    }

    test("publishes them in the order given, before the sync marker", async () => {
      const entryLog = new EmbeddedEntryLog();
      expect(await (await publisherOn(entryLog)).publishAll(all)).toEqual({
        created: 2,
        updated: 0,
        emptied: 0,
        deleted: 0,
        unchanged: 0,
        held: 0,
        sidecars: { created: 2, updated: 0, deleted: 0 },
      });
      const kinds = (await subjects(entryLog)).map((subject) => decodeSubject(subject)?.kind);
      expect(kinds).toEqual(["Term", "ServiceEntry", "ServiceEntry", "Sidecar", "Sidecar", "SyncMarker"]);
    });

    test("deletes them only when they are named", async () => {
      const entryLog = new EmbeddedEntryLog();
      const publisher = await publisherOn(entryLog);
      await publisher.publishAll(all);
      const summary = await publisher.publishAll(entries);
      expect(summary).toMatchObject({ deleted: 0, emptied: 0, unchanged: 2 });
      expect(summary.sidecars).toBeUndefined();
      expect(await publisher.deleteSidecars("web", "web")).toMatchObject({
        deleted: 0,
        sidecars: { created: 0, updated: 0, deleted: 1 },
      });
      const names = (await subjects(entryLog)).filter((subject) => subject.includes("Sidecar"));
      expect(names.map((subject) => decodeSubject(subject)?.name)).toEqual(["app"]);
    });

    test("doesn't count them when it judges a loss", async () => {
      const entryLog = new EmbeddedEntryLog();
      const publisher = await publisherOn(entryLog, {
        guard: { maxShrinkPercent: 30, minEndpoints: 1, holdTimeMs: 0 },
      });
      await publisher.publishAll(all);
      const lost = all.filter(({ metadata }) => metadata.name !== "a");
      expect(await publisher.publishAll(lost)).toMatchObject({ emptied: 0, held: 1 });
      // An empty registry is held although Sidecars are shown.
      const onlySidecars = all.filter(({ kind }) => kind === "Sidecar");
      const held = await (await publisherOn(entryLog)).publishAll(onlySidecars);
      expect(held).toMatchObject({ emptied: 0, held: 2 });
    });
  });
});
