import { expect, test } from "vitest";
import { subjectMatcher } from "../../../../shared/entry-log/subject-matcher.ts";
import { encodeSubject } from "../../../../shared/model/subject.ts";
import { subjectFilter } from "./tap-filter.ts";

test.each([
  [{}, "mesh.entries.>"],
  [{ registry: "eureka" }, "mesh.entries.*.eureka.*.*.>"],
  [{ namespace: "shop" }, "mesh.entries.*.*.*.shop.>"],
  [{ name: "orders.shop" }, "mesh.entries.*.*.*.*.orders.shop"],
  [
    { registry: "zookeeper", namespace: "dubbo", name: "com.acme.>" },
    "mesh.entries.*.zookeeper.*.dubbo.com.acme.>",
  ],
  [{ name: "a *>" }, "mesh.entries.*.*.*.*.a%20%2A%3E"],
  [{ namespace: "" }, "mesh.entries.*.*.*.%.>"],
])("%j is %s", (parts, filter) => {
  expect(subjectFilter(parts)).toBe(filter);
});

test("matches the subject of the resource that is meant", () => {
  const id = {
    kind: "ServiceEntry",
    registry: "zookeeper",
    source: "default",
    namespace: "d.x",
    name: "com.a.B:g 1",
  };
  const subject = encodeSubject(id);
  expect(subjectMatcher(subjectFilter(id))(subject)).toBe(true);
  expect(subjectMatcher(subjectFilter({ name: "com.a.>" }))(subject)).toBe(true);
  expect(subjectMatcher(subjectFilter({ name: "com.a.B" }))(subject)).toBe(false);
});
