import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KubernetesError } from "../kubernetes-error.ts";
import { LineSplitter } from "./line-splitter.ts";
import { ListSplitter } from "./list-splitter.ts";
import { threadCpuMs } from "../../runtime/cpu-time-rig.ts";

/** Cuts bytes at the given places, wherever these are. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length));
}

function lines(chunks: readonly Buffer[], maxBytes = 1_000_000): string[] {
  const splitter = new LineSplitter(maxBytes);
  const found: string[] = [];
  for (const chunk of chunks) splitter.push(chunk, (line) => found.push(line));
  return found;
}

function items(chunks: readonly Buffer[], maxBytes = 1_000_000) {
  const splitter = new ListSplitter(maxBytes);
  const found: unknown[] = [];
  for (const chunk of chunks) splitter.push(chunk, (json) => found.push(JSON.parse(json)));
  return { found, head: JSON.parse(splitter.end()) as unknown };
}

const places = fc.array(fc.nat(5_000), { maxLength: 20 });

describe("LineSplitter", () => {
  test("finds the same lines however they arrive", () => {
    const line = fc.json().map((json) => json.replaceAll("\n", " "));
    fc.assert(fc.property(fc.array(line, { maxLength: 8 }), places, (all, at) => {
      const bytes = Buffer.from(all.map((one) => `${one}\n`).join(""));
      expect(lines(cut(bytes, at))).toEqual(all);
    }));
  });

  test("keeps a line that has not ended, and says so", () => {
    const splitter = new LineSplitter(100);
    const found: string[] = [];
    splitter.push(Buffer.from('{"type":'), (line) => found.push(line));
    expect(found).toEqual([]);
    expect(splitter.isWithin).toBe(true);
    splitter.push(Buffer.from('"A"}\n\n\n'), (line) => found.push(line));
    expect(found).toEqual(['{"type":"A"}']);
    expect(splitter.isWithin).toBe(false);
  });

  test("joins a character that arrives in two pieces", () => {
    const bytes = Buffer.from('"é"\n');
    expect(lines([bytes.subarray(0, 2), bytes.subarray(2)])).toEqual(['"é"']);
  });

  test("refuses a line that never ends", () => {
    const chunk = Buffer.alloc(60, "a");
    expect(() => lines([chunk, chunk], 100)).toThrow(KubernetesError);
  });
});

describe("ListSplitter", () => {
  // Keys and texts that look like what the splitter looks for.
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('"items":[', "},{", "\\", '\\"', "[", "}", "]", ",", "items", "é𝄞"),
  );
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(text, tie("value"), { maxKeys: 3 }),
    ),
  })).value;
  const object = fc.dictionary(text, value, { maxKeys: 4, noNullPrototype: true });

  test("finds the same items and the same rest as JSON.parse, however they arrive", () => {
    fc.assert(
      fc.property(
        fc.array(object, { maxLength: 5 }),
        object,
        object,
        places,
        fc.boolean(),
        (list, a, b, at, wide) => {
          const whole = { before: a, items: list, metadata: { resourceVersion: "1" }, after: [b] };
          const bytes = Buffer.from(wide ? JSON.stringify(whole, undefined, 2) : JSON.stringify(whole));
          const plain: { items: unknown[] } = JSON.parse(bytes.toString());
          const { found, head } = items(cut(bytes, at));
          expect(found).toEqual(plain.items);
          expect(head).toEqual({ ...plain, items: [] });
        },
      ),
    );
  });

  test.each(['{"metadata":{}}', '{"items":null,"metadata":{}}', '{"other":[{"a":1}],"items":[]}'])(
    "finds nothing in %s",
    (json) => {
      expect(items([Buffer.from(json)])).toEqual({ found: [], head: JSON.parse(json) });
    },
  );

  test("refuses an item that is too large, and a rest that is", () => {
    const large = "a".repeat(200);
    expect(() => items([Buffer.from(`{"items":[{"a":"${large}`)], 100)).toThrow(KubernetesError);
    expect(() => items([Buffer.from(`{"kind":"${large}`)], 100)).toThrow(KubernetesError);
  });

  test("takes a list in time that grows with its length, whatever is in it", () => {
    const bytes = Buffer.from(`{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":[]`).join(",")}}`);
    const start = threadCpuMs();
    expect(items(cut(bytes, [])).found).toEqual([]);
    expect(threadCpuMs() - start).toBeLessThan(4_000);
  });
});
