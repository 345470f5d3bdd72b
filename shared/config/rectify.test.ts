import { describe, expect, it } from "vitest";
import { loadConfig } from "./load-config.ts";

function load(data: unknown) {
  return loadConfig(JSON.stringify(data), { env: {}, fileName: "f.json" }).config;
}

const address = ["http://a"];

describe("rectify", () => {
  it.each(
    [
      ["zookeeperSource", {}, { consumerPath: "/consumers", hostSuffix: "", enableDubboSidecar: true }],
      ["zookeeperSource", { consumerPath: "-" }, { consumerPath: "" }],
      ["zookeeperSource", { consumerPath: "/c" }, { consumerPath: "/c" }],
      ["zookeeperSource", { gatewayModel: true, svcPort: 90, enableDubboSidecar: true }, {
        svcPort: 80,
        instancePortAsSvcPort: false,
        hostSuffix: ".dubbo",
        enableDubboSidecar: false,
        consumerPath: "",
      }],
      ["zookeeperSource", { gatewayModel: true, consumerPath: "/c" }, { consumerPath: "/c" }],
      ["eurekaSource", { gatewayModel: true, svcPort: 90 }, {
        svcPort: 90,
        instancePortAsSvcPort: false,
        k8sDomainSuffix: false,
        nsHost: true,
      }],
      ["eurekaSource", { nsfEureka: true, appSuffix: "x" }, { enableProjectCode: true, appSuffix: "nsf" }],
      ["nacosSource", { nsfNacos: true, gatewayModel: true }, {
        enableProjectCode: false,
        domSuffix: "",
        instancePortAsSvcPort: true,
      }],
      ["nacosSource", { enabled: true, address, nsfNacos: true, gatewayModel: true }, {
        enableProjectCode: true,
        domSuffix: "nsf",
        instancePortAsSvcPort: false,
        k8sDomainSuffix: false,
      }],
    ] as const,
  )("%s %j", (source, given, expected) => {
    expect(load({ [source]: given })[source]).toMatchObject(expected);
  });
});
