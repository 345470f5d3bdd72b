import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import type { EntryLog, LogEvent } from "../../../shared/entry-log/entry-log.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import type { Profile } from "../../../shared/model/profile.ts";
import { encodeSubject, syncMarkerSubject } from "../../../shared/model/subject.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import { createLogger } from "../../../shared/runtime/log.ts";
import { ResourceCache } from "../catalogue/cache.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";
import { StreamIngest } from "./ingest.ts";
import { guard } from "./ingest-rig.ts";
import { AggregatorMetrics } from "../metrics.ts";
import { SyncGate } from "./sync-gate.ts";

const log = createLogger("test");
log.level = "silent";

function subjectOf(name: string, registry = "eureka"): string {
  return encodeSubject({ kind: "ServiceEntry", registry, source: "default", namespace: "n", name });
}

function manifest(name: string, address = "10.0.0.1", change: Partial<ServiceEntryManifest["spec"]> = {}) {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "n", labels: {}, creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      hosts: [`${name}.example`],
      ports: [{ number: 80, protocol: "HTTP", name: "http-80" }],
      resolution: "STATIC",
      endpoints: [{ address, ports: { "http-80": 8080 } }],
      ...change,
    },
  };
}

let lastSequence = 0;

function put(name: string, content: unknown = manifest(name), registry = "eureka"): LogEvent {
  const data = Buffer.from(typeof content === "string" ? content : JSON.stringify(content));
  return { type: "put", subject: subjectOf(name, registry), sequence: ++lastSequence, data };
}

function marker(id: string, registry = "eureka"): LogEvent {
  const content = {
    apiVersion: "meshregistry.io/v1",
    kind: "SyncMarker",
    metadata: { name: `${registry}.default` },
    spec: { registry, source: "default", id, entries: 1, at: "2026-01-01T00:00:00Z" },
  };
  const subject = syncMarkerSubject(registry, "default");
  return { type: "put", subject, sequence: ++lastSequence, data: Buffer.from(JSON.stringify(content)) };
}

const reset = (streamId: string): LogEvent => ({ type: "reset", reason: "test", streamId });
const caughtUp = (): LogEvent => ({ type: "caught-up", sequence: lastSequence });

/** An entry log that plays back a list of events: what a real one would say is for its own tests. */
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

async function ingested(events: readonly LogEvent[], profile: Profile = "istio") {
  return await followed(playback(events), profile);
}

async function followed(entryLog: EntryLog, profile: Profile = "istio") {
  const cache = new ResourceCache();
  const gate = new SyncGate([{ registry: "eureka", source: "default", waitTimeMs: 0 }]);
  const ingest = new StreamIngest({
    cache,
    gate,
    profile,
    guard,
    log,
    metrics: new AggregatorMetrics(new Registry()),
  });
  await ingest.run(entryLog, new AbortController().signal);
  const names = [...cache.snapshot("ServiceEntry", undefined).resources].map(({ name }) => name).sort();
  return { cache, gate, ingest, names };
}

