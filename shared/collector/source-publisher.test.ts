import { describe, expect, test } from "vitest";
import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type { EntryLog } from "../entry-log/entry-log.ts";
import type { ServiceEntryManifest, SidecarManifest } from "../model/manifest.ts";
import { allSubjects, decodeSubject } from "../model/subject.ts";
import { createLogger } from "../runtime/log.ts";
import { emptySinceAnnotation } from "./published-entry.ts";
import type { SourcePublisherOptions } from "./source-publisher.ts";
import { SourcePublisher } from "./source-publisher.ts";

const { signal } = new AbortController();
const log = createLogger("test");
log.level = "silent";

function service(name: string, addresses: readonly string[]): ServiceEntryManifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "n", labels: { registry: "eureka" } },
    spec: {
      hosts: [`${name}.example`],
      ports: [{ number: 80, protocol: "HTTP", name: "http-80" }],
      resolution: "STATIC",
      endpoints: addresses.map((address) => ({ address, ports: { "http-80": 8080 } })),
    },
  };
}

function sidecar(name: string, hosts: string[]): SidecarManifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "Sidecar",
    metadata: { name, namespace: "n", labels: {}, annotations: { "meshregistry.io/updated-at": "now" } },
    spec: { workloadSelector: { labels: { app: name } }, egress: [{ hosts }] },
  };
}

function publisherOn(entryLog: EntryLog, options: Partial<SourcePublisherOptions> = {}): SourcePublisher {
  return new SourcePublisher({
    entryLog,
    registry: "eureka",
    source: "default",
    guard: { maxShrinkPercent: 30, minEndpoints: 10, holdTimeMs: 60_000 },
    keepEmptyMs: 0,
    log,
    ...options,
  });
}

interface Stored {
  readonly sequence: number;
  readonly manifest: ServiceEntryManifest;
}

async function content(entryLog: EntryLog): Promise<Map<string, Stored>> {
  const found = new Map<string, Stored>();
  for await (const { subject, sequence, data } of entryLog.readBack(allSubjects, signal)) {
    const id = decodeSubject(subject);
    const manifest = JSON.parse(Buffer.from(data).toString("utf8"));
    found.set(id?.kind === "ServiceEntry" ? id.name : `${id?.kind}`, { sequence, manifest });
  }
  return found;
}

const gone = (name: string) => ({ kind: "ServiceEntry", namespace: "n", name });

