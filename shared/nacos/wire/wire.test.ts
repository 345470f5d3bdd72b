import fc from "fast-check";
import { expect, test } from "vitest";
import { NacosError } from "../nacos-error.ts";
import { decodeMessage, encodeMessage } from "./payload.ts";
import { decodeInstances, decodeServiceInfo, sameInstances } from "./service-info.ts";
import { namespaceId, parseServiceKey, parseWatchKey, serviceKey, watchKey } from "./service-key.ts";

test("a message comes out as it went in", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.dictionary(fc.string(), fc.string()),
      fc.string(),
      (type, body, headers, clientIp) => {
        const decoded = decodeMessage(encodeMessage({ type, body, headers, clientIp }));
        expect(decoded.type).toBe(type);
        expect(decoded.clientIp).toBe(clientIp);
        expect(JSON.stringify(decoded.body)).toBe(JSON.stringify(body));
        expect({ ...decoded.headers }).toEqual({ ...headers });
      },
    ),
  );
});

test("any bytes are a message or an error of ours", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    try {
      decodeMessage(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(NacosError);
    }
  }));
});

test("any list of instances is read, or its parts are named", () => {
  fc.assert(fc.property(fc.array(fc.jsonValue()), (hosts) => {
    const { instances, invalid } = decodeInstances(hosts);
    expect(instances.length + invalid.length).toBeLessThanOrEqual(hosts.length);
  }));
});

test.each([
  ["ports that are none", { port: 0 }, { port: 0 }],
  ["ports that are none", { port: 70_000 }, { port: 70_000 }],
  ["a port in a text", { port: "7001" }, { port: 7001 }],
  ["a host name", { ip: " db.example " }, { ip: "db.example" }],
  ["an IPv6 address", { ip: "fd00::1" }, { ip: "fd00::1" }],
  ["no weight", {}, { weight: 1 }],
  ["weight 0", { weight: 0 }, { weight: 0 }],
  ["a weight that is no number", { weight: "NaN" }, { weight: Number.NaN }],
  ["a weight without end", { weight: "Infinity" }, { weight: Number.NaN }],
  ["no cluster", { clusterName: null }, { cluster: "DEFAULT" }],
  ["1.x' name for healthy", { valid: false }, { healthy: false }],
  ["flags that are texts", { enabled: "false", ephemeral: "false" }, { enabled: false, ephemeral: false }],
  ["no metadata", { metadata: null }, { metadata: {} }],
  ["metadata that are no texts", { metadata: { a: 1, b: true, c: null, d: { e: 1 } } }, {
    metadata: { a: "1", b: "true", d: '{"e":1}' },
  }],
  ["no id", { instanceId: 7 }, { instanceId: undefined }],
])("reads %s", (_, host, expected) => {
  const { instances, invalid } = decodeInstances([{ ip: "10.0.0.1", port: 80, ...host }]);
  expect(invalid).toEqual([]);
  expect(instances).toMatchObject([expected]);
});

test("keeps a metadata key that objects of JavaScript have by themselves", () => {
  const host: unknown = JSON.parse(
    '{"ip": "10.0.0.1", "port": 80, "metadata": {"__proto__": "x", "constructor": "y"}}',
  );
  const [instance] = decodeInstances([host]).instances;
  expect(Object.entries(instance?.metadata ?? {})).toEqual([["__proto__", "x"], ["constructor", "y"]]);
});

test("has an instance in each cluster, and of several entries for one the last", () => {
  const { instances } = decodeInstances([
    { ip: "10.0.0.2", port: 80, clusterName: "b" },
    { ip: "10.0.0.2", port: 80, clusterName: "a" },
    { ip: "10.0.0.2", port: 79 },
    { ip: "10.0.0.1", port: 90, weight: 1 },
    { ip: "10.0.0.1", port: 90, weight: 2 },
  ]);
  expect(instances.map(({ ip, port, cluster, weight }) => [ip, port, cluster, weight])).toEqual([
    ["10.0.0.1", 90, "DEFAULT", 2],
    ["10.0.0.2", 79, "DEFAULT", 1],
    ["10.0.0.2", 80, "a", 1],
    ["10.0.0.2", 80, "b", 1],
  ]);
});

test("compares instances by what they say, whatever the order of their metadata, and not by their ids", () => {
  const one = (fields: object) => decodeInstances([{ ip: "10.0.0.1", port: 80, ...fields }]).instances;
  const same = (a: object, b: object) => sameInstances(one(a), one(b));
  expect(same({ metadata: { a: "1", b: "2" }, instanceId: "x" }, { metadata: { b: "2", a: "1" } })).toBe(
    true,
  );
  expect(same({ weight: "NaN" }, { weight: "NaN" })).toBe(true);
  expect(same({ metadata: { a: "1" } }, { metadata: { b: "1" } })).toBe(false);
  for (
    const field of [{ weight: 2 }, { healthy: false }, { enabled: false }, { ephemeral: false }, {
      clusterName: "x",
    }]
  ) expect(same({}, field)).toBe(false);
  expect(sameInstances(one({}), [])).toBe(false);
});

test.each([
  [undefined, "no object"],
  [{ hosts: [] }, "without a name"],
  [{ name: "a" }, "without a list of instances"],
  [{ name: "a", hosts: null }, "without a list of instances"],
])("refuses a service that is %j", (value, text) => {
  expect(() => decodeServiceInfo(value)).toThrow(text);
});

test("keys name group and service, and nothing is lost", () => {
  expect(parseServiceKey("g@@a:b@@c")).toEqual({ group: "g", name: "a:b@@c" });
  expect(parseServiceKey("a:b")).toEqual({ group: "DEFAULT_GROUP", name: "a:b" });
  const part = fc.string({ minLength: 1 }).filter((text) => !text.includes("@"));
  fc.assert(fc.property(part, part, part, (namespace, group, name) => {
    expect(parseServiceKey(serviceKey({ group, name }))).toEqual({ group, name });
    expect(parseWatchKey(watchKey(namespace, { group, name }))).toEqual({
      namespace,
      service: { group, name },
    });
  }));
  expect(parseWatchKey("a@@b")).toBeUndefined();
  expect([namespaceId(""), namespaceId("public"), namespaceId("dev")]).toEqual(["public", "public", "dev"]);
});
