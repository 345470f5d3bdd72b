import { describe, expect, test } from "vitest";
import { proxyFromEnvironment } from "./proxy-choice.ts";

const choose = (server: string, environment: Readonly<Record<string, string>>) =>
  proxyFromEnvironment(new URL(server), environment)?.href;

describe("proxyFromEnvironment", () => {
  test.each([
    ["https://kube:6443", { HTTPS_PROXY: "http://p:3128" }, "http://p:3128/"],
    ["https://kube:6443", { https_proxy: "p:3128" }, "http://p:3128/"],
    ["https://kube:6443", { https_proxy: "http://a", HTTPS_PROXY: "http://b" }, "http://a/"],
    ["https://kube:6443", { ALL_PROXY: "http://p" }, "http://p/"],
    ["https://kube:6443", { HTTP_PROXY: "http://p" }, undefined],
    ["http://kube:8080", { HTTP_PROXY: "http://p" }, "http://p/"],
    ["https://kube:6443", { HTTPS_PROXY: "socks5://p" }, undefined],
    ["https://kube:6443", { HTTPS_PROXY: "" }, undefined],
    ["https://localhost:6443", { HTTPS_PROXY: "http://p" }, undefined],
    ["https://127.0.0.1:6443", { HTTPS_PROXY: "http://p" }, undefined],
    ["https://[::1]:6443", { HTTPS_PROXY: "http://p" }, undefined],
  ])("%s with %j: %s", (server, environment, expected) => {
    expect(choose(server, environment)).toBe(expected);
  });

  test.each([
    ["*", true],
    ["kube.example.com", true],
    ["example.com", true],
    [".example.com", true],
    ["*.example.com", true],
    ["ample.com", false],
    ["other, KUBE.example.com", true],
    ["kube.example.com:6443", true],
    ["kube.example.com:443", false],
    ["", false],
  ])("NO_PROXY %s excludes a name: %s", (noProxy, isExcluded) => {
    const environment = { HTTPS_PROXY: "http://p", NO_PROXY: noProxy };
    expect(choose("https://kube.example.com:6443", environment) === undefined).toBe(isExcluded);
  });

  test.each([
    ["https://10.1.2.3:6443", "10.0.0.0/8", true],
    ["https://10.1.2.3:6443", "10.1.2.3", true],
    ["https://10.1.2.3:6443", "10.1.2.3:443", false],
    ["https://10.1.2.3:6443", "11.0.0.0/8,10.1.2.0/24", true],
    ["https://10.1.2.3:6443", "10.0.0.0/99", false],
    ["https://10.1.2.3:6443", ".3", false],
    ["https://[fd00::5]:6443", "fd00::/8", true],
    ["https://[fd00::5]:6443", "fd00:0::5", true],
    ["https://[fd00::5]:6443", "[fd00::5]:6443", true],
    ["https://[fd00::5]:6443", "10.0.0.0/8", false],
  ])("for %s NO_PROXY %s excludes: %s", (server, noProxy, isExcluded) => {
    const environment = { HTTPS_PROXY: "http://p", no_proxy: noProxy };
    expect(choose(server, environment) === undefined).toBe(isExcluded);
  });
});
