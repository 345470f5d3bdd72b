import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeApplicationNode } from "./application-node.ts";
import { recordedTree } from "./recorded-tree-rig.ts";
import type { InvalidRecord } from "../conversion/registry-records.ts";

function decode(content: unknown, path = "/services/shop/1") {
  const reported: InvalidRecord[] = [];
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const decoded = decodeApplicationNode({ path, data: Buffer.from(text) }, (record) => reported.push(record));
  return { decoded, reported };
}

function decodeRecorded(tree: string, path: string) {
  const node = recordedTree(tree).find((candidate) => candidate.path === path);
  return decode(node?.data ?? "", path);
}

const spring = {
  name: "shop",
  id: "1",
  address: "10.0.0.1",
  port: 8080,
  sslPort: null,
  payload: { metadata: {} },
};

describe("decodeApplicationNode", () => {
  it("reads an instance of a Dubbo application", () => {
    const { decoded, reported } = decodeRecorded("dubbo3-all", "/services/order-app/10.9.1.1:20881");
    expect(decoded).toMatchObject({
      kind: "dubbo",
      application: "order-app",
      host: "10.9.1.1",
      port: 20881,
      revision: "6b7cdcf527ad1c1de3836b9cf134e6df",
      storage: "local",
      metadataVersion: "1.0.0",
      ports: new Map([["dubbo", 20881]]),
      metadataService: { protocol: "dubbo", port: "20881", version: "1.0.0" },
      enabled: true,
    });
    expect(reported).toEqual([]);
  });

  it("reads remote storage and the second version of the metadata service", () => {
    const { decoded } = decodeRecorded("dubbo3-instance", "/services/pay-app/10.9.3.1:50051");
    expect(decoded).toMatchObject({
      storage: "remote",
      metadataVersion: "2.0.0",
      metadataService: undefined,
    });
  });

  it("takes the brackets from an IPv6 address", () => {
    const { decoded } = decodeRecorded("dubbo3-ipv6", "/services/v6-app/[fd00:9::1]:20891");
    expect(decoded).toMatchObject({ host: "fd00:9::1", port: 20891 });
  });

  it("reads what dubbo-go leaves out: the class, times and ports of null", () => {
    const metadata = {
      "dubbo.metadata.revision": "3141592653",
      "dubbo.endpoints": '[{"port":20000,"protocol":"tri"}]',
    };
    const { decoded, reported } = decode({
      name: "go-app",
      address: "10.0.0.1",
      port: null,
      payload: { metadata },
    });
    expect(decoded).toMatchObject({
      kind: "dubbo",
      application: "go-app",
      port: 20000,
      revision: "3141592653",
    });
    expect(reported).toEqual([]);
  });

  it("reads an instance of Spring Cloud", () => {
    const { decoded, reported } = decodeRecorded(
      "spring-cloud-zookeeper",
      "/services/catalog/eabe7695-86ee-453c-9698-d0cf14f895ee",
    );
    expect(decoded).toMatchObject({
      kind: "spring",
      name: "catalog",
      host: "192.0.2.2",
      port: 18082,
      sslPort: undefined,
      status: "UP",
      metadata: { version: "1.1", zone: "hz-b" },
      registeredAtMs: 1795356583435,
    });
    expect(reported).toEqual([]);
  });

  it("groups names of Spring Cloud, and keeps slashes inside", () => {
    expect(decode({ ...spring, name: "/Team_A/Shop" }).decoded).toMatchObject({ name: "team-a/shop" });
  });

  it("reads statuses in any case, and switches of Curator", () => {
    const payload = { metadata: { instance_status: "out_of_service" } };
    expect(decode({ ...spring, enabled: false, payload }).decoded)
      .toMatchObject({ status: "OUT_OF_SERVICE", enabled: false });
  });

  it("passes over directories without a word", () => {
    for (const content of ["", "127.0.0.1", "null"]) {
      expect(decode(content)).toEqual({ decoded: undefined, reported: [] });
    }
  });

  it("reads ports as Curator does: texts are numbers, and a negative one is none", () => {
    expect(decode({ ...spring, port: "8080", sslPort: -1 }).decoded).toMatchObject({
      port: 8080,
      sslPort: undefined,
    });
    expect(decode({ ...spring, port: -1, sslPort: " 8443 " }).decoded).toMatchObject({
      port: undefined,
      sslPort: 8443,
    });
    expect(decode({ ...spring, port: "", sslPort: "" }).reported).toEqual([
      { path: expect.any(String), reason: "it has no port" },
    ]);
    expect(decode({ ...spring, port: "http" }).reported).toHaveLength(1);
    expect(decode({ ...spring, enabled: "false", registrationTimeUTC: "1700000000000" }).decoded)
      .toMatchObject({
        enabled: false,
        registeredAtMs: 1_700_000_000_000,
      });
    const endpoints = {
      "dubbo.metadata.revision": "1",
      "dubbo.endpoints": '[{"port":"20880","protocol":"tri"}]',
    };
    expect(decode({ ...spring, port: null, payload: { metadata: endpoints } }).decoded).toMatchObject({
      port: 20880,
    });
  });

  it("reports what should be an instance and isn't", () => {
    const broken = [
      "{",
      { name: "shop" },
      { ...spring, port: null },
      { ...spring, port: 70_000 },
      { ...spring, name: "/" },
      { ...spring, port: 0, payload: { metadata: { "dubbo.metadata.revision": "1" } } },
    ];
    for (const content of broken) {
      const { decoded, reported } = decode(content);
      expect(decoded).toBeUndefined();
      expect(reported).toHaveLength(1);
    }
    const { decoded, reported } = decode({ ...spring, payload: { metadata: { "dubbo.endpoints": "[{}]" } } });
    expect(decoded).toMatchObject({ kind: "dubbo", port: 8080 });
    expect(reported).toHaveLength(1);
  });

  it("takes metadata as texts, whatever client wrote them, and keys of a prototype as any other", () => {
    const { decoded } = decode(
      `{"name":"a","address":"h","port":1,"payload":{"metadata":{"weight":5,"gray":true,"x":null,"constructor":"c"}}}`,
    );
    expect(decoded?.metadata).toEqual({ weight: "5", gray: "true", constructor: "c" });
  });

  it("never throws, and says why it takes no JSON object", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.json().map((json) => `{"name":${json}}`)), (text) => {
        const { decoded, reported } = decode(text);
        if (text.startsWith("{") && decoded === undefined) expect(reported).toHaveLength(1);
      }),
    );
  });

  it("reads back any instance", () => {
    const metadata = fc.dictionary(fc.string(), fc.string()).map((given) => ({ ...given }));
    fc.assert(fc.property(metadata, fc.integer({ min: 1, max: 65_535 }), (given, port) => {
      fc.pre(!Object.keys(given).some((key) => key.startsWith("dubbo.") || key === "__proto__"));
      const { decoded } = decode({ ...spring, port, payload: { "@class": "x.Y", metadata: given } });
      expect(decoded).toMatchObject({ kind: "spring", port });
      expect({ ...decoded?.metadata }).toEqual(given);
    }));
  });
});
