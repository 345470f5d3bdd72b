import fc from "fast-check";
import { parseAllDocuments } from "yaml";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { formatIssue } from "./config-issue.ts";
import type { KeyPath } from "./config-issue.ts";
import { inspectConfig } from "./load-config.ts";
import { ConfigSchema } from "./schema/schema.ts";
import { elementOf, isList, keysOf } from "./schema/schema-walk.ts";

/** The paths of all values of the configuration that aren't objects; lists and maps have one item. */
function leavesOf(schema: z.core.$ZodType, path: KeyPath = []): KeyPath[] {
  const keys = keysOf(schema);
  if (keys !== undefined) {
    return Object.entries(keys).flatMap(([key, each]) => leavesOf(each, [...path, key]));
  }
  const element = elementOf(schema);
  return element === undefined ? [path] : leavesOf(element, [...path, isList(schema) ? 0 : "any"]);
}

/** Data with one value, whose neighbours are left out but for what switches a source on. */
function dataWith(path: KeyPath, value: unknown): unknown {
  return path.reduceRight<unknown>((inner, step) => (typeof step === "number" ? [inner] : {
    ...(step.endsWith("Source") ? { enabled: true } : {}),
    [step]: inner,
  }), value);
}

function everythingSaid(text: string): string {
  const { errors, warnings } = inspectConfig(text, { env: {}, fileName: "f.yaml" });
  return [...errors, ...warnings].map(formatIssue).join("\n");
}

const leaves = leavesOf(ConfigSchema);
const filler = fc.string({ unit: fc.constantFrom(..."ab1#/?@:,[]%&\\ \"'*!|>{}$".split("")), maxLength: 6 });
const password = fc.tuple(filler, filler).map(([before, behind]) => `${before}hunter2${behind}`);
const address = fc.tuple(
  fc.constantFrom("http://user:", "user:", "nats://user:", "xds://user:", "zookeeper://user:", "http:user:"),
  password,
  fc.constantFrom("@host", "@host:80", "@host:8761/eureka", "@"),
).map((parts) => parts.join(""));

describe("what is said about a configuration holds no secret", () => {
  test("there are leaves of every kind to try", () => {
    expect(leaves.length).toBeGreaterThan(150);
    expect(leaves).toContainEqual(["eurekaSource", "servers", 0, "address", 0]);
    expect(leaves).toContainEqual(["nats", "password"]);
  });

  test("an address with a password at every key", { timeout: 120_000 }, () => {
    for (const path of leaves) {
      expect(everythingSaid(JSON.stringify(dataWith(path, "user:pa#hunter2/x@host")))).not.toContain(
        "hunter2",
      );
    }
  });

  test("any address at any key, in our own file and in slime's", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(fc.constantFrom(...leaves), address, (path, text) => {
        const data = dataWith(path, text);
        expect(everythingSaid(JSON.stringify(data))).not.toContain("hunter2");
        const module = { kind: "meshregistry", general: { LEGACY: data } };
        expect(everythingSaid(JSON.stringify(module))).not.toContain("hunter2");
        const inside = { kind: "ConfigMap", data: { cfg: JSON.stringify(module) } };
        expect(everythingSaid(JSON.stringify(inside))).not.toContain("hunter2");
      }),
      { numRuns: 300 },
    );
  });

  test("a secret of a wrong type at every key that is secret", () => {
    const secret = leaves.filter((path) => /password|token|nkeySeed$/i.test(String(path.at(-1))));
    expect(secret.length).toBeGreaterThanOrEqual(6);
    for (const path of secret) {
      for (const value of [4711, ["4711"], { 4711: "4711" }, [{ a: "4711" }], true]) {
        expect(everythingSaid(JSON.stringify(dataWith(path, value)))).not.toContain("4711");
      }
    }
  });

  test("an address in the place of a key", () => {
    fc.assert(fc.property(address, fc.constantFrom("eurekaSource", "nats", "any"), (text, above) => {
      expect(everythingSaid(JSON.stringify({ [above]: { [text]: 1 } }))).not.toContain("hunter2");
      expect(everythingSaid(JSON.stringify({ [text]: { a: 1 } }))).not.toContain("hunter2");
    }));
  });

  test("an address that YAML cut off inside its password", () => {
    const cut = (source: string) =>
      `${source}:\n  enabled: true\n  address:\n  - http://user:hunter2 #x@host\n`;
    for (const source of ["eurekaSource", "nacosSource", "zookeeperSource"]) {
      expect(everythingSaid(cut(source))).toContain("http://user:***");
      expect(everythingSaid(cut(source))).not.toContain("hunter2");
    }
  });

  test("text that is no YAML around a password", () => {
    const before = fc.constantFrom(
      "*",
      "!",
      "!!",
      "&",
      '"\\',
      '"',
      "'",
      "|",
      ">",
      "%",
      "- ",
      "? ",
      "@",
      "`",
      "[",
      "{",
      "",
    );
    const behind = fc.constantFrom("", ":", ": x", '"', "]", "}", "\n- a", "\n  b: 1", "\t", " #", "\n%");
    const key = fc.constantFrom(
      "nats: {password: ",
      "nats:\n  password: ",
      "http:\n  token: ",
    );
    fc.assert(
      fc.property(key, before, password, behind, (start, open, text, close) => {
        const written = `${start}${open}${text}${close}`;
        // By its own punctuation a text may make a key of a password, and keys are shown.
        fc.pre(!makesKeyOf(written, "hunter2"));
        expect(everythingSaid(written)).not.toContain("hunter2");
      }),
      { numRuns: 2000 },
    );
  });
});

/** True if a text, as far as it is YAML, has a key with these letters in it. */
function makesKeyOf(yaml: string, letters: string): boolean {
  try {
    return parseAllDocuments(yaml).some((document) => hasKey(document.toJS(), letters));
  } catch {
    // An alias of nothing, for example.
    return false;
  }
}

/** True if some object in a value has a key with that text in it. */
function hasKey(value: unknown, text: string): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, item]) =>
    (!Array.isArray(value) && key.includes(text)) || hasKey(item, text)
  );
}
