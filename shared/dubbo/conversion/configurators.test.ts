import { describe, expect, test } from "vitest";
import { readConfigurators } from "./configurators.ts";
import { formEncoded } from "./conversion-rig.ts";
import { parseDubboUrl } from "./parse-dubbo-url.ts";

const service = { interface: "a.B", group: "g", version: "1" };

/** The parameters of a provider after rules were applied. */
function configured(rules: readonly string[], query = "", host = "10.0.0.1"): Record<string, string> {
  const provider = parseDubboUrl(
    formEncoded(`dubbo://${host}:20880/a.B?application=app&side=provider${query}`),
  );
  if (typeof provider === "string") throw new TypeError(provider);
  const configurators = readConfigurators(rules.map(formEncoded), (name, reason) => {
    throw new Error(`${name}: ${reason}`);
  });
  const apply = (url: typeof provider) =>
    configurators.reduce((current, rule) => rule(current, service), url);
  const once = apply(provider);
  // A provider of Dubbo 3.3.6 registers itself anew with what rules made of it.
  expect({ ...apply(once).parameters }).toEqual({ ...once.parameters });
  return { ...once.parameters };
}

function weight(...rules: readonly string[]): string | undefined {
  return configured(rules)["weight"];
}

const of = "group=g&version=1&category=configurators&dynamic=false&enabled=true";

describe("readConfigurators()", () => {
  test.each<[rule: string, applies: boolean]>([
    [`override://0.0.0.0/a.B?${of}&weight=5`, true],
    [`override://0.0.0.0/*?${of}&weight=5`, true],
    [`override://10.0.0.1:20880/a.B?${of}&weight=5`, true],
    [`override://0.0.0.0:20880/a.B?${of}&weight=5`, true],
    [`override://10.0.0.1:20881/a.B?${of}&weight=5`, false],
    [`override://10.0.0.2:20880/a.B?${of}&weight=5`, false],
    // Without a port it is a consumer's address.
    [`override://10.0.0.1/a.B?${of}&weight=5`, false],
    ["override://0.0.0.0/a.B?group=g&weight=5", false],
    ["override://0.0.0.0/a.B?group=h&version=1&weight=5", false],
    ["override://0.0.0.0/a.B?group=g&version=1&enabled=false&weight=5", false],
    [`override://0.0.0.0/a.B?${of}&application=app&weight=5`, true],
    [`override://0.0.0.0/a.B?${of}&application=*&weight=5`, true],
    [`override://0.0.0.0/a.B?${of}&application=web&weight=5`, false],
    [`override://0.0.0.0/a.B?${of}&side=consumer&weight=5`, false],
    [`override://0.0.0.0/a.B?${of}&~zone=a&weight=5`, false],
    [`override://0.0.0.0/a.B?${of}&~application=app&weight=5`, true],
    [`override://0.0.0.0/a.B?${of}&configVersion=v2.7&side=provider&weight=5`, true],
    [`override://0.0.0.0/a.B?${of}&configVersion=v2.7&side=consumer&weight=5`, false],
    [
      `override://0.0.0.0/a.B?${of}&configVersion=v2.7&providerAddresses=10.0.0.2:20880,10.0.0.1:20880&weight=5`,
      true,
    ],
    [`override://0.0.0.0/a.B?${of}&configVersion=v2.7&providerAddresses=10.0.0.1&weight=5`, true],
    [`override://0.0.0.0/a.B?${of}&configVersion=v2.7&providerAddresses=0.0.0.0:*&weight=5`, true],
    [`override://0.0.0.0/a.B?${of}&configVersion=v2.7&providerAddresses=0.0.0.0:20880&weight=5`, true],
    [`override://0.0.0.0/a.B?${of}&configVersion=v2.7&providerAddresses=0.0.0.0:20881&weight=5`, false],
    [`override://0.0.0.0/a.B?${of}&configVersion=v2.7&providerAddresses=10.0.0.2:20880&weight=5`, false],
    [`empty://0.0.0.0/a.B?${of}&weight=5`, false],
  ])("%s", (rule, applies) => {
    expect(weight(rule)).toBe(applies ? "5" : undefined);
  });

  test("applies the rule of a host after that of all, and a higher priority after a lower one", () => {
    const rule = (host: string, value: number, more = "") =>
      `override://${host}/a.B?${of}&weight=${value}${more}`;
    expect(weight(rule("10.0.0.1:20880", 1), rule("0.0.0.0", 2))).toBe("1");
    expect(weight(rule("0.0.0.0", 1, "&priority=2"), rule("0.0.0.0", 2, "&priority=1"))).toBe("1");
  });

  test("absent:// sets what isn't there, not even as a default", () => {
    const rules = [`absent://0.0.0.0/a.B?${of}&weight=5`];
    expect(configured(rules)["weight"]).toBe("5");
    expect(configured(rules, "&weight=7")["weight"]).toBe("7");
    expect(configured(rules, "&default.weight=7")["weight"]).toBeUndefined();
  });

  test("changes no parameter that says something of the rule", () => {
    expect(
      configured(
        [`override://0.0.0.0/a.B?${of}&compatible_config=true&priority=1&timeout=9`],
        "&dynamic=true",
      ),
    )
      .toEqual({ application: "app", side: "provider", dynamic: "true", timeout: "9" });
  });

  test("reports what is no rule", () => {
    const reported: string[] = [];
    expect(
      readConfigurators(
        ["x", "route%3A%2F%2F0.0.0.0%2Fa.B"],
        (name, reason) => reported.push(`${name} ${reason}`),
      ),
    )
      .toEqual([]);
    expect(reported).toHaveLength(2);
  });
});
