import fc from "fast-check";

/**
 * Fuzzing: inputs that nobody thought of, at each place where bytes from outside come in. `npm test` runs a fixed number
 * of fixed inputs; `npm run fuzz` runs many with new seeds (`FUZZ_SEED`, `FUZZ_FACTOR`). A failure prints its seed.
 */

const seed = Number(process.env["FUZZ_SEED"] ?? 1);
const factor = Number(process.env["FUZZ_FACTOR"] ?? 1);

/** The parameters of a property that is run so often in `npm test`. */
export function runs(count: number): { readonly seed: number; readonly numRuns: number } {
  return { seed, numRuns: Math.round(count * factor) };
}

/** How long a test may take, in milliseconds, if a run of `npm test` may take that long. */
export function timeLimit(ms: number): number {
  return ms * Math.max(factor, 1);
}

/** One change of some bytes: what a broken disk, a bad proxy or an attacker does. */
type Edit =
  | { readonly type: "cut"; readonly at: number }
  | { readonly type: "flip"; readonly at: number; readonly bit: number }
  | { readonly type: "replace"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly type: "repeat"; readonly at: number; readonly length: number; readonly to: number };

const at = fc.nat({ max: 1_000_000 });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ type: fc.constant("cut" as const), at }),
  fc.record({ type: fc.constant("flip" as const), at, bit: fc.nat({ max: 7 }) }),
  fc.record({
    type: fc.constant("replace" as const),
    at,
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.constantFrom("null", "{}", "[]", '"', "\\", "-1", "1e999", "__proto__", "\u0000").map((text) =>
        new Uint8Array(Buffer.from(text))
      ),
    ),
  }),
  fc.record({ type: fc.constant("repeat" as const), at, length: fc.nat({ max: 200 }), to: at }),
);

function apply(bytes: Buffer, change: Edit): Buffer {
  if (bytes.length === 0) return bytes;
  const place = change.at % bytes.length;
  switch (change.type) {
    case "cut":
      return bytes.subarray(0, place);
    case "flip": {
      const flipped = Buffer.from(bytes);
      flipped[place] = (flipped[place] ?? 0) ^ (1 << change.bit);
      return flipped;
    }
    case "replace": {
      const { bytes: inserted } = change;
      return Buffer.concat([bytes.subarray(0, place), inserted, bytes.subarray(place + inserted.length)]);
    }
    case "repeat": {
      const to = change.to % bytes.length;
      const part = bytes.subarray(place, place + change.length);
      return Buffer.concat([bytes.subarray(0, to), part, bytes.subarray(to)]);
    }
  }
}

/** Bytes as they should be, with a few changes; or any bytes at all. */
export function damaged(good: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Buffer> {
  const edited = fc.record({ bytes: good, edits: fc.array(edit, { maxLength: 5 }) }).map(({ bytes, edits }) =>
    edits.reduce<Buffer>((changed, each) => apply(changed, each), Buffer.from(bytes))
  );
  const any = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof({ weight: 9, arbitrary: edited }, { weight: 1, arbitrary: any });
}

/** The bytes in pieces of these sizes, repeated until they are used up. */
export function* inPieces(bytes: Buffer, sizes: readonly number[]): Iterable<Buffer> {
  for (let from = 0, index = 0; from < bytes.length; index++) {
    const size = Math.max(sizes[index % sizes.length] ?? bytes.length, 1);
    yield Buffer.from(bytes.subarray(from, from + size));
    from += size;
  }
}

/** Sizes for {@link inPieces}. */
export const pieceSizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 });
