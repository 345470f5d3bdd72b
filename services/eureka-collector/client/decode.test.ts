import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EurekaInstance, InvalidRecord } from "./decode.ts";
import { decodeApplication, decodeFrame } from "./decode.ts";

const good = {
  instanceId: "h1:orders:8080",
  hostName: "h1",
  ipAddr: "10.0.0.1",
  status: "UP",
  port: { "$": 8080, "@enabled": "true" },
  lastUpdatedTimestamp: "1700000000000",
};

const amazon = {
  "@class": "com.netflix.appinfo.AmazonInfo",
  name: "Amazon",
  metadata: { "instance-id": "i-0001", "availability-zone": "us-west-2b" },
};

interface Decoded {
  readonly instances: readonly EurekaInstance[];
  readonly reports: InvalidRecord[];
}

/** Decodes an application of these instances and a good one behind them, which must always be there. */
function decode(...instances: readonly unknown[]): Decoded {
  const reports: InvalidRecord[] = [];
  const neighbour = { ...good, instanceId: "neighbour" };
  const application = decodeApplication(
    { name: "ORDERS", instance: [...instances, neighbour] },
    (record) => reports.push(record),
  );
  expect(application?.name).toBe("ORDERS");
  expect(application?.instances.at(-1)).toMatchObject({ id: "neighbour", port: 8080, defect: undefined });
  return { instances: application?.instances.slice(0, -1) ?? [], reports };
}

function parsed(json: string): unknown {
  return JSON.parse(json);
}

