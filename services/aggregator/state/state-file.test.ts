import fc from "fast-check";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isMeshError } from "../../../shared/runtime/errors.ts";
import { readStateFile, readStateHeader, writeStateFile } from "./state-file.ts";
import type { AggregatorState } from "./state-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshregistry-state-"));
});
afterAll(() => rm(folder, { recursive: true }));

const text = fc.string({ unit: "grapheme" });
const states: fc.Arbitrary<AggregatorState> = fc.record({
  stream: text,
  streamId: fc.string({ minLength: 1 }),
  sequence: fc.nat(),
  writtenAt: fc.constant("2026-01-01T00:00:00Z"),
  markers: fc.array(text),
  doubts: fc.nat(),
  entries: fc.array(
    fc.record({
      subject: text,
      cursor: text,
      virtual: fc.boolean(),
      doubt: fc.constantFrom({ heldSince: null }, { heldSince: "2026-01-01T00:00:00.000Z" }),
      framed: fc.uint8Array({ maxLength: 2000 }),
    }, { requiredKeys: ["subject", "cursor", "virtual", "framed"] }),
  ),
  claims: fc.array(
    fc.tuple(
      fc.ipV4(),
      fc.record({ host: fc.string({ minLength: 1 }), claimedAt: fc.constant("2026-01-01T00:00:00Z") }),
    ),
  ),
});

const plain = (state: AggregatorState | undefined) =>
  state && {
    ...state,
    entries: [...state.entries].map(({ framed, ...entry }) => ({ ...entry, framed: [...framed] })),
    claims: [...state.claims],
  };

function stateOf(count: number, bytes: number): AggregatorState {
  const framed = new Uint8Array(bytes).fill(7);
  return {
    stream: "S",
    streamId: "20260101T000000000Z",
    sequence: count,
    writtenAt: "2026-01-01T00:00:00Z",
    markers: ["m"],
    doubts: 0,
    entries: Array.from({ length: count }, (_, index) => ({
      subject: `mesh.entries.ServiceEntry.eureka.default.n.svc-${index}`,
      cursor: `c-${index}`,
      virtual: false,
      framed,
    })),
    claims: [],
  };
}

describe("a state file", () => {
  test("gives back what was written", async () => {
    const path = join(folder, "some", "where", "state");
    await fc.assert(
      fc.asyncProperty(states, async (state) => {
        await writeStateFile(path, state);
        expect(plain(await readStateFile(path))).toEqual(plain(state));
        const { entries: _entries, claims: _claims, ...header } = state;
        expect(await readStateHeader(path)).toEqual(header);
      }),
      { numRuns: 30 },
    );
    expect(await readdir(join(folder, "some", "where"))).toEqual(["state"]);
  });

  test("that is missing is none", async () => {
    expect(await readStateFile(join(folder, "none"))).toBeUndefined();
    expect(await readStateHeader(join(folder, "none"))).toBeUndefined();
  });

  test("of the version before, which knew no doubts, is read", async () => {
    const path = join(folder, "former");
    await writeStateFile(path, { ...stateOf(1, 10), doubts: 0 });
    const bytes = await readFile(path);
    const [line = ""] = bytes.toString("latin1").split("\n");
    const former = line.replace('"version":2', '"version":1').replace(',"doubts":0', "");
    await writeFile(path, Buffer.concat([Buffer.from(former), bytes.subarray(line.length)]));
    expect(former).not.toContain("doubts");
    expect(await readStateHeader(path)).toMatchObject({ streamId: stateOf(1, 10).streamId, doubts: 0 });
  });

  test("with any byte changed or missing is refused, never half used", async () => {
    const path = join(folder, "damaged");
    await writeStateFile(path, stateOf(20, 50));
    const good = await readFile(path);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, by, cut) => {
          const bad = Buffer.from(cut ? good.subarray(0, at) : good);
          if (!cut) bad[at] = ((bad[at] ?? 0) + by) % 256;
          await writeFile(path, bad);
          await expect(readStateFile(path)).rejects.toSatisfy((error) =>
            isMeshError(error, "invalid-record")
          );
        },
      ),
    );
  });

  test.each([
    ["another program's", "hello\n"],
    ["no line at all", "hello"],
    ["nothing", ""],
    ["a later version's", `${JSON.stringify({ format: "meshregistry-state", version: 3 })}\n`],
  ])("that is %s is refused by name", async (_what, content) => {
    const path = join(folder, "foreign");
    await writeFile(path, content);
    for (const read of [readStateFile, readStateHeader]) {
      await expect(read(path)).rejects.toThrow(`Not using the state in ${path}`);
    }
  });

  test("that can't be written leaves the old one, and nothing beside it", async () => {
    const path = join(folder, "kept");
    await writeStateFile(path, stateOf(1, 10));
    const broken: AggregatorState = {
      ...stateOf(1, 10),
      entries: {
        [Symbol.iterator]: () => {
          throw new Error("broken");
        },
      },
    };
    await expect(writeStateFile(path, broken)).rejects.toThrow("broken");
    expect(plain(await readStateFile(path))?.entries).toHaveLength(1);
    expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("of 10,000 services with 10 endpoints is written without holding anybody up", async () => {
    const path = join(folder, "large");
    let longestMs = 0;
    let lastMs = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      longestMs = Math.max(longestMs, now - lastMs);
      lastMs = now;
    }, 1);
    const startedMs = performance.now();
    await writeStateFile(path, stateOf(10_000, 1300));
    const tookMs = performance.now() - startedMs;
    clearInterval(timer);
    console.info(`13 MB: ${Math.round(tookMs)} ms, longest hold-up ${Math.round(longestMs)} ms`);
    // 5 to 10 ms on a calm machine.
    expect(longestMs).toBeLessThan(200);
    expect([...(await readStateFile(path))?.entries ?? []]).toHaveLength(10_000);
  });
});
