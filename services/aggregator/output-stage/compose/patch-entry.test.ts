import { describe, expect, test } from "vitest";
import { ResourceCache } from "../../catalogue/cache.ts";
import { http80, resourceOf } from "../../conflicts/conflict-rig.ts";
import type { RigEntry } from "../../conflicts/conflict-rig.ts";
import { patchEntry } from "./patch-entry.ts";

const eureka: RigEntry = { registry: "eureka", endpoints: ["10.0.0.1", "10.0.0.3", "10.0.0.5"] };
const nacos: RigEntry = { registry: "nacos", endpoints: ["10.0.0.2", "10.0.0.4"] };

/** What is served of entries with one host. */
function composed(...entries: readonly RigEntry[]) {
  const cache = new ResourceCache();
  for (const entry of entries) cache.put("ServiceEntry", resourceOf(entry));
  const [resource] = cache.snapshot("ServiceEntry").resources;
  if (resource === undefined) throw new Error("nothing is served");
  return resource;
}

/** The entry of Eureka and Nacos, patched with another entry of Eureka. */
function patched(after: RigEntry, before = eureka) {
  const { framed, endpoints } = composed(before, nacos);
  const cursor = "s-000002";
  return patchEntry({
    composed: framed,
    endpoints,
    before: resourceOf(before).framed,
    after: resourceOf(after).framed,
    source: "eureka",
    cursor,
  });
}

describe("a patched entry", () => {
  const changes: readonly (readonly string[])[] = [
    ["10.0.0.1", "10.0.0.3"],
    ["10.0.0.3", "10.0.0.5"],
    ["10.0.0.0", "10.0.0.1", "10.0.0.3", "10.0.0.5"],
    ["10.0.0.1", "10.0.0.3", "10.0.0.5", "10.0.0.6"],
    ["10.0.0.6"],
    ["10.0.0.1", "10.0.0.30", "10.0.0.5"],
    ["10.0.0.1", "10.0.0.3", "10.0.0.5"],
  ];
  for (const endpoints of changes) {
    test(`is the one that is composed anew: ${endpoints.join(" ")}`, () => {
      const after = { ...eureka, endpoints, sequence: 2 };
      const { framed, version, endpoints: count } = composed(after, nacos);
      expect(patched(after)).toEqual({ framed, version, endpoints: count });
    });
  }

  test("has the ports of all, also if those of the changed one are fewer", () => {
    const before = { ...eureka, ports: [{ number: 81, protocol: "HTTP", name: "http-80" }] };
    const after = { ...before, endpoints: ["10.0.0.1", "10.0.0.7"], sequence: 2 };
    expect(patched(after, before)?.framed).toEqual(composed(after, nacos).framed);
  });

  test("is not tried where an endpoint may be that of two, or more than endpoints has changed", () => {
    expect(patched({ ...eureka, endpoints: ["10.0.0.1", "10.0.0.2"] })).toBeUndefined();
    const twice = [8080, 9090].map((port) => ({ address: "10.0.0.9", ports: { "http-80": port } }));
    expect(patched({ ...eureka, endpoints: ["10.0.0.1", ...twice] })).toBeUndefined();
    expect(patched({ ...eureka, endpoints: [] })).toBeUndefined();
    expect(patched({ ...eureka, ports: [{ ...http80, name: "web" }] })).toBeUndefined();
    expect(patched({ ...eureka, labels: { team: "a" } })).toBeUndefined();
    expect(patched({ ...eureka, createdAt: "2026-01-02T00:00:00.000Z" })).toBeUndefined();
    expect(patched({ ...eureka, spec: { exportTo: ["."] } })).toBeUndefined();
  });
});
