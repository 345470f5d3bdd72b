import { expect, test } from "vitest";
import { inspectConfig } from "../load-config.ts";

function errors(eurekaSource: string): string[] {
  const text = `eurekaSource: {enabled: true, address: [http://a], ${eurekaSource}}`;
  return inspectConfig(text, { env: {}, fileName: "f.yaml" }).errors.map(({ message }) => message);
}

test.each<[exportTo: string, message: string]>([
  ['["*", "shop"]', 'expected "*" alone, found it beside other namespaces; remove them, or it'],
  ['["~", "."]', 'expected "~" alone, found it beside other namespaces; remove them, or it'],
  ['["shop", "Sh_op"]', 'expected the name of a namespace, ".", "*" or "~", found "Sh_op" (a string)'],
])("exportTo: %s, for which istiod would reject every entry, is refused", (exportTo, message) => {
  expect(errors(`exportTo: ${exportTo}`)).toEqual([message]);
  expect(errors(`servicePlacements: [{hosts: [a.b], exportTo: ${exportTo}}]`)).toEqual([message]);
});

test("lists of namespaces, or one word for all of them, are fine", () => {
  for (const exportTo of ['["shop", "."]', '["*"]', '["~"]', "[]"]) {
    expect(errors(`exportTo: ${exportTo}, servicePlacements: [{exportTo: ${exportTo}}]`)).toEqual([]);
  }
});