describe("decodeApplication()", () => {
  test("reads an instance", () => {
    expect(decode({ ...good, actionType: "ADDED", metadata: { version: "v1" } })).toEqual({
      instances: [{
        id: "h1:orders:8080",
        status: "UP",
        address: "10.0.0.1",
        port: 8080,
        isPortOn: true,
        securePort: 0,
        zone: "",
        metadata: { version: "v1" },
        lastUpdatedMs: 1_700_000_000_000,
        lastDirtyMs: 0,
        action: "ADDED",
        defect: undefined,
      }],
      reports: [],
    });
  });

  test.each<[what: string, port: unknown, read: number, defect: string | undefined]>([
    ["a number", { "$": 8080, "@enabled": "true" }, 8080, undefined],
    ["a numeric string", { "$": "8080", "@enabled": "true" }, 8080, undefined],
    ["@enabled as a boolean", { "$": 8080, "@enabled": true }, 8080, undefined],
    ["disabled all the same, as slime", { "$": 8080, "@enabled": "false" }, 8080, undefined],
    ["without @enabled", { "$": 8080 }, 8080, undefined],
    ["a bare number", 8080, 8080, undefined],
    ["a bare numeric string", "8080", 8080, undefined],
    ["the last one", 65_535, 65_535, undefined],
    ["missing", undefined, 0, "has no usable port (none)"],
    ["null", null, 0, "has no usable port (none)"],
    ["without a number", { "@enabled": "true" }, 0, "has no usable port (none)"],
    ["0", { "$": 0 }, 0, "has no usable port (0)"],
    ["70000", { "$": 70_000 }, 0, "has no usable port (70000)"],
    ["-1", { "$": -1 }, 0, "has no usable port (-1)"],
    ["a fraction", { "$": 80.5 }, 0, "has no usable port (80.5)"],
    ["hexadecimal", { "$": "0x50" }, 0, 'has no usable port ("0x50")'],
    ["an empty string", { "$": "" }, 0, 'has no usable port ("")'],
    ["a boolean", { "$": true }, 0, "has no usable port (true)"],
    ["a list", [8080], 0, "has no usable port (a list)"],
    ["nested", { "$": { "$": 8080 } }, 0, "has no usable port (an object)"],
    ["endless", { "$": "9".repeat(1000) }, 0, `has no usable port ("${"9".repeat(60)}")`],
  ])("reads a port that is %s", (_what, port, read, defect) => {
    const { instances, reports } = decode({ ...good, port });
    expect(instances).toMatchObject([{ port: read, defect, status: "UP" }]);
    expect(reports).toEqual([]);
  });

  test.each<[what: string, fields: Record<string, unknown>, address: string, defect: string | undefined]>([
    ["its IP", {}, "10.0.0.1", undefined],
    ["a host name in the IP's place", { ipAddr: "h.example" }, "h.example", undefined],
    ["IPv6", { ipAddr: "fe80::1%eth0" }, "fe80::1%eth0", undefined],
    ["the host name if there is no IP", { ipAddr: undefined }, "h1", undefined],
    ["the host name if the IP is empty", { ipAddr: "" }, "h1", undefined],
    ["nothing", { ipAddr: null, hostName: null }, "", 'has no usable address ("")'],
    [
      "a sentence",
      { ipAddr: "not an address" },
      "not an address",
      'has no usable address ("not an address")',
    ],
    ["a novel", { ipAddr: "x".repeat(300) }, "x".repeat(300), `has no usable address ("${"x".repeat(60)}")`],
  ])("takes as address %s", (_what, fields, address, defect) => {
    expect(decode({ ...good, ...fields }).instances).toMatchObject([{ address, defect }]);
  });

  test.each<[what: string, json: string, metadata: Record<string, string>]>([
    ["a map", '{"a":"1"}', { a: "1" }],
    ["null", "null", {}],
    ["a list", '["a"]', {}],
    ["a text", '"a"', {}],
    ["nothing but its Java type", '{"@class":"java.util.Collections$EmptyMap"}', {}],
    ["its Java type and more", '{"@class":"x","a":"1"}', { a: "1" }],
    ["a class", '{"class":"gold"}', { class: "gold" }],
    ["numbers and booleans", '{"a":1,"b":true,"c":1.5}', { a: "1", b: "true", c: "1.5" }],
    ["what is no text", '{"a":null,"b":{"c":"d"},"e":["f"],"g":"h"}', { a: "", g: "h" }],
    ["keys of every object", '{"__proto__":"x","constructor":"y","toString":"z"}', {
      constructor: "y",
      toString: "z",
    }],
  ])("reads metadata: %s", (_what, json, metadata) => {
    const { instances, reports } = decode({ ...good, metadata: parsed(json) });
    expect(Object.entries(instances[0]?.metadata ?? {})).toEqual(Object.entries(metadata));
    expect(reports).toEqual([]);
  });

  test("reads no metadata where there is none", () => {
    expect(decode(good).instances[0]?.metadata).toEqual({});
  });

  test.each<[what: string, fields: Record<string, unknown>, id: string]>([
    ["its id", {}, "h1:orders:8080"],
    ["a number", { instanceId: 7 }, "7"],
    ["what the metadata say", { instanceId: undefined, metadata: { instanceId: "m" } }, "m"],
    ["the host name", { instanceId: null }, "h1"],
    ["the address", { instanceId: "", hostName: undefined }, "10.0.0.1"],
    ["Amazon's id before the host name", { instanceId: undefined, dataCenterInfo: amazon }, "i-0001"],
    ["its own id before Amazon's", { dataCenterInfo: amazon }, "h1:orders:8080"],
    ["no id of another data centre", { instanceId: "", dataCenterInfo: { ...amazon, name: "MyOwn" } }, "h1"],
  ])("identifies an instance by %s", (_what, fields, id) => {
    expect(decode({ ...good, ...fields }).instances).toMatchObject([{ id }]);
  });

  test("tells Amazon's zone", () => {
    expect(decode({ ...good, dataCenterInfo: amazon }).instances).toMatchObject([{ zone: "us-west-2b" }]);
    for (const dataCenterInfo of [null, "Amazon", { name: "Amazon" }, { name: "MyOwn", metadata: {} }]) {
      expect(decode({ ...good, dataCenterInfo }).instances).toMatchObject([{ zone: "" }]);
    }
  });

  test.each<[what: string, port: unknown, securePort: unknown, isPortOn: boolean, secure: number]>([
    ["a secure port that is off", { "$": 80 }, { "$": 443, "@enabled": "false" }, true, 0],
    [
      "a secure port that is on",
      { "$": 80, "@enabled": "false" },
      { "$": 8443, "@enabled": "true" },
      false,
      8443,
    ],
    ["truth values", { "$": 80, "@enabled": false }, { "$": "8443", "@enabled": true }, false, 8443],
    ["capitals", { "$": 80, "@enabled": "False" }, { "$": 8443, "@enabled": "TRUE" }, false, 8443],
    ["numbers alone", 80, 443, true, 0],
    ["a secure port without a number", 80, { "@enabled": "true" }, true, 0],
    ["a negative secure port", 80, { "$": -1, "@enabled": "true" }, true, 0],
  ])("reads %s", (_what, port, securePort, isPortOn, secure) => {
    expect(decode({ ...good, port, securePort }).instances).toMatchObject([{ isPortOn, securePort: secure }]);
  });

  test("names an instance that is listed twice", () => {
    expect(decode(good, { ...good, ipAddr: "10.0.0.9" }).reports).toEqual([
      { path: "ORDERS/h1:orders:8080", reason: "is listed twice; the last one counts" },
    ]);
  });

  test.each<[raw: unknown, status: string]>([
    ["UP", "UP"],
    ["up", "UP"],
    ["Down", "DOWN"],
    ["OUT_OF_SERVICE", "OUT_OF_SERVICE"],
    ["STARTING", "STARTING"],
    ["UNKNOWN", "UNKNOWN"],
    ["BROKEN", "UNKNOWN"],
    [5, "UNKNOWN"],
    [undefined, "UP"],
    [null, "UP"],
  ])("reads the status %j as %s", (raw, status) => {
    expect(decode({ ...good, status: raw }).instances).toMatchObject([{ status }]);
  });

  test.each<[raw: unknown, action: string | undefined]>([
    ["DELETED", "DELETED"],
    ["deleted", "DELETED"],
    [undefined, undefined],
    [null, undefined],
  ])("reads the action %j as %s", (raw, action) => {
    expect(decode({ ...good, actionType: raw }).instances).toMatchObject([{ action }]);
  });

  test.each<[raw: unknown, read: number]>([
    ["1700000000000", 1_700_000_000_000],
    [1_700_000_000_000, 1_700_000_000_000],
    [undefined, 0],
    ["soon", 0],
    ["Infinity", 0],
    [1e300, 0],
  ])("reads the time %j as %d", (raw, read) => {
    const times = { lastUpdatedTimestamp: raw, lastDirtyTimestamp: raw };
    expect(decode({ ...good, ...times }).instances).toMatchObject([{
      lastUpdatedMs: read,
      lastDirtyMs: read,
    }]);
  });

  test("passes over fields it doesn't know", () => {
    expect(decode({ ...good, sid: "na", overriddenstatus: "UNKNOWN", new: { field: [1] } }).instances)
      .toHaveLength(1);
  });

  test.each<[instance: unknown, reason: string]>([
    [null, "is null, not an object"],
    ["x", "is a string, not an object"],
    [5, "is a number, not an object"],
    [[good], "is a list, not an object"],
    [{}, "has nothing to tell it from others"],
  ])("reports the instance %j and keeps its neighbours", (instance, reason) => {
    const { instances, reports } = decode(good, instance);
    expect(instances).toHaveLength(1);
    expect(reports).toEqual([{ path: "ORDERS[1]", reason }]);
  });

  test.each<[what: string, instance: unknown, count: number]>([
    ["a single object", good, 1],
    ["null", null, 0],
    ["nothing", undefined, 0],
    ["an empty list", [], 0],
  ])("takes %s in place of the list of instances", (_what, instance, count) => {
    const reports: InvalidRecord[] = [];
    const application = decodeApplication({ name: "A", instance }, (record) => reports.push(record));
    expect(application?.instances).toHaveLength(count);
    expect(reports).toEqual([]);
  });

  test.each<[application: unknown, reason: string]>([
    [null, "is null, not an object"],
    [5, "is a number, not an object"],
    [{ instance: [good] }, "has no name"],
    [{ name: "", instance: [good] }, "has no name"],
    [{ name: { x: 1 }, instance: [good] }, "has no name"],
  ])("reports the application %j", (application, reason) => {
    const reports: InvalidRecord[] = [];
    expect(decodeApplication(application, (record) => reports.push(record))).toBeUndefined();
    expect(reports).toEqual([{ path: "application", reason }]);
  });

  test("is thrown off by no value", () => {
    const fields = [
      "instanceId",
      "hostName",
      "ipAddr",
      "status",
      "port",
      "securePort",
      "dataCenterInfo",
      "metadata",
      "lastUpdatedTimestamp",
      "actionType",
    ];
    const instance = fc.dictionary(fc.constantFrom(...fields, "$", "@class"), fc.jsonValue());
    fc.assert(fc.property(fc.array(fc.oneof(instance, fc.jsonValue())), (instances) => {
      for (const { id, address, port, metadata, lastUpdatedMs, defect } of decode(...instances).instances) {
        expect(id).not.toBe("");
        expect(Number.isSafeInteger(lastUpdatedMs)).toBe(true);
        for (const value of Object.values(metadata)) expect(typeof value).toBe("string");
        if (defect === undefined) expect(address !== "" && port >= 1 && port <= 65_535).toBe(true);
      }
    }));
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      decodeApplication(value, () => {});
      decodeFrame(value);
    }));
  });

  test("is thrown off by no depth", () => {
    const depth = 100_000;
    const deep = parsed(`${'{"$":['.repeat(depth)}${"]}".repeat(depth)}`);
    expect(decode({ ...good, port: deep, metadata: deep, ipAddr: deep }).instances).toMatchObject([{
      address: "h1",
    }]);
  });
});

describe("decodeFrame()", () => {
  test.each<[frame: unknown, hash: string | undefined]>([
    [{ applications: { apps__hashcode: "UP_1_" } }, "UP_1_"],
    [{ applications: { apps_hashcode: "UP_1_" } }, "UP_1_"],
    [{ applications: { apps__hashcode: "" } }, ""],
    [{ applications: {} }, undefined],
    [{ apps__hashcode: "UP_1_" }, "UP_1_"],
    [{ applications: { apps__hashcode: null } }, undefined],
    [[], undefined],
    [null, undefined],
  ])("reads the hash of %j as %j", (frame, hash) => {
    expect(decodeFrame(frame)).toEqual({ hash });
  });
});
