import fc from "fast-check";
import { expect, test } from "vitest";
import type { EntryLog, LogEvent } from "../../../shared/entry-log/entry-log.ts";
import { streamIdOf } from "../../../shared/model/cursor.ts";
import { decodeSubject } from "../../../shared/model/subject.ts";
import { entryRecord, guard, IngestRig, markerRecord, recordOf, serviceEntry } from "./ingest-rig.ts";
import { lastGoodMs } from "./last-good.ts";

/** What happens to the stream. */
type Deed =
  | { readonly type: "good"; readonly service: number; readonly endpoints: number }
  | { readonly type: "bad"; readonly service: number; readonly content: string }
  | { readonly type: "unusable"; readonly service: number }
  | { readonly type: "repairable"; readonly service: number }
  | { readonly type: "delete"; readonly service: number }
  | { readonly type: "marker" }
  /** The stream is lost, or all of it is read again. */
  | { readonly type: "reset"; readonly lost: boolean }
  | { readonly type: "tick"; readonly afterMs: number };

const service = fc.nat(14);
const deeds: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant("good"), service, endpoints: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("bad"),
      service,
      content: fc.constantFrom("{", "null", JSON.stringify(serviceEntry("other"))),
    }),
  },
  fc.record({ type: fc.constant("unusable"), service }),
  fc.record({ type: fc.constant("repairable"), service }),
  fc.record({ type: fc.constant("delete"), service }),
  { weight: 2, arbitrary: fc.record({ type: fc.constant("marker") }) },
  fc.record({ type: fc.constant("reset"), lost: fc.boolean() }),
  fc.record({ type: fc.constant("tick"), afterMs: fc.nat(guard.holdTimeMs) }),
);

const nameOf = (index: number) => `s${index.toString().padStart(2, "0")}`;

const nameIn = (subject: string) => decodeSubject(subject)?.name ?? "";

/** A stream as a server keeps it: the last message of each subject. */
class Stream {
  readonly #messages = new Map<string, LogEvent>();
  #sequence = 0;
  #id = 0;

