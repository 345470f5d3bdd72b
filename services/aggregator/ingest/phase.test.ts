import { describe, expect, test } from "vitest";
import type { StateHeader } from "../state/state-file.ts";
import { isFirstRead, needsStateOnDisk, step, streamIdOf } from "./phase.ts";
import type { Effect, Phase, PhaseEvent } from "./phase.ts";

/** A state that had read the stream `one` up to sequence 5. */
const earlier: StateHeader = {
  stream: "S",
  streamId: "one",
  sequence: 5,
  writtenAt: "2026-01-01T00:00:00Z",
  markers: [],
  doubts: 0,
};

const phases = {
  waiting: { name: "waiting" },
  restored: { name: "restored", earlier },
  reading: { name: "reading", streamId: "one" },
  comparing: { name: "comparing", streamId: "one", earlier, isOlder: false },
  following: { name: "following", streamId: "one" },
  rereading: { name: "rereading", streamId: "one" },
} as const satisfies Record<Phase["name"], Phase>;

const served: PhaseEvent = { type: "state-served", earlier };
const reset: PhaseEvent = { type: "reset", streamId: "two" };
const older: PhaseEvent = { type: "older-message" };
const end: PhaseEvent = { type: "caught-up", sequence: 7, onDisk: undefined };

const following: Phase = { name: "following", streamId: "one" };
const newReading: Phase = { name: "reading", streamId: "two" };
const newComparing: Phase = { name: "comparing", streamId: "two", earlier, isOlder: false };
const newRereading: Phase = { name: "rereading", streamId: "two" };

type Row = readonly [from: Phase, event: PhaseEvent, to: Phase, effects: readonly Effect[]];

const table: readonly Row[] = [
  [phases.waiting, served, phases.restored, []],
  [phases.waiting, reset, newReading, []],
  [phases.waiting, older, phases.waiting, []],
  [phases.waiting, end, phases.waiting, []],

  [phases.restored, served, phases.restored, []],
  [phases.restored, reset, newComparing, ["doubt-all"]],
  [phases.restored, older, phases.restored, []],
  [phases.restored, end, phases.restored, []],

  [phases.reading, served, phases.comparing, []],
  [phases.reading, reset, newReading, ["doubt-all"]],
  [phases.reading, older, phases.reading, []],
  [phases.reading, end, following, []],

  [phases.comparing, served, phases.comparing, []],
  [phases.comparing, reset, newComparing, ["doubt-all"]],
  [phases.comparing, older, { ...phases.comparing, isOlder: true }, []],
  [phases.comparing, end, following, ["drop-unread"]],

  [phases.following, served, phases.following, []],
  [phases.following, reset, newRereading, ["doubt-all"]],
  [phases.following, older, phases.following, []],
  [phases.following, end, phases.following, []],

  [phases.rereading, served, phases.rereading, []],
  [phases.rereading, reset, newRereading, ["doubt-all"]],
  [phases.rereading, older, phases.rereading, []],
  [phases.rereading, end, following, []],
];

describe("the transition table", () => {
  test.each(table.map((row) => [row[0].name, row[1].type, row] as const))(
    "%s, %s",
    (_name, _type, [from, event, phase, effects]) => {
      expect(step(from, event)).toEqual({ phase, effects });
    },
  );

  test("has a row for each phase and event", () => {
    const rows = new Set(table.map(([from, event]) => `${from.name} ${event.type}`));
    const names = Object.keys(phases);
    const types = [served, reset, older, end].map(({ type }) => type);
    expect([...rows].sort()).toEqual(names.flatMap((name) => types.map((type) => `${name} ${type}`)).sort());
    expect(table).toHaveLength(rows.size);
  });
});

describe("the end of a first read", () => {
  const at = (sequence: number, onDisk?: StateHeader): PhaseEvent => ({
    type: "caught-up",
    sequence,
    onDisk,
  });

  test.each<readonly [string, PhaseEvent, readonly Effect[]]>([
    ["goes on from the state on disk", at(5, earlier), []],
    ["goes on, and something was in doubt", at(5, { ...earlier, doubts: 1 }), ["adopt-doubts"]],
    ["ends before the state on disk", at(4, earlier), ["adopt-state"]],
    ["is another stream than that on disk", at(9, { ...earlier, streamId: "zero" }), ["adopt-state"]],
  ])("with the log in reach: it %s", (_what, event, effects) => {
    expect(step(phases.reading, event)).toEqual({ phase: following, effects });
  });

  test.each<readonly [string, Phase, PhaseEvent, readonly Effect[]]>([
    ["goes on from the served state", phases.comparing, at(5), ["drop-unread"]],
    ["ends before the served state", phases.comparing, at(4), ["doubt-unread"]],
    ["has lost messages in between", { ...phases.comparing, isOlder: true }, at(9), ["doubt-unread"]],
    [
      "is another stream than that of the served state",
      { ...phases.comparing, earlier: { ...earlier, streamId: "zero" } },
      at(9),
      ["doubt-unread"],
    ],
  ])("with a state served: it %s", (_what, phase, event, effects) => {
    expect(step(phase, event)).toEqual({ phase: following, effects });
  });
});

test("cursors name the stream that is read, and that of the state only while no other is known", () => {
  expect(Object.values(phases).map((phase) => [phase.name, streamIdOf(phase)])).toEqual([
    ["waiting", ""],
    ["restored", "one"],
    ["reading", "one"],
    ["comparing", "one"],
    ["following", "one"],
    ["rereading", "one"],
  ]);
  const halfRead = step({ name: "reading", streamId: "two" }, served).phase;
  expect(halfRead).toEqual({ name: "comparing", streamId: "two", earlier, isOlder: false });
});

test("the state on disk is only asked for at the end of a first read that serves none", () => {
  expect(Object.values(phases).filter(needsStateOnDisk).map(({ name }) => name)).toEqual(["reading"]);
  expect(Object.values(phases).filter((phase) => !isFirstRead(phase)).map(({ name }) => name))
    .toEqual(["following", "rereading"]);
});