describe("SourcePublisher", () => {
  test("publishes everything, then the sync marker", async () => {
    const entryLog = new EmbeddedEntryLog();
    const publisher = publisherOn(entryLog);
    const summary = await publisher.publishAll(
      [service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])],
      signal,
    );
    expect(summary).toMatchObject({ created: 2, updated: 0, unchanged: 0 });
    const stored = await content(entryLog);
    expect([...stored.keys()]).toEqual(["a", "b", "SyncMarker"]);
    expect(publisher.needsCompleteRead).toBe(false);
  });

  test("publishes an unchanged resource never again, not even after a restart", async () => {
    const entryLog = new EmbeddedEntryLog();
    await publisherOn(entryLog).publishAll([service("a", ["10.0.0.1"])], signal);
    const first = (await content(entryLog)).get("a");
    const summary = await publisherOn(entryLog).publishAll([service("a", ["10.0.0.1"])], signal);
    expect(summary).toMatchObject({ created: 0, updated: 0, unchanged: 1 });
    expect((await content(entryLog)).get("a")).toEqual(first);
  });

  test("keeps the time of creation over updates and restarts", async () => {
    const entryLog = new EmbeddedEntryLog();
    await publisherOn(entryLog).publishAll([service("a", ["10.0.0.1"])], signal);
    const created = (await content(entryLog)).get("a")?.manifest.metadata.creationTimestamp;
    await publisherOn(entryLog).publishAll([service("a", ["10.0.0.2"])], signal);
    const stored = (await content(entryLog)).get("a")?.manifest;
    expect(stored?.metadata.creationTimestamp).toBe(created);
    expect(stored?.spec.endpoints?.[0]?.address).toBe("10.0.0.2");
  });

  test("empties a service that the registry lost, and fills it again", async () => {
    const entryLog = new EmbeddedEntryLog();
    const publisher = publisherOn(entryLog);
    await publisher.publishAll([service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])], signal);
    expect(await publisher.publishAll([service("b", ["10.0.0.2"])], signal)).toMatchObject({
      emptied: 1,
      deleted: 0,
    });
    const emptied = (await content(entryLog)).get("a")?.manifest;
    expect(emptied?.spec).toEqual({ ...service("a", []).spec, endpoints: undefined });
    expect(emptied?.metadata.annotations?.[emptySinceAnnotation]).toBeDefined();
    expect(await publisher.publishAll([service("b", ["10.0.0.2"])], signal)).toMatchObject({ emptied: 0 });

    await publisher.publishAll([service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])], signal);
    const back = (await content(entryLog)).get("a")?.manifest;
    expect(back?.spec).toEqual(service("a", ["10.0.0.1"]).spec);
    expect(back?.metadata.annotations).toBeUndefined();
  });

  test("deletes an empty service when its time is over, also after a restart", async () => {
    const entryLog = new EmbeddedEntryLog();
    const first = publisherOn(entryLog);
    await first.publishAll([service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])], signal);
    await first.publishChanges([], [gone("a")], signal);
    expect((await content(entryLog)).has("a")).toBe(true);
    const second = publisherOn(entryLog, { keepEmptyMs: 1 });
    await expect.poll(() => second.publishAll([service("b", ["10.0.0.2"])], signal)).toMatchObject({
      deleted: 1,
    });
    expect((await content(entryLog)).has("a")).toBe(false);
  });

  test("holds what an empty registry would delete, also when it is the first read after a restart", async () => {
    const entryLog = new EmbeddedEntryLog();
    const all = [service("a", ["10.0.0.1"]), service("b", ["10.0.0.2"])];
    await publisherOn(entryLog).publishAll(all, signal);
    const publisher = publisherOn(entryLog);
    expect(await publisher.publishAll([], signal)).toMatchObject({ emptied: 0, held: 2 });
    expect(publisher.held().size).toBe(2);
    publisher.releaseHeld();
    expect(await publisher.publishAll([], signal)).toMatchObject({ emptied: 2, held: 0 });
  });

  test("believes a registry that names what is gone", async () => {
    const entryLog = new EmbeddedEntryLog();
    const publisher = publisherOn(entryLog);
    await publisher.publishAll([service("a", ["10.0.0.1"])], signal);
    expect(await publisher.publishChanges([], [gone("a")], signal)).toMatchObject({ emptied: 1 });
  });

  test("serves new instances at once beside what is held, and nothing else once all are back", async () => {
    const entryLog = new EmbeddedEntryLog();
    const publisher = publisherOn(entryLog);
    const addresses = async () =>
      (await content(entryLog)).get("a")?.manifest.spec.endpoints?.map(({ address }) => address).sort();
    await publisher.publishAll([service("a", ["10.0.0.1", "10.0.0.2"])], signal);
    await publisher.publishAll([], signal);
    await publisher.publishChanges([service("a", ["10.0.0.1"])], [], signal);
    expect(await addresses()).toEqual(["10.0.0.1", "10.0.0.2"]);
    await publisher.publishAll([service("a", ["10.0.0.3"])], signal);
    expect(await addresses()).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    await publisher.publishAll([service("a", ["10.0.0.3", "10.0.0.4"])], signal);
    expect(await addresses()).toEqual(["10.0.0.3", "10.0.0.4"]);
    expect(publisher.held().size).toBe(0);
  });

  test("notices that somebody else wrote a resource and asks for a complete read", async () => {
    const entryLog = new EmbeddedEntryLog();
    const [one, two] = [publisherOn(entryLog), publisherOn(entryLog)];
    await one.publishAll([service("a", ["10.0.0.1"])], signal);
    await two.publishAll([service("a", ["10.0.0.2"])], signal);
    await one.publishChanges([service("a", ["10.0.0.3"])], [], signal);
    expect(one.needsCompleteRead).toBe(true);
    await one.publishAll([service("a", ["10.0.0.3"])], signal);
    expect((await content(entryLog)).get("a")?.manifest.spec.endpoints?.[0]?.address).toBe("10.0.0.3");
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
      expect(await publisherOn(entryLog).publishAll(all, signal)).toEqual({
        created: 2,
        updated: 0,
        emptied: 0,
        deleted: 0,
        unchanged: 0,
        held: 0,
        sidecars: { created: 2, updated: 0, deleted: 0 },
      });
      const kinds = (await subjects(entryLog)).map((subject) => decodeSubject(subject)?.kind);
      expect(kinds).toEqual(["ServiceEntry", "ServiceEntry", "Sidecar", "Sidecar", "SyncMarker"]);
    });

    test("deletes them only when they are named", async () => {
      const entryLog = new EmbeddedEntryLog();
      const publisher = publisherOn(entryLog);
      await publisher.publishAll(all, signal);
      const summary = await publisher.publishAll(entries, signal);
      expect(summary).toMatchObject({ deleted: 0, emptied: 0, unchanged: 2 });
      expect(summary.sidecars).toBeUndefined();
      const web = { kind: "Sidecar", namespace: "n", name: "web" };
      expect(await publisher.publishChanges([], [web, web], signal)).toMatchObject({
        deleted: 0,
        sidecars: { created: 0, updated: 0, deleted: 1 },
      });
      const names = (await subjects(entryLog)).filter((subject) => subject.includes("Sidecar"));
      expect(names.map((subject) => decodeSubject(subject)?.name)).toEqual(["app"]);
    });

    test("doesn't count them when it judges a loss", async () => {
      const entryLog = new EmbeddedEntryLog();
      const publisher = publisherOn(entryLog, {
        guard: { maxShrinkPercent: 30, minEndpoints: 1, holdTimeMs: 0 },
      });
      await publisher.publishAll(all, signal);
      const lost = all.filter(({ metadata }) => metadata.name !== "a");
      expect(await publisher.publishAll(lost, signal)).toMatchObject({ emptied: 0, held: 1 });
      // An empty registry is held although Sidecars are shown.
      const onlySidecars = all.filter(({ kind }) => kind === "Sidecar");
      const held = await publisherOn(entryLog).publishAll(onlySidecars, signal);
      expect(held).toMatchObject({ emptied: 0, held: 2 });
    });

    test("answers those that it finds on the stream once, with bookkeeping and all", async () => {
      const entryLog = new EmbeddedEntryLog();
      expect(await publisherOn(entryLog).readBack(signal)).toEqual([]);
      await publisherOn(entryLog).publishAll(all, signal);
      const publisher = publisherOn(entryLog);
      const found = await publisher.readBack(signal);
      expect(found).toMatchObject([sidecar("web", ["*/a.example"]), sidecar("app", ["*/b.example"])]);
      expect(await publisher.readBack(signal)).toEqual([]);
      expect(publisher.needsCompleteRead).toBe(true);
      expect((await publisher.publishAll(all, signal)).sidecars).toBeUndefined();
    });
  });
});
