import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { subjectMatcher } from "../entry-log/subject-matcher.ts";
import { decodeSubject, encodeSubject, sourceFilter, syncMarkerSubject } from "./subject.ts";

/** Any text, lone surrogates and control characters included. */
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: fc.constantFrom("\ud800", "\udfff", "a", ".", "*", ">", "%", " ", "é", "😀", "\0") }),
);
const anyId = fc.record({
  kind: anyText,
  registry: anyText,
  source: anyText,
  namespace: anyText,
  name: anyText,
});

describe("encodeSubject()", () => {
  test("keeps a Java package readable", () => {
    const id = {
      kind: "ServiceEntry",
      registry: "zookeeper",
      source: "default",
      namespace: "dubbo",
      name: "com.acme.Order:g1:1.0",
    };
    expect(encodeSubject(id)).toBe("mesh.entries.ServiceEntry.zookeeper.default.dubbo.com.acme.Order:g1:1.0");
  });

  test.each([
    ["", "%"],
    ["a..b", "a.%.b"],
    [".", "%.%"],
    ["a b*>", "a%20b%2A%3E"],
    ["100%", "100%25"],
    ["ü", "%C3%BC"],
    ["\ud800", "%uD800"],
  ])("encodes the name %j as %j", (name, encoded) => {
    const id = { kind: "K", registry: "r", source: "s", namespace: "n", name };
    expect(encodeSubject(id)).toBe(`mesh.entries.K.r.s.n.${encoded}`);
  });

  test("is undone by decodeSubject() for any id", () => {
    fc.assert(fc.property(anyId, (id) => {
      expect(decodeSubject(encodeSubject(id))).toEqual(id);
    }));
  });

  test("gives different ids different subjects", () => {
    fc.assert(fc.property(anyId, anyId, (a, b) => {
      if (JSON.stringify(a) !== JSON.stringify(b)) expect(encodeSubject(a)).not.toBe(encodeSubject(b));
    }));
  });

  test("gives subjects that NATS takes: printable, no empty token, no wildcard", () => {
    fc.assert(fc.property(anyId, (id) => {
      expect(encodeSubject(id)).toMatch(/^[!-~]+$/);
      for (const token of encodeSubject(id).split(".")) {
        expect(token).not.toBe("");
        expect(token).not.toMatch(/[*>]/);
      }
    }));
  });
});

describe("decodeSubject()", () => {
  test.each([
    "mesh.other.K.r.s.n.x",
    "mesh.entries",
    "mesh.entries.K.r.s.n",
    "mesh.entries.K..s.n.x",
    "mesh.entries.K.r.s.n.%zz",
    "mesh.entries.K.r.s.n.%FF",
  ])("answers undefined for %s", (subject) => expect(decodeSubject(subject)).toBeUndefined());
});

describe("sourceFilter()", () => {
  test("matches the source's entries and its sync marker, and nothing of another source", () => {
    const matches = subjectMatcher(sourceFilter("eureka", "a b"));
    fc.assert(fc.property(anyId, (id) => {
      const isOwn = id.registry === "eureka" && id.source === "a b";
      expect(matches(encodeSubject(id))).toBe(isOwn);
      expect(matches(encodeSubject({ ...id, registry: "eureka", source: "a b" }))).toBe(true);
    }));
    expect(matches(syncMarkerSubject("eureka", "a b"))).toBe(true);
    expect(matches(syncMarkerSubject("eureka", "default"))).toBe(false);
  });
});
