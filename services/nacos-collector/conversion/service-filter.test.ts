import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../../shared/config/mod.ts";
import type { ConfigInput } from "../../../shared/config/mod.ts";
import { serviceFilter } from "./service-filter.ts";

type Patterns = Pick<NonNullable<ConfigInput["nacosSource"]>, "includeServices" | "excludeServices">;

function filterOf(patterns: Patterns) {
  const nacosSource = { address: ["http://localhost:8848"], ...patterns };
  return serviceFilter(
    loadConfig(JSON.stringify({ nacosSource }), { env: {}, fileName: "the test" }).config.nacosSource,
  );
}

const orders = { namespace: "4f2c", namespaceName: "dev", group: "shop", name: "orders-v1" };

test("without patterns there is no filter: everything is read", () => {
  expect(filterOf({})).toBeUndefined();
});

describe("a pattern", () => {
  test.each<[pattern: object, isRead: boolean]>([
    [{ service: "orders-v1" }, true],
    [{ service: "orders" }, false],
    [{ service: "ORDERS-V1" }, false],
    [{ service: "orders-*" }, true],
    [{ service: "*-v1" }, true],
    [{ service: "*ders*" }, true],
    [{ service: "o*v1*1" }, false],
    [{ service: "o*-*1" }, true],
    [{ service: "*" }, true],
    [{ namespace: "dev" }, true],
    [{ namespace: "4f*" }, true],
    [{ namespace: "prod" }, false],
    [{ group: "shop", service: "orders-*" }, true],
    [{ group: "stock", service: "orders-*" }, false],
    [{}, true],
  ])("%j of what is read: %s", (pattern, isRead) => {
    expect(filterOf({ includeServices: [pattern] })?.(orders)).toBe(isRead);
    expect(filterOf({ excludeServices: [pattern] })?.(orders)).toBe(!isRead);
    expect(filterOf({ includeServices: [{ service: "no-such" }, pattern] })?.(orders)).toBe(isRead);
    expect(filterOf({ includeServices: [{}], excludeServices: [pattern] })?.(orders)).toBe(!isRead);
  });

  test("matches as the regular expression with .* for each * does", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 6 });
    fc.assert(
      fc.property(letters, fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 }), (service, name) => {
        const expected = service === "" || new RegExp(`^${service.replaceAll("*", ".*")}$`).test(name);
        expect(filterOf({ includeServices: [{ service }] })?.({ ...orders, name })).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });
});
