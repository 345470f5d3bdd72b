import { describe, expect, test } from "vitest";
import { serviceEntry } from "../../test/istio/verdict.ts";
import { verdicts } from "../../test/istio/verdicts.ts";
import type { Manifest } from "../model/manifest.ts";
import { validateManifest } from "./validate.ts";

describe("validateManifest()", () => {
  for (const { name, manifest, verdict, rule, warning } of verdicts) {
    test(`finds ${name} ${verdict} in a ${manifest.kind}`, () => {
      const violations = validateManifest(manifest);
      const errors = violations.filter(({ severity }) => severity === "error").map((violation) =>
        violation.rule
      );
      expect(new Set(errors)).toEqual(new Set(rule === undefined ? [] : [rule]));
      if (warning === undefined) return;
      expect(violations.map((violation) => [violation.rule, violation.severity])).toContainEqual([
        warning,
        "warning",
      ]);
    });
  }

  test("says where, what was found and what is wanted", () => {
    const manifest = serviceEntry({
      ports: [{ number: 80, name: "http", protocol: "HTTP" }, { number: 0, name: "b", protocol: "HTTP" }],
    });
    expect(validateManifest(manifest)).toEqual([{
      rule: "S4",
      severity: "error",
      path: "spec.ports[1].number",
      message: "port 0: Istio wants 1 to 65535",
    }]);
  });

  test("finds a resolution outside the enum, in a manifest that didn't go through the schema", () => {
    const manifest: Manifest = JSON.parse(JSON.stringify(serviceEntry({})).replace("STATIC", "STRICT_DNS"));
    expect(validateManifest(manifest).map(({ rule }) => rule)).toEqual(["S13"]);
  });

  test("looks at nothing else when a selector can't be used, as istiod does", () => {
    const manifest = serviceEntry({ hosts: ["*"], workloadSelector: { labels: { "*": "a" } } });
    expect(validateManifest(manifest).map(({ rule }) => rule)).toEqual(["S2"]);
  });

  test("keeps at most 100 errors of one entry", () => {
    const endpoints = Array.from({ length: 5000 }, () => ({ address: "no address" }));
    expect(validateManifest(serviceEntry({ endpoints }))).toHaveLength(100);
  });

  test("cuts long values in its messages", () => {
    const [violation] = validateManifest(serviceEntry({ hosts: ["?".repeat(10_000)] }));
    expect(violation?.message.length).toBeLessThan(400);
  });
});
