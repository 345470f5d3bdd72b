import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { anyServiceEntry, anySidecar } from "../../../test/istio/arbitrary-manifests.ts";
import type { EntryLog, LogEvent } from "../../../shared/entry-log/entry-log.ts";
import type { Manifest } from "../../../shared/model/manifest.ts";
import { encodeSubject, syncMarkerSubject } from "../../../shared/model/subject.ts";
import { createLogger } from "../../../shared/runtime/log.ts";
import { ResourceCache } from "../catalogue/cache.ts";
import { StreamIngest } from "./ingest.ts";
import { guard } from "./ingest-rig.ts";
import { AggregatorMetrics } from "../metrics.ts";
import { encodePrepared, manifestOf, prepareManifest } from "../output-stage/present.ts";
import type { AggregatorState } from "../state/state-file.ts";
import { SyncGate } from "./sync-gate.ts";

const log = createLogger("test");
log.level = "silent";

const subjectOf = (name: string, source = "default") =>
  encodeSubject({ kind: "ServiceEntry", registry: "eureka", source, namespace: "n", name });

function put(name: string, sequence: number, address = "10.0.0.1"): LogEvent {
  const manifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "n", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      hosts: [`${name}.example`],
      ports: [{ number: 80, protocol: "HTTP", name: "p" }],
      resolution: "STATIC",
      endpoints: [{ address, ports: { p: 8080 } }],
    },
  };
  return { type: "put", subject: subjectOf(name), sequence, data: Buffer.from(JSON.stringify(manifest)) };
}

function marker(id: string, sequence: number): LogEvent {
  const content = {
    apiVersion: "meshregistry.io/v1",
    kind: "SyncMarker",
    metadata: { name: "eureka.default" },
    spec: { registry: "eureka", source: "default", id, entries: 1, at: "2026-01-01T00:00:00Z" },
  };
  const data = Buffer.from(JSON.stringify(content));
  return { type: "put", subject: syncMarkerSubject("eureka", "default"), sequence, data };
}

const reset = (streamId: string): LogEvent => ({ type: "reset", reason: "first read", streamId });
const caughtUp = (sequence: number): LogEvent => ({ type: "caught-up", sequence });
const gone = (name: string, sequence: number): LogEvent => ({
  type: "delete",
  subject: subjectOf(name),
  sequence,
});

