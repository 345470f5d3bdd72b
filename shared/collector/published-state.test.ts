import { describe, expect, test } from "vitest";
import type { LogEvent, Provenance } from "../entry-log/entry-log.ts";
import type { Manifest } from "../model/manifest.ts";
import { encodeSubject, syncMarkerSubject, termSubject } from "../model/subject.ts";
import { createTerm } from "../model/term.ts";
import { UnreadEntry } from "./known-entry.ts";
import { emptied, manifestHash } from "./published-entry.ts";
import { PublishedState } from "./published-state.ts";
import { service } from "./publisher-rig.ts";

function subject(name: string): string {
  return encodeSubject({ kind: "ServiceEntry", registry: "eureka", source: "default", namespace: "n", name });
}

function put(manifest: Manifest, sequence: number, provenance?: Provenance): LogEvent {
  const data = Buffer.from(JSON.stringify(manifest));
  return { type: "put", subject: subject(manifest.metadata.name), sequence, data, provenance };
}

const reset = (reason = "first read"): LogEvent => ({ type: "reset", reason, streamId: "1" });
const caughtUp: LogEvent = { type: "caught-up", sequence: 0 };
const other: Provenance = { unit: "service/a", member: "other" };

/** A replica `me` that has read what is on the stream. */
function following(...events: LogEvent[]): PublishedState {
  const state = new PublishedState("me");
  for (const event of [reset(), ...events, caughtUp]) state.apply(event);
  return state;
}

