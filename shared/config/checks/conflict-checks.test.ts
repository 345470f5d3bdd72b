import { expect, test } from "vitest";
import { inspectConfig } from "../load-config.ts";

function errors(conflicts: string): string[] {
  const text = `{eurekaSource: {enabled: true, address: [http://a]}, conflicts: ${conflicts}}`;
  return inspectConfig(text, { env: {}, fileName: "f.yaml" }).errors.map(({ message }) => message);
}

test.each<[conflicts: string, message: string]>([
  [
    "{order: [nacos, consul]}",
    'expected a registry (eureka, nacos, zookeeper, kubernetes, files) or "registry/source", found "consul" (a string); did you mean',
  ],
  ["{order: [nacos, nacos]}", 'expected each source once, found "nacos" a second time; remove it'],
  [
    "{order: [zookeeper/]}",
    'expected a registry (eureka, nacos, zookeeper, kubernetes, files) or "registry/source", found',
  ],
  ["{hosts: [{pattern: a*b}]}", 'expected a host, or one with "*" as its first or last character, found'],
  ["{hosts: [{pattern: '*a*'}]}", 'expected a host, or one with "*" as its first or last character, found'],
  ["{hosts: [{mode: prefer}]}", 'expected a host, or one with "*" as its first or last character, found'],
])("%s is refused", (conflicts, message) => {
  const [first = "", ...others] = errors(conflicts);
  expect(first).toContain(message.split("; did")[0]);
  expect(others).toEqual([]);
});

test("patterns at either end, and sources of registries, are fine", () => {
  const hosts =
    "[{pattern: '*.shop', mode: prefer}, {pattern: com.acme.*, order: [zookeeper/east]}, {pattern: '*'}]";
  expect(errors(`{mode: separate, order: [kubernetes, zookeeper/east, zookeeper], hosts: ${hosts}}`)).toEqual(
    [],
  );
});