describe("StreamIngest", () => {
  test("opens the gate after the log was read and the source's marker was seen, not before", async () => {
    expect((await ingested([reset("s"), put("a"), caughtUp()])).gate.open).toBe(false);
    expect((await ingested([reset("s"), put("a"), marker("m")])).gate.open).toBe(false);
    const { gate, names } = await ingested([reset("s"), put("a"), marker("m"), caughtUp()]);
    expect(gate.open).toBe(true);
    expect(names).toEqual(["n/a"]);
  });

  test("removes what a tombstone names", async () => {
    const deletion: LogEvent = { type: "delete", subject: subjectOf("a"), sequence: ++lastSequence };
    expect((await ingested([reset("s"), put("a"), put("b"), deletion])).names).toEqual(["n/b"]);
  });

  test("keeps everything when the log is reset, until the source has published a new marker", async () => {
    const before = [reset("s1"), put("a"), put("b"), marker("m1"), caughtUp()];
    const empty = [...before, reset("s2"), caughtUp()];
    expect((await ingested(empty)).names).toEqual(["n/a", "n/b"]);
    expect((await ingested([...empty, put("b")])).names).toEqual(["n/a", "n/b"]);
    expect((await ingested([...empty, put("b"), marker("m2")])).names).toEqual(["n/b"]);
  });

  test("decides nothing when the log can't tell what it holds, and decides with the same marker later", async () => {
    const last = marker("m2");
    const before = [
      reset("s1"),
      put("a"),
      put("b"),
      marker("m1"),
      caughtUp(),
      reset("s2"),
      put("b"),
      caughtUp(),
    ];
    const log = playback([...before, last, reset("s2"), put("b"), last, caughtUp()]);
    let asked = 0;
    const served: number[] = [];
    const { names } = await followed({
      ...log,
      readBack: (filter, signal) => {
        served.push(++asked);
        if (asked === 1) throw new MeshError("entry-log-unavailable", "the stream was reset");
        return log.readBack(filter, signal);
      },
    });
    expect(served).toEqual([1, 2]);
    expect(names).toEqual(["n/b"]);
  });

  test("doesn't believe a marker that it has seen before: a rolled-back log shows it again", async () => {
    const first = marker("m1");
    const events = [
      reset("s1"),
      put("a"),
      first,
      put("b"),
      caughtUp(),
      reset("s1"),
      put("a"),
      first,
      caughtUp(),
    ];
    expect((await ingested(events)).names).toEqual(["n/a", "n/b"]);
  });

  test("removes after a reset only what belongs to the source of the marker", async () => {
    const before = [
      reset("s1"),
      put("a"),
      put("b"),
      put("z", manifest("z"), "nacos"),
      marker("m1"),
      caughtUp(),
    ];
    const after = [...before, reset("s2"), caughtUp(), put("b"), marker("m2")];
    expect((await ingested(after)).names).toEqual(["n/b", "n/z"]);
  });

  test.each([
    ["no JSON", "{", "M1"],
    ["another form", { kind: "ServiceEntry" }, "M1"],
    ["the name of another resource", manifest("other"), "M1"],
    [
      "a port out of range",
      manifest("a", "10.0.0.1", { ports: [{ number: 0, protocol: "HTTP", name: "http" }] }),
      "S4",
    ],
    ["a host that Istio refuses", manifest("a", "10.0.0.1", { hosts: ["a:b"] }), "S1"],
  ])("doesn't serve %s, names the rule, and serves its neighbours", async (_what, content, rule) => {
    const { ingest, names } = await ingested([
      reset("s"),
      put("a", content),
      put("b"),
      marker("m"),
      caughtUp(),
    ]);
    expect(names).toEqual(["n/b"]);
    const rejection = ingest.rejections.get(subjectOf("a"));
    expect(rejection?.serving).toBe("nothing");
    expect(rejection?.violations[0]?.rule).toBe(rule);
  });

  test("serves the last good version in place of a bad one, and the next good one", async () => {
    const bad = manifest("a", "10.0.0.2", { hosts: ["a:b"] });
    const one = await ingested([reset("s"), put("a"), put("a", bad)]);
    expect(one.names).toEqual(["n/a"]);
    expect(one.ingest.rejections.get(subjectOf("a"))?.serving).toBe("the last good version");
    const two = await ingested([reset("s"), put("a"), put("a", bad), put("a", manifest("a", "10.0.0.3"))]);
    expect(two.ingest.rejections.size).toBe(0);
  });

  test("names a message of a kind that only a newer version knows, until it is deleted", async () => {
    const subject = subjectOf("a").replace("ServiceEntry", "DestinationRule");
    const later: LogEvent = { type: "put", subject, sequence: ++lastSequence, data: Buffer.from("{}") };
    const one = await ingested([reset("s"), later, put("b")]);
    expect(one.names).toEqual(["n/b"]);
    expect([...one.ingest.rejections]).toMatchObject([[subject, {
      serving: "nothing",
      violations: [{
        message: expect.stringMatching(/^DestinationRule is a kind that this version doesn't know/),
      }],
    }]]);
    const gone: LogEvent = { type: "delete", subject, sequence: ++lastSequence };
    expect((await ingested([reset("s"), later, put("b"), gone])).ingest.rejections.size).toBe(0);
  });

  test("serves in the slime profile what a stock Istio would refuse, and says so", async () => {
    const { names, ingest } = await ingested([
      reset("s"),
      put("a", manifest("a", "1.1.1.1", { hosts: ["a:b"] })),
    ], "slime");
    expect(names).toEqual(["n/a"]);
    expect(ingest.rejections.get(subjectOf("a"))?.serving).toBe("it all the same");
  });

  test.each<[profile: Profile]>([["istio"], ["slime"]])(
    "serves an entry without an endpoint that Envoy rejects, and names that (profile %s)",
    async (profile) => {
      const endpoints = [{ address: "10.0.0.1" }, { address: "fe80::1%en0" }];
      const { cache, ingest } = await ingested(
        [reset("s"), put("a", manifest("a", "", { endpoints })), marker("1"), caughtUp()],
        profile,
      );
      const [stored] = cache.allStored("ServiceEntry");
      expect(stored?.endpoints).toBe(1);
      expect(stored && decodeResource("ServiceEntry", stored.framed).spec).toMatchObject({
        endpoints: [{ address: "10.0.0.1" }],
      });
      expect(ingest.rejections.get(subjectOf("a"))).toMatchObject({
        serving: "it without these endpoints",
        violations: [{ rule: "E1", message: expect.stringContaining("fe80::1%en0") }],
      });
    },
  );

  test("of two sources with a resource of one name serves one, and the other when that is gone", async () => {
    const gone: LogEvent = { type: "delete", subject: subjectOf("a"), sequence: ++lastSequence };
    const both = [reset("s"), put("a", manifest("a", "10.0.0.9"), "nacos"), put("a")];
    const one = await ingested(both);
    expect(one.cache.get("ServiceEntry", "n/a")?.registry).toBe("eureka");
    expect([...one.cache.shadowed("ServiceEntry")]).toEqual([subjectOf("a", "nacos")]);
    const two = await ingested([...both, gone]);
    expect(two.cache.get("ServiceEntry", "n/a")?.registry).toBe("nacos");
    expect(two.cache.shadowed("ServiceEntry").size).toBe(0);
  });

  test("labels an entry without endpoints in the istio profile, and not in the slime profile", async () => {
    const events = [reset("s"), put("a", manifest("a", "", { endpoints: [] }))];
    for (
      const [profile, labels] of [["istio", { "meshregistry.io/no-endpoints": "true" }], [
        "slime",
        {},
      ]] as const
    ) {
      const { cache } = await ingested(events, profile);
      const framed = cache.get("ServiceEntry", "n/a")?.framed ?? new Uint8Array();
      expect(decodeResource("ServiceEntry", framed).labels).toEqual(labels);
    }
  });

  test("gives equal content an equal snapshot version, in whatever order it came and whatever happened before", async () => {
    const a = put("a");
    const b = put("b");
    const detour = [put("b", manifest("b", "10.9.9.9")), put("c")];
    const gone: LogEvent = { type: "delete", subject: subjectOf("c"), sequence: ++lastSequence };
    const one = await ingested([reset("s"), a, b]);
    const two = await ingested([reset("t"), ...detour, put("b"), gone, put("a")]);
    const version = (cache: ResourceCache) => cache.snapshot("ServiceEntry", undefined).version;
    expect(version(one.cache)).toBe(version(two.cache));
    expect(version(one.cache)).not.toBe(version((await ingested([reset("s"), a])).cache));
  });
});