describe("PublishedState", () => {
  test("knows what is on the stream, and what it was converted from", () => {
    const state = following(put(service("a", ["10.0.0.1", "10.0.0.2"]), 3, other), put(service("b", []), 4));
    expect(state.caughtUp).toBe(true);
    expect(state.entries.get(subject("a"))).toMatchObject({ sequence: 3, endpoints: 2, unit: "service/a" });
    expect([...state.subjectsOf("service/a")]).toEqual([subject("a")]);
    state.setUnit(subject("b"), "service/b");
    expect([...state.subjectsOf("service/b")]).toEqual([subject("b")]);
  });

  test("takes what a replica of the term names for the right unit: two of them never correct each other", () => {
    const term = createTerm("eureka", "default", 1, ["me", "other"]);
    const data = Buffer.from(JSON.stringify(term));
    const termPut: LogEvent = { type: "put", subject: termSubject("eureka", "default"), sequence: 2, data };
    const state = following(put(service("a", ["10.0.0.1"]), 1, other), termPut);
    const stated = () => state.entries.get(subject("a"))?.statedUnit;
    state.setUnit(subject("a"), "service/mine");
    expect(stated()).toBe("service/a");
    state.apply(put(service("a", ["10.0.0.1"]), 3, other));
    expect(stated()).toBe("service/mine");
    state.apply(put(service("a", ["10.0.0.1"]), 4, { unit: "service/a", member: "a stranger" }));
    expect(stated()).toBe("service/a");
    state.apply(put(service("a", ["10.0.0.1"]), 5));
    expect(stated()).toBeUndefined();
  });

  test("leaves messages of a kind that only a newer version knows where they are", () => {
    const later = encodeSubject({
      kind: "DestinationRule",
      registry: "eureka",
      source: "default",
      namespace: "n",
      name: "a",
    });
    const data = Buffer.from(
      JSON.stringify({ apiVersion: "networking.istio.io/v1", kind: "DestinationRule" }),
    );
    const state = following({ type: "put", subject: later, sequence: 1, data });
    expect(state.apply({ type: "put", subject: later, sequence: 2, data })).toEqual({ type: "nothing" });
    // A comparison deletes nothing that it doesn't know of.
    expect([...state.compare(new Map(), () => 0)]).toEqual([]);
  });

  test("hears of what others write, and not of itself twice", () => {
    const state = following();
    expect(state.apply(put(service("a", ["10.0.0.1"]), 5, other)).type).toBe("changed");
    const mine = service("b", ["10.0.0.2"]);
    expect(state.apply(put(mine, 6, { unit: "service/b", member: "me" }))).toEqual({ type: "nothing" });
    state.stored(subject("b"), 6, mine, manifestHash(mine), Buffer.from(JSON.stringify(mine)), "service/b");
    expect(state.size).toBe(2);
    expect(state.apply({ type: "delete", subject: subject("a"), sequence: 7 })).toEqual({
      type: "changed",
      subject: subject("a"),
      unit: "service/a",
    });
    expect(state.size).toBe(1);
  });

  describe("a message of another replica of the term", () => {
    function sharing(...events: LogEvent[]): PublishedState {
      const term = createTerm("eureka", "default", 1, ["me", "other"]);
      const data = Buffer.from(JSON.stringify(term));
      const sequence = 1;
      return following({ type: "put", subject: termSubject("eureka", "default"), sequence, data }, ...events);
    }

    test("is read when it is asked for, and tells the same then", () => {
      const manifest = service("a", ["10.0.0.1", "10.0.0.2"]);
      manifest.metadata.creationTimestamp = "2026-01-01T00:00:00Z";
      const live = sharing();
      live.apply(put(manifest, 5, other));
      const before = sharing(put(manifest, 5, other));
      expect(live.entries.get(subject("a"))).toBeInstanceOf(UnreadEntry);
      for (const state of [live, before]) {
        const { contentHash, endpoints, creationTimestamp } = state.entries.get(subject("a")) ?? {};
        expect({ contentHash, endpoints, creationTimestamp }).toEqual({
          contentHash: manifestHash(manifest),
          endpoints: 2,
          creationTimestamp: "2026-01-01T00:00:00Z",
        });
      }
      live.setUnit(subject("a"), "service/b");
      expect(live.entries.get(subject("a"))).toMatchObject({ unit: "service/b", endpoints: 2, sequence: 5 });
    });

    test("is no content if it turns out to be damaged, and is overwritten", () => {
      const state = sharing();
      const text = JSON.stringify(service("a", ["10.0.0.1"])).replace('"hosts"', '"hosts');
      const data = Buffer.from(text);
      state.apply({ type: "put", subject: subject("a"), sequence: 5, data, provenance: other });
      const { contentHash, sequence, unit } = state.entries.get(subject("a")) ?? {};
      expect({ contentHash, sequence, unit }).toEqual({ contentHash: "", sequence: 5, unit: "service/a" });
    });

    test("is read at once if it has another form, and what was known stays the measure", () => {
      const state = sharing(put(service("a", ["10.0.0.1"]), 5, other));
      for (const [index, text] of ["", "garbage}", '{"apiVersion":"v9","kind":"ServiceEntry"}'].entries()) {
        const data = Buffer.from(text);
        state.apply({ type: "put", subject: subject("a"), sequence: 6 + index, data, provenance: other });
        expect(state.entries.get(subject("a"))).toMatchObject({ contentHash: "", endpoints: 1 });
      }
    });

    test("is read at once if a stranger wrote it, and what was known stays the measure", () => {
      const state = sharing(put(service("a", ["10.0.0.1"]), 5, other));
      const data = Buffer.from(JSON.stringify(service("a", [])).replace('"hosts"', '"hosts'));
      const stranger = { unit: "service/a", member: "stranger" };
      state.apply({ type: "put", subject: subject("a"), sequence: 6, data, provenance: stranger });
      expect(state.entries.get(subject("a"))).toMatchObject({ contentHash: "", endpoints: 1, sequence: 6 });
    });

    test("counts at once as a service that waits for its deletion", () => {
      const state = sharing();
      state.apply(put(emptied(service("a", []), "2026-01-01T00:00:00Z"), 5, other));
      expect(state.keepsEmpty).toBe(true);
    });

    test("survives the loss of the stream unread", () => {
      const state = sharing();
      state.apply(put(service("a", ["10.0.0.1", "10.0.0.2"]), 5, other));
      state.apply(reset("wiped"));
      state.apply(caughtUp);
      expect([...state.lost()]).toEqual(["service/a"]);
      expect(state.entries.get(subject("a"))).toMatchObject({ sequence: 0, endpoints: 2 });
    });
  });

  test("keeps the newest of what it is told out of order", () => {
    const state = following();
    const newest = service("a", ["10.0.0.9"]);
    state.stored(
      subject("a"),
      9,
      newest,
      manifestHash(newest),
      Buffer.from(JSON.stringify(newest)),
      "service/a",
    );
    expect(state.apply(put(service("a", []), 8, other))).toEqual({ type: "nothing" });
    expect(state.apply({ type: "delete", subject: subject("a"), sequence: 8 })).toEqual({ type: "nothing" });
    expect(state.entries.get(subject("a"))?.endpoints).toBe(1);
  });

  test("a reset takes nothing away: what the stream lost stays the measure of a loss, and can be published again", () => {
    const before = service("a", ["10.0.0.1", "10.0.0.2"]);
    const state = following(put(before, 3, other), put(service("b", ["10.0.0.3"]), 4));
    expect(state.apply(reset("stream was recreated"))).toEqual({
      type: "reset",
      reason: "stream was recreated",
    });
    expect(state.caughtUp).toBe(false);
    state.apply(put(service("b", ["10.0.0.3"]), 1));
    // The stream is lost once more before it has been read.
    state.apply(reset("stream was recreated again"));
    state.apply(caughtUp);
    expect(state.entries.get(subject("a"))).toMatchObject({ sequence: 0, endpoints: 2, unit: "service/a" });
    expect(JSON.parse(Buffer.from(state.entries.get(subject("a"))?.data ?? []).toString("utf8"))).toEqual(
      before,
    );
    expect(state.entries.get(subject("b"))).toMatchObject({ sequence: 0, endpoints: 1 });
    expect(
      [...state.compare(new Map(), () => 0)].reduce(
        (sum, { publishedEndpoints }) => sum + publishedEndpoints,
        0,
      ),
    )
      .toBe(3);
  });

  test("what was deleted before a reset isn't known after it", () => {
    const state = following(put(service("a", ["10.0.0.1"]), 3));
    state.apply({ type: "delete", subject: subject("a"), sequence: 4 });
    state.apply(reset("rolled back"));
    state.apply(caughtUp);
    expect(state.size).toBe(0);
  });

  test("remembers when deleted resources were created, the last 10,000, and none that is there", () => {
    const created = "2026-01-01T00:00:00.000Z";
    const state = following();
    const remove = (name: string, sequence: number) =>
      state.apply({ type: "delete", subject: subject(name), sequence, provenance: { ...other, created } });
    remove("a", 1);
    expect(state.createdBefore(subject("a"))).toBe(created);
    state.apply({ type: "delete", subject: subject("b"), sequence: 2 });
    expect(state.createdBefore(subject("b"))).toBeUndefined();
    state.apply(put(service("a", ["10.0.0.1"]), 3));
    expect(state.createdBefore(subject("a"))).toBeUndefined();
    remove("a", 2);
    expect(state.entries.has(subject("a"))).toBe(true);
    expect(state.createdBefore(subject("a"))).toBeUndefined();
    for (let each = 0; each <= 10_000; each++) remove(`s-${each}`, 10 + each);
    expect(state.createdBefore(subject("s-0"))).toBeUndefined();
    expect(state.createdBefore(subject("s-1"))).toBe(created);
  });

  test("a deletion that the new stream has is believed", () => {
    const state = following(put(service("a", ["10.0.0.1"]), 3));
    state.apply(reset("away for too long"));
    state.apply({ type: "delete", subject: subject("a"), sequence: 9 });
    state.apply(caughtUp);
    expect(state.size).toBe(0);
  });

  test.each<[what: string, event: LogEvent]>([
    ["garbage", {
      type: "put",
      subject: subject("a"),
      sequence: 8,
      data: Buffer.from("garbage"),
      provenance: undefined,
    }],
    ["nothing", {
      type: "put",
      subject: subject("a"),
      sequence: 8,
      data: new Uint8Array(),
      provenance: undefined,
    }],
    ["another API's version", put(JSON.parse(JSON.stringify({ ...service("a", []), apiVersion: "v9" })), 8)],
    ["lost parts", { type: "unusable", subject: subject("a"), sequence: 8, reason: "parts are missing" }],
  ])(
    "%s is remembered by its place, so that it is written over; what was known stays the measure",
    (_what, event) => {
      const known = put(service("a", ["10.0.0.1"]), 3, other);
      for (const state of [following(known), following()]) {
        expect(state.apply(event).type).toBe("changed");
        expect(state.entries.get(subject("a"))).toMatchObject({ sequence: 8, contentHash: "" });
      }
      const state = following(known);
      state.apply(event);
      expect(state.entries.get(subject("a"))).toMatchObject({ endpoints: 1, unit: "service/a" });
    },
  );

  test("knows the source's term, and that a reset took it", () => {
    const data = Buffer.from(JSON.stringify(createTerm("eureka", "default", 4, ["b", "a"])));
    const event: LogEvent = { type: "put", subject: termSubject("eureka", "default"), sequence: 12, data };
    const state = following();
    expect(state.apply(event)).toMatchObject({
      type: "term",
      term: { number: 4, members: ["a", "b"], sequence: 12 },
    });
    expect(state.apply({ ...event, subject: syncMarkerSubject("eureka", "default") })).toEqual({
      type: "nothing",
    });
    state.apply(reset("stream was recreated"));
    expect(state.term).toBeUndefined();
  });

  test("is to be read anew when a term shows that its writer found none: the stream has lost the known one", () => {
    const term = (number: number, sequence: number): LogEvent => {
      const data = Buffer.from(JSON.stringify(createTerm("eureka", "default", number, ["a"])));
      return { type: "put", subject: termSubject("eureka", "default"), sequence, data };
    };
    const state = following();
    state.apply(term(4, 12));
    expect(state.apply(term(5, 13))).toMatchObject({ type: "term", term: { number: 5 } });
    expect(state.apply(term(1, 14))).toEqual({ type: "outdated" });
    expect(state.term).toMatchObject({ number: 5 });
    // A replica that publishes under it has noticed the loss; under a term that outlived one it may not have.
    state.apply(reset("read anew"));
    state.apply(term(1, 14));
    state.apply({ type: "caught-up", sequence: 20 });
    expect([state.term?.number, state.hasNewTerms]).toEqual([1, true]);
    const survivor = term(2, 15);
    state.apply(survivor);
    expect(state.hasNewTerms).toBe(true);
    state.apply(reset("purged in part"));
    state.apply(survivor);
    state.apply({ type: "caught-up", sequence: 20 });
    expect([state.term?.number, state.hasNewTerms]).toEqual([2, false]);
    expect(state.apply(term(3, 16))).toMatchObject({ type: "term" });
    expect(state.hasNewTerms).toBe(false);
  });

  test("counts services that were emptied", () => {
    const empty = service("a", []);
    const emptied = {
      ...empty,
      metadata: { ...empty.metadata, annotations: { "meshregistry.io/empty-since": "2026-01-01T00:00:00Z" } },
    };
    const state = following(put(emptied, 3));
    expect(state.keepsEmpty).toBe(true);
    state.apply(put(service("a", ["10.0.0.1"]), 4));
    expect(state.keepsEmpty).toBe(false);
  });

  test("tells what a stream has lost until it is there again", () => {
    const state = following(put(service("a", ["10.0.0.1"]), 3, other), put(service("b", ["10.0.0.2"]), 4));
    expect([...state.lost()]).toEqual([]);
    for (const event of [reset("it was purged in part"), caughtUp]) state.apply(event);
    expect([...state.lost()]).toEqual(["service/a", subject("b")]);
    state.apply(put(service("a", ["10.0.0.1"]), 5, other));
    expect([...state.lost()]).toEqual([subject("b")]);
    state.deleted(subject("b"), 6);
    expect([...state.lost()]).toEqual([]);
  });

  test("a foreign message can't move a resource to another unit", () => {
    const state = following(put(service("a", ["10.0.0.1"]), 3, other));
    const forged = put(service("a", []), 4, { unit: "service/forged", member: "other" });
    expect(state.apply(forged)).toEqual({ type: "changed", subject: subject("a"), unit: "service/a" });
    expect([...state.subjectsOf("service/forged")]).toEqual([]);
    expect([...state.subjectsOf("service/a")]).toEqual([subject("a")]);
  });

  test("knows the place of a term that can't be read, so that it can be replaced", () => {
    const state = following();
    const term = termSubject("eureka", "default");
    const garbage: LogEvent = { type: "put", subject: term, sequence: 5, data: Buffer.from("garbage") };
    expect(state.apply(garbage)).toEqual({ type: "term", term: undefined });
    expect(state.termSequence).toBe(5);
    state.apply({ type: "unusable", subject: term, sequence: 6, reason: "damaged" });
    expect(state.termSequence).toBe(6);
    state.apply({ type: "delete", subject: term, sequence: 7 });
    expect(state.termSequence).toBe(0);
  });
});
