import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normalizeForIstio, validateManifest } from "../../istio/mod.ts";
import { converted, formEncoded, provider, recordOf, rulesOf } from "./conversion-rig.ts";
import { convertInterface, registeredInstances } from "./convert-interface.ts";

const istio = rulesOf("istio");
const slime = rulesOf("slime");

describe("bad input", () => {
  test("is reported with its place and the reason, and harms no neighbour", () => {
    const good = formEncoded(provider("10.0.0.1:1", "&timestamp=1"));
    const newer = formEncoded(provider("10.0.0.1:1", "&timestamp=2"));
    const providers = [
      "dubbo%3A%zz",
      "x".repeat(2 ** 20),
      good,
      newer,
      formEncoded(provider("10.0.0.2:0")),
      formEncoded(provider("10.0.0.3")),
      formEncoded(provider("0.0.0.0:1")),
      formEncoded(provider("no_host:1")),
      formEncoded(provider("10.0.0.4:1", "", "consumer")),
    ];
    const reported: { path: string; reason: string }[] = [];
    const record = {
      ...recordOf({ configurators: ["x", "route://0.0.0.0/a.B"], consumers: ["?"] }),
      providers,
    };
    const { services } = convertInterface(record, istio, (invalid) => reported.push(invalid));
    expect(services[0]?.manifest.spec.endpoints?.map(({ address }) => address)).toEqual(["10.0.0.1"]);
    expect(reported.map(({ path, reason }) => [path.slice(0, 40), reason])).toEqual([
      ["/dubbo/a.B/configurators/x", "has no protocol"],
      ["/dubbo/a.B/configurators/route%3A%2F%2F0", expect.stringContaining("not override or absent")],
      ["/dubbo/a.B/providers/dubbo%3A%zz", expect.stringContaining("not percent-encoded")],
      [`/dubbo/a.B/providers/${"x".repeat(19)}`, expect.stringContaining("1048576 characters")],
      [expect.anything(), expect.stringContaining("no usable port (0)")],
      [expect.anything(), "has no port"],
      [expect.anything(), expect.stringContaining("its own host")],
      [expect.anything(), expect.stringContaining("neither an IP address nor a host name")],
      [expect.anything(), expect.stringContaining("no provider's")],
      [`/dubbo/a.B/providers/${good.slice(0, 19)}`, expect.stringContaining("registered once more")],
      ["/dubbo/a.B/consumers/%3F", "has no protocol"],
    ]);
    expect(Math.max(...reported.map(({ path }) => path.length))).toBeLessThan(500);
  });

  test("takes names of every printable character", () => {
    const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join("");
    const name = `a.${printable}`;
    for (const rules of [istio, slime]) {
      const query = `&group=${printable.replaceAll(/[&;=]/g, "")}&x=${printable.replaceAll(/[&;]/g, "")}`;
      const [service] = converted({ name, providers: [provider("10.0.0.1:1", query)] }, rules).services;
      expect(service?.manifest.spec.endpoints).toHaveLength(1);
    }
  });

  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom("1", "true", "false", "*", "0", "-1", ""),
  );
  const key = fc.oneof(
    fc.constantFrom(
      "group",
      "version",
      "weight",
      "dubbo.tag",
      "methods",
      "disabled",
      "enabled",
      "pid",
      "timestamp",
      "__proto__",
      "constructor",
    ),
    text,
  );
  const host = fc.constantFrom(
    "10.0.0.1:1",
    "10.0.0.2:1",
    "10.0.0.1:2",
    "[fd00::1]:1",
    "order-1:1",
    "no_host:1",
    "x",
    "",
  );
  const url = fc.record({
    protocol: fc.constantFrom("dubbo", "tri", "rest", "consumer", "x y", ""),
    host,
    parameters: fc.array(fc.tuple(key, text), { maxLength: 4 }),
  }).map(({ protocol, host: place, parameters }) =>
    `${protocol}://${place}/a.B?${parameters.map((pair) => pair.join("=")).join("&")}`.toWellFormed()
  );

  test("never throws, and whatever comes of it is something that Istio takes", () => {
    fc.assert(
      fc.property(
        text,
        fc.array(url, { maxLength: 8 }),
        fc.array(url, { maxLength: 3 }),
        (name, providers, others) => {
          const readable = {
            name,
            providers,
            consumers: others,
            configurators: others.map((each) => each.replace(/^[^:]*/, "override")),
          };
          converted(readable, slime);
          for (const { manifest } of converted(readable, istio).services) {
            const errors = validateManifest(normalizeForIstio(manifest)).filter(({ severity }) =>
              severity === "error"
            );
            expect(errors).toEqual([]);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("reads a name among others as it reads it alone", () => {
    const alike = fc.tuple(
      host,
      fc.constantFrom(
        "pid=1",
        "pid=22&x=1",
        "x=1&pid=3",
        "timestamp=5",
        "x=1",
        "pid=1&timestamp=7&y=",
        "pid=%&x=1",
      ),
      fc.constantFrom("dubbo", "tri"),
    )
      .map(([place, query, protocol]) => `${protocol}://${place}/a.B?application=a&${query}`);
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: alike }, url), { maxLength: 8 }), (providers) => {
        for (const rules of [istio, slime]) {
          const together = registeredInstances(recordOf({ providers }), rules);
          const alone = providers.flatMap((
            each,
          ) => [...registeredInstances(recordOf({ providers: [each] }), rules)]);
          for (const [serviceKey, [instance]] of alone) {
            expect(together.get(serviceKey)?.map(({ address, port }) => `${address} ${port}`)).toContain(
              `${instance?.address} ${instance?.port}`,
            );
          }
          if (rules !== slime) continue;
          const all = [...together].flatMap(([serviceKey, instances]) =>
            instances.map((each) => JSON.stringify([serviceKey, each]))
          );
          expect(all.sort()).toEqual(
            alone.map(([serviceKey, [each]]) => JSON.stringify([serviceKey, each])).sort(),
          );
        }
      }),
      { numRuns: 300 },
    );
  });
});
