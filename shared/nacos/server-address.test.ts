import { expect, test } from "vitest";
import { parseServers } from "./server-address.ts";

test.each([
  ["nacos", "http://nacos:8848/nacos", "nacos:9848"],
  ["nacos:18848", "http://nacos:18848/nacos", "nacos:19848"],
  ["http://nacos:8848", "http://nacos:8848/nacos", "nacos:9848"],
  ["http://nacos", "http://nacos:80/nacos", "nacos:1080"],
  ["https://nacos.example/registry/", "https://nacos.example:443/registry", "nacos.example:1443"],
  ["nacos:80", "http://nacos:80/nacos", "nacos:1080"],
  ["[::1]:8848", "http://[::1]:8848/nacos", "[::1]:9848"],
  [" 10.0.0.1:8848 ", "http://10.0.0.1:8848/nacos", "10.0.0.1:9848"],
])("reads %s", (server, baseUrl, grpcTarget) => {
  expect(parseServers([server], { tls: false })).toMatchObject([{ baseUrl, grpcTarget }]);
});

test("asks over HTTPS where TLS is configured, and takes another port for gRPC", () => {
  expect(parseServers(["nacos:8848"], { tls: true, grpcPort: 9999 })).toEqual([
    {
      text: "nacos:8848",
      host: "nacos",
      port: 8848,
      baseUrl: "https://nacos:8848/nacos",
      grpcTarget: "nacos:9999",
    },
  ]);
});

test("has each server once", () => {
  expect(parseServers(["nacos", "nacos:8848", "http://nacos:8848/nacos"], { tls: false })).toHaveLength(1);
});

test.each([
  ["", "can't be read"],
  ["nacos:port", "can't be read"],
  ["nacos:0", "port is 0"],
  ["grpc://nacos", "grpc isn't spoken"],
  ["http://me:secret@nacos", "credentials have options of their own"],
  ["nacos:8848?x=1", "behind the path"],
])("refuses %s", (server, why) => {
  expect(() => parseServers([server], { tls: false })).toThrow(why);
});

test("refuses to have no server", () => {
  expect(() => parseServers([], { tls: false })).toThrow("no address");
});
