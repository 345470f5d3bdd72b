import { describe, expect, test } from "vitest";
import { importsOf, importViolation } from "./check-imports.ts";

describe("importViolation()", () => {
  test.each([
    ["services/aggregator/main.ts", "shared/runtime/log.ts"],
    ["services/aggregator/main.ts", "services/aggregator/xds/server.ts"],
    ["services/all-in-one/main.ts", "services/aggregator/aggregator.ts"],
    ["services/meshctl/commands/convert/convert.ts", "services/eureka-collector/conversion/convert.ts"],
    ["services/meshctl/commands/convert/convert.ts", "services/eureka-collector/view/registry-view.ts"],
    ["services/meshctl/commands/convert/convert.ts", "services/eureka-collector/dry-run/convert-eureka.ts"],
    ["services/all-in-one/main.ts", "shared/simulators/demo/start-demo.ts"],
    ["services/demo-registries/main.ts", "shared/simulators/demo/start-demo.ts"],
    ["shared/simulators/demo/start-demo.ts", "shared/simulators/eureka/server.ts"],
    ["shared/simulators/zookeeper/server.ts", "shared/simulators/zookeeper/tree.ts"],
    ["shared/istio/rules.ts", "protos/gen/istio/x_pb.ts"],
    ["shared/entry-log/jetstream.real.test.ts", "test/servers/nats.ts"],
    ["shared/entry-log/nats-rig.ts", "test/servers/nats.ts"],
    ["test/end-to-end/x.ts", "services/aggregator/main.ts"],
    ["services/meshctl/convert.test.ts", "services/zk-collector/view/tree-paths.ts"],
    ["services/aggregator/xds/served-rig.ts", "services/aggregator/debug/clients.ts"],
  ])("allows %s to import %s", (file, target) => {
    expect(importViolation(file, target)).toBeUndefined();
  });

  test.each([
    ["services/aggregator/main.ts", "services/meshctl/main.ts"],
    ["services/meshctl/watch.ts", "services/aggregator/xds/server.ts"],
    ["services/meshctl/commands/convert/convert.ts", "services/eureka-collector/collector.ts"],
    ["shared/runtime/log.ts", "services/aggregator/main.ts"],
    ["shared/runtime/log.ts", "test/servers/nats.ts"],
    ["shared/runtime/log.ts", "shared/runtime/log.test.ts"],
    ["shared/entry-log/entry-log.ts", "shared/entry-log/nats-rig.ts"],
    ["protos/generate.ts", "shared/runtime/errors.ts"],
    ["services/meshctl/commands/watch/watch-rig.ts", "services/aggregator/xds/xds-server.ts"],
    ["services/aggregator/aggregator.test.ts", "services/meshctl/main.ts"],
    ["shared/dubbo/a.test.ts", "services/zk-collector/view/tree-paths.ts"],
    ["shared/zookeeper/client.ts", "shared/simulators/zookeeper/server.ts"],
    ["services/zk-collector/main.ts", "shared/simulators/zookeeper/server.ts"],
  ])("forbids %s to import %s", (file, target) => {
    expect(importViolation(file, target)).toBeTypeOf("string");
  });
});

describe("importsOf()", () => {
  test("finds every form, and nothing in comments", () => {
    const text = [
      'import "./side-effect.ts";',
      'import type { A } from "./type.ts";',
      "import {\n  b,\n  c,\n} from './several.ts';",
      'export { d } from "./re-export.ts";',
      'const e = await import("./dynamic.ts");',
      '/** import { f } from "./comment.ts" */',
      'export const g = "./value.ts";',
    ].join("\n");
    expect(importsOf(text)).toEqual([
      "./side-effect.ts",
      "./type.ts",
      "./several.ts",
      "./re-export.ts",
      "./dynamic.ts",
    ]);
  });
});