  /** The messages of a deed; they are stored. */
  apply(deed: Deed): readonly LogEvent[] {
    switch (deed.type) {
      case "good":
        return this.#put(entryRecord(nameOf(deed.service), deed.endpoints));
      case "bad":
        return this.#put(recordOf(nameOf(deed.service), deed.content));
      case "repairable": {
        const endpoints = [{ address: "10.0.0.1" }, { address: "no address at all" }];
        return this.#put(
          recordOf(nameOf(deed.service), serviceEntry(nameOf(deed.service), 0, { endpoints })),
        );
      }
      case "unusable":
      case "delete": {
        const { subject } = entryRecord(nameOf(deed.service));
        const sequence = ++this.#sequence;
        this.#messages.delete(subject);
        if (deed.type === "delete") return [{ type: "delete", subject, sequence }];
        return this.#store({ type: "unusable", subject, sequence, reason: "parts are missing" });
      }
      case "marker":
        return this.#put(markerRecord());
      case "reset":
        if (deed.lost) {
          this.#messages.clear();
          this.#sequence = 0;
          this.#id++;
        }
        return this.read();
      case "tick":
        return [];
    }
  }

  /** What a new reader is told. */
  read(): readonly LogEvent[] {
    const streamId = streamIdOf(new Date(this.#id));
    const stored = [...this.#messages.values()];
    return [{ type: "reset", streamId, reason: "test" }, ...stored, {
      type: "caught-up",
      sequence: this.#sequence,
    }];
  }

  /** A log of these events, whose content is that of the stream when it is asked. */
  log(events: AsyncIterable<LogEvent>): EntryLog {
    const messages = this.#messages;
    return {
      publish: () => Promise.resolve([]),
      readBack: async function* () {
        for (const event of messages.values()) if (event.type === "put") yield event;
      },
      follow: () => events,
      onReset: () => () => {},
      status: () => ({ connected: true, detail: "playback" }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  #put({ subject, data }: ReturnType<typeof entryRecord>): readonly LogEvent[] {
    this.#messages.delete(subject);
    return this.#store({ type: "put", subject, sequence: ++this.#sequence, data: data ?? new Uint8Array() });
  }

  #store(event: LogEvent & { readonly subject: string }): readonly LogEvent[] {
    this.#messages.set(event.subject, event);
    return [event];
  }
}

test("replicas agree in the end whatever happened, and only a deletion, a marker or time takes anything away", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(deeds, { maxLength: 60 }), async (history) => {
      const stream = new Stream();
      let nowMs = 0;
      const source = { registry: "eureka", source: "default" };
      const play = async function* (): AsyncIterable<LogEvent> {
        yield* stream.read();
        for (const deed of [...history, { type: "marker" } as const]) {
          const before = old.names;
          for (const event of stream.apply(deed)) yield event;
          if (deed.type === "tick") {
            nowMs += deed.afterMs;
            old.ingest.tick();
          }
          const lost = before.filter((name) => !old.names.includes(name));
          if (deed.type === "delete") {
            expect(lost.filter((name) => name !== nameOf(deed.service))).toEqual([]);
          } else if (deed.type !== "marker" && deed.type !== "tick") expect(lost).toEqual([]);
        }
        // The end of what only time or a person decides.
        nowMs += lastGoodMs;
        old.ingest.tick();
        old.ingest.release(source, "the test");
        done.resolve();
      };
      const done = Promise.withResolvers<void>();
      const old = new IngestRig(stream.log(play()), { now: () => nowMs });
      await Promise.race([done.promise, old.ended]);
      await old.stop();
      const fresh = new IngestRig(stream.log((async function* () {
        yield* stream.read();
      })()));
      await fresh.ended;
      expect(old.names).toEqual(fresh.names);
      expect(old.version).toBe(fresh.version);
      expect(old.ingest.unconfirmed).toBe(0);
      expect([...old.ingest.rejections.keys()].sort()).toEqual([...fresh.ingest.rejections.keys()].sort());
    }),
    { numRuns: 200 },
  );
});

test("a restart with a state on disk changes nothing but what only memory had served", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(deeds, { maxLength: 60 }), fc.boolean(), async (history, isServedFirst) => {
      const stream = new Stream();
      let nowMs = 0;
      const play = async function* (): AsyncIterable<LogEvent> {
        yield* stream.read();
        for (const deed of [{ type: "marker" } as const, ...history]) {
          for (const event of stream.apply(deed)) yield event;
          if (deed.type !== "tick") continue;
          nowMs += deed.afterMs;
          old.ingest.tick();
        }
      };
      const old: IngestRig = new IngestRig(stream.log(play()), { now: () => nowMs });
      old.gate.markSynced("zookeeper", "default");
      await old.ended;
      const served = old.ingest.state();
      if (served === undefined) throw new Error("no state");
      const state = { ...served, stream: "S", writtenAt: "2026-01-01T00:00:00Z" };
      const onlyInMemory = new Set<string>();
      for (const [subject, { serving }] of old.ingest.rejections) {
        if (serving === "the last good version") onlyInMemory.add(nameIn(subject));
      }
      const earlier = { header: () => Promise.resolve(state), load: () => Promise.resolve(state) };
      const events = async function* (): AsyncIterable<LogEvent> {
        // The rig begins to follow before it is there.
        await Promise.resolve();
        if (isServedFirst) await late.ingest.serve(state);
        yield* stream.read();
      };
      const late: IngestRig = new IngestRig(stream.log(events()), { earlier, now: () => nowMs });
      await late.ended;
      if (isServedFirst) expect(late.names).toEqual(old.names);
      else expect(late.names).toEqual(old.names.filter((name) => !onlyInMemory.has(name)));
      expect(late.heldOf("eureka")).toEqual(old.heldOf("eureka"));
      expect(late.ingest.unconfirmed).toBe(old.ingest.unconfirmed);
    }),
    { numRuns: 200 },
  );
});
