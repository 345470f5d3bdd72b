import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ApplicationSplitter } from "./application-splitter.ts";

interface Split {
  readonly applications: unknown[];
  readonly frame: unknown;
}

/** Splits a text whose bytes arrive in pieces of these sizes, repeated. */
function split(text: string | Uint8Array, sizes: readonly number[] = [1 << 20], limit = 1e6): Split {
  const bytes = Buffer.from(text);
  const applications: unknown[] = [];
  const splitter = new ApplicationSplitter((application) => applications.push(application), limit);
  for (let start = 0, turn = 0; start < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    // A copy that is wiped afterwards: the splitter must not keep what it was given.
    const chunk = Buffer.from(bytes.subarray(start, start + size));
    splitter.write(chunk);
    chunk.fill(0);
    start += size;
  }
  return { applications, frame: splitter.end() };
}

const refusal = (message: RegExp) =>
  expect.objectContaining({ code: "protocol-violation", message: expect.stringMatching(message) });

/** What is awkward inside strings: brackets, quotes, backslashes, characters of two to four bytes, our own keys. */
const nastyString = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom(...'{}[]",:\\/\u0000éß漢💡'.split(""), "💡", "\\\\", '"application":[{'),
  }),
  fc.constantFrom("application", "applications", "</html>", "}]}"),
);

const nastyJson = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    nastyString,
    fc.constantFrom(null, true, false, 0, -1.5e300, 8080),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(nastyString, fc.constant("application")), tie("value"), { maxKeys: 4 }),
  ),
})).value;

/** Not empty: an empty object is nothing that a registry has, and stands for «seen already» in the frame. */
const application = fc.dictionary(fc.oneof(nastyString, fc.constantFrom("name", "application")), nastyJson, {
  minKeys: 1,
  maxKeys: 4,
});

const chunkSizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });

/** The frame's other values, before and behind the list. None of them may look like a list of applications. */
const others = fc.dictionary(
  fc.constantFrom("versions__delta", "apps__hashcode", "x", 'y"application'),
  nastyJson,
  { maxKeys: 3 },
);

