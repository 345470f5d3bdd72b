import { expect, test } from "vitest";
import { testedVersionsPage } from "./tested-versions.ts";

/** Where the page says that a server is tested. */
function testsOf(title: string): string {
  return testedVersionsPage().split("\n- ").find((part) => part.startsWith(`**${title}`)) ?? "";
}

test("a server's tests are found, whether a file names it, its family, or a helper that does", () => {
  expect(testsOf("Helm")).toMatch(
    /^\*\*Helm\*\*, v4.*:\n {2}\[helm\]\(\.\.\/test\/deploy\/helm\.real\.test\.ts\)/,
  );
  for (const title of ["istiod, the newest", "istiod, a commit shortly before 1.22"]) {
    expect(testsOf(title)).toContain("(../test/end-to-end/kubernetes-to-istiod.real.test.ts)");
    expect(testsOf(title)).toContain("(../test/end-to-end/fewer-shards.real.test.ts)");
  }
  for (const title of ["Nacos 2", "Nacos 3", "r-nacos"]) {
    expect(testsOf(title)).toContain("(../test/simulators/nacos-suite.real.test.ts)");
  }
  for (const title of ["ZooKeeper 3.4", "ZooKeeper 3.8", "ZooKeeper 3.9"]) {
    expect(testsOf(title)).toContain("(../test/simulators/zookeeper-suite.real.test.ts)");
  }
  expect(testsOf("Envoy")).toMatch(/\(\.\.\/test\/envoy\/[\w-]+\.real\.test\.ts\)/);
});