function playback(events: readonly LogEvent[]): EntryLog {
  return {
    publish: () => Promise.resolve([]),
    readBack: async function* () {},
    follow: async function* () {
      yield* events;
    },
    onReset: () => () => {},
    status: () => ({ connected: true, detail: "playback" }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A process with a state on disk: `served` if the log couldn't be reached at its start, so that it was served. */
async function started(state: AggregatorState | undefined, served: boolean, events: readonly LogEvent[]) {
  const cache = new ResourceCache();
  const gate = new SyncGate([{ registry: "eureka", source: "default", waitTimeMs: 0 }]);
  const metrics = new AggregatorMetrics(new Registry());
  const earlier = { header: () => Promise.resolve(state), load: () => Promise.resolve(state) };
  const ingest = new StreamIngest({ cache, gate, profile: "istio", guard, log, metrics, earlier });
  if (served && state !== undefined) await ingest.serve(state);
  const openBefore = gate.open;
  await ingest.run(playback(events), new AbortController().signal);
  const names = [...cache.snapshot("ServiceEntry").resources].map(({ name }) => name.slice(2)).sort().join(
    " ",
  );
  return { cache, gate, ingest, names, openBefore };
}

async function stateAfter(events: readonly LogEvent[]): Promise<AggregatorState> {
  const { ingest } = await started(undefined, false, events);
  const state = ingest.state();
  if (state === undefined) throw new Error("no state");
  return { ...state, stream: "S", writtenAt: "2026-01-01T00:00:00Z" };
}

const first = [reset("s1"), put("a", 1), put("b", 2), put("c", 3), marker("m1", 4), caughtUp(4)];

describe("a state of earlier times", () => {
  test("is not taken before all is read and synced", async () => {
    for (const events of [first.slice(0, -1), first.filter((event) => event !== first[4])]) {
      expect((await started(undefined, false, events)).ingest.state()).toBeUndefined();
    }
    const rereading = [...first, reset("s2"), put("a", 1)];
    expect((await started(undefined, false, rereading)).ingest.state()).toBeUndefined();
  });

  test("keeps what is in doubt apart, so that a restart decides nothing", async () => {
    const inDoubt = [...first, reset("s2"), put("a", 1), caughtUp(1)];
    const state = await stateAfter(inDoubt);
    expect(state).toMatchObject({ streamId: "s2", doubts: 2 });
    for (const served of [true, false]) {
      const { names, ingest } = await started(state, served, inDoubt.slice(6));
      expect(names).toBe("a b c");
      expect(ingest.unconfirmed).toBe(2);
    }
    const synced = [...inDoubt.slice(6), put("b", 2), put("c", 3), marker("m2", 4)];
    for (const served of [true, false]) {
      expect((await started(state, served, synced)).ingest.unconfirmed).toBe(0);
    }
  });

  test("gives back only what was in doubt, if the log goes on: the rest was deleted meanwhile", async () => {
    const state = await stateAfter([...first, reset("s2"), put("a", 1), put("d", 2), caughtUp(2)]);
    expect(state.doubts).toBe(2);
    const { names } = await started(state, false, [reset("s2"), put("a", 1), gone("d", 3), caughtUp(3)]);
    expect(names).toBe("a b c");
  });

  test("keeps since when something is held", async () => {
    const state = await stateAfter([...first, reset("s2"), caughtUp(0), marker("m2", 1)]);
    expect(state.doubts).toBe(3);
    for (const { heldSince } of [...state.entries].map(({ doubt }) => doubt ?? { heldSince: null })) {
      expect(Math.abs(Date.parse(heldSince ?? "") - Date.now())).toBeLessThan(60_000);
    }
    const entries = [...state.entries].map((entry) => ({
      ...entry,
      doubt: { heldSince: new Date(Date.now() - guard.holdTimeMs - 1).toISOString() },
    }));
    const log = [reset("s2"), marker("m2", 1), caughtUp(1)];
    const { ingest, cache } = await started({ ...state, entries }, true, log);
    expect(cache.count("ServiceEntry").resources).toBe(3);
    ingest.tick();
    expect(cache.count("ServiceEntry").resources).toBe(0);
  });

  test("is served as it was, with the same versions, and opens the gate", async () => {
    const before = await started(undefined, false, first);
    const after = await started(await stateAfter(first), true, []);
    expect(after.names).toBe("a b c");
    expect(after.openBefore).toBe(true);
    expect(after.ingest.servedStateOf).toBe("2026-01-01T00:00:00Z");
    expect(after.cache.snapshot("ServiceEntry").version).toBe(before.cache.snapshot("ServiceEntry").version);
    expect(after.ingest.state()).toBeUndefined();
  });

  test.each<readonly [string, readonly LogEvent[], string]>([
    ["the log can be read, not to its end", [reset("s1"), put("a", 1)], "a b c"],
    ["the log goes on: what it lacks was deleted", [
      reset("s1"),
      put("a", 1),
      put("c", 3),
      marker("m1", 4),
      caughtUp(6),
    ], "a c"],
    ["the log goes on, with a deletion", [
      reset("s1"),
      put("a", 1),
      put("c", 3),
      marker("m1", 4),
      gone("b", 5),
    ], "a c"],
    ["the log goes on, but its source is not synced", [reset("s1"), put("a", 1), caughtUp(6)], "a b c"],
    ["the log ends before", [reset("s1"), put("a", 1), marker("m1", 2), caughtUp(3)], "a b c"],
    [
      "the log was rolled back and has grown since",
      [reset("s1"), put("c", 1), marker("m1", 4), caughtUp(9)],
      "a b c",
    ],
    ["the log is another one, and empty", [reset("s2"), caughtUp(0)], "a b c"],
    [
      "the log is another one with old markers",
      [reset("s2"), put("a", 1), marker("m1", 2), caughtUp(2)],
      "a b c",
    ],
    ["the log is another one, and its source is synced", [
      reset("s2"),
      put("a", 1),
      marker("m2", 2),
      caughtUp(2),
    ], "a"],
    ["the log is another one, and its source is synced later", [
      reset("s2"),
      caughtUp(0),
      put("b", 1),
      put("d", 2),
      marker("m2", 3),
    ], "b d"],
    ["the log is another one, and its source is synced later without any of it", [
      reset("s2"),
      caughtUp(0),
      put("d", 1),
      marker("m2", 2),
    ], "a b c d"],
  ])("%s", async (what, events, names) => {
    const state = await stateAfter(first);
    expect((await started(state, true, events)).names).toBe(names);
    // With the log in reach the state only matters if the log is not what it was; a rollback that the log has outgrown
    // can only be seen by comparing.
    if (what.includes("not to its end") || what.includes("not synced") || what.includes("grown since")) {
      return;
    }
    expect((await started(state, false, events)).names).toBe(names);
  });

  test("that is served while a log was half read mixes no cursors of two streams", async () => {
    const state = await stateAfter(first);
    const { ingest, cache, names } = await started(undefined, false, []);
    const events = (async function* () {
      yield* [reset("s2"), put("d", 5)];
      await ingest.serve(state);
      yield* [put("e", 6), caughtUp(6)];
    })();
    await ingest.run({ ...playback([]), follow: () => events }, new AbortController().signal);
    expect(names).toBe("");
    const cursors = [...cache.snapshot("ServiceEntry").resources].map(({ name, cursor }) => [
      name,
      cursor.split("-")[0],
    ]);
    expect(Object.fromEntries(cursors)).toEqual({
      "n/a": "s1",
      "n/b": "s1",
      "n/c": "s1",
      "n/d": "s2",
      "n/e": "s2",
    });
    expect(ingest.unconfirmed).toBe(3);
  });

  test("the gate waits for the sources as ever when the log can be read", async () => {
    const { gate, ingest } = await started(await stateAfter(first), false, [reset("s2"), caughtUp(0)]);
    expect(gate.open).toBe(false);
    expect(ingest.unconfirmed).toBe(3);
  });

  test("a source that is synced in the log as it goes on counts as synced", async () => {
    const { gate } = await started(await stateAfter(first), true, first);
    expect([...gate.states.values()]).toEqual(["synced"]);
  });

  test("entries of sources that are not configured any more are served as before: nobody has retired them", async () => {
    const state = await stateAfter(first);
    const entries = [...state.entries].map((entry) => ({
      ...entry,
      subject: entry.subject === subjectOf("b") ? subjectOf("b", "former") : entry.subject,
    }));
    expect((await started({ ...state, entries }, true, [])).names).toBe("a b c");
  });

  test.each(
    [
      ["ServiceEntry", anyServiceEntry],
      ["Sidecar", anySidecar],
    ] as const,
  )("any %s comes back from its encoded form with the same version", (kind, manifests) => {
    const id = { kind, registry: "eureka", source: "default", namespace: "n", name: "x" };
    const versionOf = (manifest: Manifest) => {
      // The slime profile refuses nothing.
      const { prepared } = prepareManifest("s", id, "c-1", manifest, "slime");
      return prepared && encodePrepared(prepared);
    };
    fc.assert(fc.property<[Manifest]>(manifests, (manifest) => {
      // The one key that JavaScript's objects keep for themselves. As a label it is repaired for Istio anyway.
      fc.pre(!JSON.stringify(manifest).includes("__proto__"));
      const encoded = versionOf(manifest);
      const again = manifestOf(kind, encoded?.framed ?? new Uint8Array(), false);
      expect(encoded).toBeDefined();
      expect(again && versionOf(again)?.version).toBe(encoded?.version);
    }));
  });
});
