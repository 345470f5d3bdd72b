import { expect, test } from "vitest";
import { formatIssue } from "../config-issue.ts";
import { inspectConfig } from "../load-config.ts";

function errorsOf(options: object) {
  const nacosSource = { address: ["http://localhost:8848"], ...options };
  const { errors } = inspectConfig(JSON.stringify({ nacosSource }), { env: {}, fileName: "f" });
  return errors.map(formatIssue);
}

test.each([
  [{ serviceNaming: { sep: ".", items: [{ kind: "$", value: "group" }, { kind: "meta", value: "app" }] } }],
  [{ serviceHostAliases: [{ host: "orders.nacos", aliases: ["orders.example", "*.example"] }] }],
  [{ portMetaKeys: [{ key: "gRPC_port" }, { key: "admin_port", protocol: "HTTP" }] }],
  [{ portMetaKeys: [], hostnameMetaKey: "" }],
  [{ dubbo: { instancePortAsSvcPort: false, svcPort: 20_880 } }],
  [{ dubbo: { enabled: false, instancePortAsSvcPort: false } }],
  [{ includeServices: [{ namespace: "dev", service: "orders-*" }], excludeServices: [{ group: "test*" }] }],
  [{ enabled: false, portMetaKeys: [{}] }],
])("a Nacos source takes %j", (options) => {
  expect(errorsOf(options)).toEqual([]);
});

test.each<[options: object, error: RegExp]>([
  [{ serviceNaming: { items: [{ kind: "x" }] } }, /items\[0\]\.kind: expected "\$", "meta" or "static"/],
  [{ serviceNaming: { items: [{ kind: "$", value: "host" }] } }, /value: expected "service", "group"/],
  [
    { serviceHostAliases: [{ host: "orders.nacos", aliases: ["ok.example", "not a host"] }] },
    /serviceHostAliases\[0\]\.aliases\[1\]: expected a host, found "not a host"/,
  ],
  [{ portMetaKeys: [{ protocol: "grpc" }] }, /portMetaKeys\[0\]\.key: expected a metadata key/],
  [
    { portMetaKeys: [{ key: "p", protocol: "x" }] },
    /protocol: expected a protocol that Istio knows, found "x"/,
  ],
  [{ dubbo: { instancePortAsSvcPort: false } }, /nacosSource\.dubbo\.svcPort: expected a port above 0/],
  [{ includeServices: [{ name: "orders" }] }, /name: .*service|unknown key/i],
])("a Nacos source doesn't take %j", (options, error) => {
  expect(errorsOf(options)).toEqual([expect.stringMatching(error)]);
});
