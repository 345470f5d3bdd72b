import { expect, test } from "vitest";
import { formatIssue } from "../config-issue.ts";
import { inspectConfig } from "../load-config.ts";

function errorsOf(nacosSource: object): readonly string[] {
  const source = { address: ["http://nacos:8848"], ...nacosSource };
  const { errors } = inspectConfig(JSON.stringify({ nacosSource: source }), { env: {}, fileName: "f" });
  return errors.map(formatIssue);
}

test.each([
  [{}],
  [{ mode: "watching", generation: 2 }],
  [{ mode: "polling", generation: 1, username: "me", password: "secret" }],
  [{
    accessKey: "a",
    secretKey: "b",
    signingRegion: "cn-hangzhou",
    consoleUrl: "http://nacos:8080",
    grpcPort: 9848,
  }],
  [{ driver: "package" }],
  [{ driver: "package", mode: "polling", generation: 2, tls: {} }],
  [{ enabled: false, mode: "x", requestTimeout: "0" }],
])("a Nacos source is reached by %j", (source) => {
  expect(errorsOf(source)).toEqual([]);
});

test.each([
  [{ mode: "pushing" }, /mode: expected "watching", "polling" or "auto", found "pushing"/],
  [{ mode: "watching", generation: 1 }, /mode: Nacos 1 has no push/],
  [{ requestTimeout: "0s" }, /requestTimeout: expected a duration above 0/],
  [{ generation: 4 }, /generation/],
  [{ driver: "native" }, /driver/],
  [{ driver: "package", mode: "watching" }, /driver: the package polls and has no gRPC/],
  [{ driver: "package", generation: 3 }, /driver: Nacos 3 tells nothing by UDP/],
  [{ driver: "package", tls: { caFile: "ca.pem" } }, /driver: the package knows no certificates/],
  [{ password: "secret" }, /username: expected a user name because password is set/],
  [{ accessKey: "a" }, /secretKey: expected accessKey and secretKey together/],
  [
    { accessKey: "a", secretKey: "b", username: "me" },
    /accessKey: expected a user or an access key, found both/,
  ],
  [{ signingRegion: "cn-hangzhou" }, /signingRegion: has no effect without accessKey/],
  [{ address: [], servers: [{ address: ["http://a"], secretKey: "b" }] }, /servers\[0\]\.accessKey/],
])("a Nacos source isn't reached by %j", (source, expected) => {
  expect(errorsOf(source)).toEqual([expect.stringMatching(expected)]);
});