describe("ApplicationSplitter", () => {
  test("finds what JSON.parse finds, however the bytes are cut", () => {
    const answer = fc.record({
      applications: fc.array(application, { maxLength: 4 }),
      before: others,
      behind: others,
      outer: others,
      indent: fc.constantFrom("", " ", "\n\t"),
      form: fc.constantFrom("wrapped", "outerFirst", "bare", "direct"),
      sizes: chunkSizes,
    });
    fc.assert(
      fc.property(answer, ({ applications, before, behind, outer, indent, form, sizes }) => {
        const rest = Object.fromEntries(Object.entries(behind).filter(([key]) => !(key in before)));
        const wrapper = { ...before, application: applications, ...rest };
        const whole = {
          wrapped: { applications: wrapper, ...outer },
          outerFirst: { ...outer, applications: wrapper },
          bare: applications,
          direct: wrapper,
        }[form];
        // An empty list alone is no answer of a Eureka server.
        fc.pre(form !== "bare" || applications.length > 0);
        const text = JSON.stringify(whole, undefined, indent);
        const found = split(text, sizes);
        expect(found.applications).toEqual(JSON.parse(JSON.stringify(applications)));
        const seen = applications.map(() => ({}));
        const frame = {
          wrapped: { applications: { ...wrapper, application: seen }, ...outer },
          outerFirst: { ...outer, applications: { ...wrapper, application: seen } },
          bare: seen,
          direct: { ...wrapper, application: seen },
        }[form];
        expect(found.frame).toEqual(JSON.parse(JSON.stringify(frame)));
      }),
      { numRuns: 500 },
    );
  });

  test("refuses an answer that is cut off, wherever", () => {
    const answer = fc.record({
      applications: fc.array(application, { maxLength: 3 }),
      sizes: chunkSizes,
      cut: fc.nat(),
    });
    fc.assert(fc.property(answer, ({ applications, sizes, cut }) => {
      const bytes = Buffer.from(JSON.stringify({ applications: { application: applications } }));
      const part = bytes.subarray(0, cut % bytes.length);
      expect(() => split(part, sizes)).toThrow(refusal(/is empty|cut off/));
    }));
  });

  test("gives applications or a typed error for any bytes", () => {
    const piece = fc.constantFrom(
      ...Array.from('{}[],:"\\ 1'),
      '"application"',
      '"applications"',
      "null",
      '{"name":"a"}',
    );
    fc.assert(
      fc.property(fc.array(piece), chunkSizes, (pieces, sizes) => {
        const text = pieces.join("");
        let found: Split | undefined;
        try {
          found = split(text, sizes);
        } catch (error) {
          expect(error).toEqual(refusal(/^Eureka's answer /));
        }
        if (found !== undefined) expect(() => JSON.parse(text)).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  const a = { name: "A", instance: [] };
  const b = { name: "B" };
  test.each<[what: string, answer: string, applications: unknown[]]>([
    [
      "a single object in place of the list",
      '{"applications":{"application":{"name":"A","instance":[]},"apps__hashcode":""}}',
      [a],
    ],
    ["no list", '{"applications":{"versions__delta":"1","apps__hashcode":""}}', []],
    ["null in place of the list", '{"applications":{"application":null}}', []],
    [
      "an empty string in place of the list, as old codecs write it",
      '{"applications":{"application":""}}',
      [],
    ],
    ["an empty list", '{"applications":{"application":[]}}', []],
    ["an answer for one application", '{"application":{"name":"B"}}', [b]],
    ["a bare list", ' [{"name":"B"} , {"name":"A","instance":[]}] ', [b, a]],
    [
      "white space longer than any look-ahead",
      `${" ".repeat(300)}{"applications"${" ".repeat(300)}:{"application"${
        "\n".repeat(300)
      }:[{"name":"B"}]}}`,
      [b],
    ],
    ["elements that are no objects, behind the others", '[null,{"name":"B"},5,"x",[{"name":"A"}]]', [
      b,
      null,
      5,
      "x",
      [{ name: "A" }],
    ]],
    [
      "an escape in the key, as no server writes it",
      '{"applications":{"applic\\u0061tion":[{"name":"B"}]}}',
      [b],
    ],
    [
      "a list of its own inside other values",
      '{"x":{"application":[{"name":"A"}]},"applications":{"application":[{"name":"B"}]}}',
      [b],
    ],
  ])("takes %s", (_what, answer, applications) => {
    expect(split(answer).applications).toEqual(applications);
    expect(split(answer, [1]).applications).toEqual(applications);
  });

  test.each<[what: string, answer: string, message: RegExp]>([
    ["nothing", "", /is empty/],
    ["white space", " \n ", /is empty/],
    ["XML", '<?xml version="1.0"?><applications/>', /is XML or HTML in place of JSON/],
    ["HTML after white space", `${" ".repeat(100)}<html>`, /is XML or HTML in place of JSON/],
    ["null", "null", /is no JSON object \(«null»\)/],
    ["a text", "Service Unavailable", /«Service Unavailable»/],
    [
      "an object without applications",
      '{"status":500,"error":"x"}',
      /is no list of applications \(«{"status":500/,
    ],
    ["applications that are null", '{"applications":null}', /is no list of applications/],
    ["garbage behind the end", '{"applications":{"application":[]}} x', /is no JSON/],
    [
      "two documents",
      '{"applications":{"application":[]}}{"applications":{"application":[]}}',
      /two lists|is no JSON/,
    ],
    ["two lists", '{"application":[],"applications":{"application":[]}}', /has two lists/],
    ["an empty list without anything of Eureka's", " [] ", /isn't an empty registry/],
    ["an empty object", '{"applications":{}}', /isn't an empty registry/],
    ["an empty object without a wrapper", "{}", /no list of applications/],
    ["too many closing brackets", '{"applications":{}}}', /closes more than it opens/],
    ["a missing comma between applications", '[{"name":"A"}{"name":"B"}]', /is no JSON/],
    [
      "an application that is no JSON",
      '[{"name":"A",}]',
      /has an application that is no JSON \(«{"name":"A",}»\)/,
    ],
    ["brackets that don't match", '[{"name":"A"]]', /no JSON/],
  ])("refuses %s", (_what, answer, message) => {
    expect(() => split(answer)).toThrow(refusal(message));
    expect(() => split(answer, [1])).toThrow(refusal(/^Eureka's answer /));
  });

  test("refuses an application above the limit, also when it never ends", () => {
    const large = JSON.stringify([{ name: "x".repeat(100) }]);
    expect(split(large, [7], 200).applications).toHaveLength(1);
    expect(() => split(large, [7], 50)).toThrow(refusal(/has an application of more than 50 bytes/));
    expect(() => split(large, [1000], 50)).toThrow(refusal(/has an application of more than 50 bytes/));
    expect(() => split(`[{"name":"${"x".repeat(100)}`, [7], 50)).toThrow(refusal(/more than 50 bytes/));
  });

  test("refuses a frame without end", () => {
    const splitter = new ApplicationSplitter(() => {}, 1e9);
    splitter.write(Buffer.from('{"x":"'));
    const megabyte = Buffer.alloc(1 << 20, "y");
    expect(() => {
      for (let written = 0; written < 64; written++) splitter.write(megabyte);
    }).toThrow(refusal(/is no list of applications/));
  });

  test("reads deep nesting", () => {
    const depth = 100_000;
    const deep = `${'{"x":['.repeat(depth)}${"]}".repeat(depth)}`;
    expect(split(`{"applications":{"application":[${deep}]}}`).applications).toHaveLength(1);
    expect(() => split(`{"x":${deep}}`)).toThrow(refusal(/is no list of applications/));
  });
});
