import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { provider, recordOf, rulesOf } from "./conversion-rig.ts";
import { convertInterface, convertService } from "./convert-interface.ts";
import type { InterfaceRecord, InvalidRecord } from "./registry-records.ts";
import { InterfaceReaders, selectServices } from "./select-services.ts";
import type { DubboRules } from "./dubbo-rules.ts";

function convertedWith(readers: InterfaceReaders, record: InterfaceRecord, rules: DubboRules) {
  const reported: InvalidRecord[] = [];
  const services = selectServices(record, readers, rules, (invalid) => reported.push(invalid))
    .map((service) => convertService(service, rules));
  return { services, reported };
}

const query = fc.constantFrom(
  "",
  "&pid=1",
  "&pid=22&timestamp=3",
  "&timestamp=7",
  "&version=1.0",
  "&version=1.0&pid=5",
  "&group=g",
  "&application=other",
  "&weight=0",
  "&disabled=true",
  "&methods=find,list",
  "&methods=find",
);
const host = fc.constantFrom(
  "10.0.0.1:1",
  "10.0.0.2:1",
  "10.0.0.2:2",
  "127.0.0.1:1",
  "10.0.0.3:0",
  "x",
  "[fd00::1]:1",
);
const members = fc.uniqueArray(
  fc.tuple(host, query, fc.constantFrom("dubbo", "tri", "consumer")).map(([place, parameters, protocol]) =>
    provider(place, parameters, protocol)
  ),
  { maxLength: 8 },
);

describe("selectServices()", () => {
  test("finds with readers that followed an interface what new ones find", () => {
    const record = fc.record({ providers: members, consumers: members }).map((readable) =>
      recordOf(readable)
    );
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 6 }), (records) => {
        for (const rules of [rulesOf("istio"), rulesOf("slime")]) {
          const readers = new InterfaceReaders("a.B", rules);
          for (const each of records) {
            const reported: InvalidRecord[] = [];
            const { services } = convertInterface(each, rules, (invalid) => reported.push(invalid));
            expect(convertedWith(readers, each, rules)).toEqual({ services, reported });
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  test("reads a new name of an interface, and the others not again", () => {
    const rules = rulesOf("istio");
    const readers = new InterfaceReaders("a.B", rules);
    const [first] = selectServices(
      recordOf({ providers: [provider("10.0.0.1:1", "&pid=1")] }),
      readers,
      rules,
      () => {},
    );
    const [second] = selectServices(
      recordOf({ providers: [provider("10.0.0.1:1", "&pid=1"), provider("10.0.0.2:1", "&pid=7")] }),
      readers,
      rules,
      () => {},
    );
    expect(second?.members[0]).toBe(first?.members[0]);
    // Alike ones share what they have in common, whenever each was read.
    expect(second?.members[1]?.labels).toBe(first?.members[0]?.labels);
  });

  test("knows a sixth kind of member by its second name, too", () => {
    const rules = rulesOf("istio");
    const readers = new InterfaceReaders("a.B", rules);
    for (const release of ["1", "2", "3", "4", "5", "6"]) {
      const at = (place: string) => provider(place, `&release=${release}`);
      const providers = [at("10.0.0.1:1"), at("10.0.0.2:1"), at("10.0.0.3:1")];
      const [service] = selectServices(recordOf({ providers }), readers, rules, () => {});
      expect(service?.members[2]?.labels).toBe(service?.members[0]?.labels);
    }
  });
});
