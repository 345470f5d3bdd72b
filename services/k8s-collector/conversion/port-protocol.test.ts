import { describe, expect, test } from "vitest";
import { selectProtocol } from "./port-protocol.ts";

describe("selectProtocol", () => {
  test.each<[string, string, string]>([
    ["http", "", "HTTP"],
    ["http-admin", "", "HTTP"],
    ["HTTP2-x", "", "HTTP2"],
    ["https", "", "HTTPS"],
    ["grpc", "", "GRPC"],
    ["grpc-web", "", "GRPC-WEB"],
    ["gRPC-Web-x", "", "GRPC-WEB"],
    ["grpc-webby", "", "GRPC-WEB"],
    ["tcp-anything", "", "TCP"],
    ["tls", "", "TLS"],
    ["mongo", "", "MONGO"],
    ["redis", "", "REDIS"],
    ["mysql", "", "MYSQL"],
    ["http_proxy", "", "HTTP_PROXY"],
    ["web", "", ""],
    ["httpx", "", ""],
    ["", "", ""],
    // appProtocol hides the name, known or not.
    ["http", "tcp", "TCP"],
    ["http", "acme.com/x", ""],
    ["tcp", "kubernetes.io/h2c", "HTTP2"],
    ["tcp", "kubernetes.io/ws", "HTTP"],
    ["tcp", "kubernetes.io/wss", "HTTPS"],
    ["kubernetes.io/ws", "", ""],
    ["x", "HTTP", "HTTP"],
    ["x", "grpc-web", "GRPC-WEB"],
  ])("name %j and appProtocol %j: %j", (name, appProtocol, expected) => {
    const port = {
      name,
      number: 8080,
      protocol: "TCP",
      appProtocol: appProtocol === "" ? undefined : appProtocol,
    };
    expect(selectProtocol(port)).toBe(expected);
  });

  test.each<[number, string, string]>([
    [25, "smtp", "TCP"],
    [53, "", "TCP"],
    [3306, "db", "TCP"],
    [27017, "x", "TCP"],
    [3306, "http", "HTTP"],
    [6379, "x", ""],
  ])("port %i called %j: %j", (number, name, expected) => {
    expect(selectProtocol({ name, number, protocol: "TCP", appProtocol: undefined })).toBe(expected);
  });

  test("UDP is UDP, whatever it is called", () => {
    expect(selectProtocol({ name: "http", number: 53, protocol: "UDP", appProtocol: "http" })).toBe("UDP");
  });
});
