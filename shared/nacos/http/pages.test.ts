import fc from "fast-check";
import { expect, test } from "vitest";
import { PartialListError } from "../list-follower.ts";
import type { ServiceName } from "../nacos.ts";
import { readPages } from "./pages.ts";
import type { ReadPage } from "./pages.ts";

const names = (count: number, prefix = "s") =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const sorted = (services: readonly ServiceName[]) => services.map(({ name }) => name).sort();

/** A list whose pages are read; after each one it may be another list. `cap`: the longest page that it gives. */
function list(
  initial: readonly string[],
  { cap = Infinity, after = (same) => same }: {
    readonly cap?: number;
    readonly after?: (names: readonly string[], reads: number) => readonly string[];
  } = {},
): { readonly read: ReadPage; readonly reads: () => number } {
  let current = initial;
  let reads = 0;
  const read: ReadPage = (page, asked) => {
    const size = Math.min(asked, cap);
    const services = current.slice((page - 1) * size, page * size).map((name) => ({ group: "g", name }));
    const answer = { total: current.length, services };
    current = after(current, ++reads);
    return Promise.resolve(answer);
  };
  return { read, reads: () => reads };
}

test.each([[0, 1], [1, 1], [500, 1], [501, 2], [20_000, 2]])(
  "reads %i services with %i requests where pages may be long",
  async (count, requests) => {
    const { read, reads } = list(names(count));
    expect(await readPages(read)).toHaveLength(count);
    expect(reads()).toBe(requests);
  },
);

test("reads twice where pages are short", async () => {
  const { read, reads } = list(names(1_100), { cap: 500 });
  expect(sorted(await readPages(read))).toEqual(names(1_100).sort());
  expect(reads()).toBe(2 + 3 + 3);
});

test("misses nothing when one service goes and another one comes between two pages", async () => {
  // Of 600 the first one goes while the first page is read: the 501st is the 500th then, and on no page.
  const { read } = list(names(600), {
    cap: 500,
    after: (same, reads) => (reads === 3 ? [...same.slice(1), "new"] : same),
  });
  const services = sorted(await readPages(read));
  expect(services).toContain("s500");
  expect(services).toEqual([...names(600).slice(1), "new"].sort());
});

test("has whatever was there from the beginning to the end, or says that it hasn't", async () => {
  const change = fc.record({
    read: fc.integer({ min: 1, max: 14 }),
    drop: fc.nat(1_300),
    add: fc.nat(3),
    rotate: fc.nat(1_300),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 8 }), async (changes) => {
      const seen: ReadonlySet<string>[] = [];
      const { read } = list(names(1_300), {
        cap: 500,
        after: (before, reads) => {
          seen.push(new Set(before));
          const due = changes.filter((one) => one.read === reads);
          return due.reduce<readonly string[]>((all, { drop, add, rotate }, index) => {
            const kept = [
              ...all.slice(0, drop),
              ...all.slice(drop + 1),
              ...names(add, `n${reads}-${index}-`),
            ];
            return [...kept.slice(rotate), ...kept.slice(0, rotate)];
          }, before);
        },
      });
      try {
        const services = new Set((await readPages(read)).map(({ name }) => name));
        const throughout = names(1_300).filter((name) => seen.every((one) => one.has(name)));
        expect(throughout.filter((name) => !services.has(name))).toEqual([]);
      } catch (error) {
        if (!(error instanceof PartialListError)) throw error;
      }
    }),
    { numRuns: 50 },
  );
});

test("says so when the list never stands still, and has what it saw", async () => {
  const { read } = list(names(600), { cap: 500, after: (same, reads) => [`x${reads}`, ...same.slice(1)] });
  const failure = readPages(read);
  await expect(failure).rejects.toThrow("the list of 600 services changes faster");
  await expect(failure).rejects.toSatisfy((error) =>
    error instanceof PartialListError && error.services.length > 600
  );
});
