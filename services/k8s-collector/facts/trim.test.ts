import { describe, expect, it } from "vitest";
import { trimPod } from "./trim.ts";

const received = (json: Readonly<Record<string, unknown>>) =>
  trimPod({ namespace: "shop", name: "a", uid: "", resourceVersion: "1", json });

const metadata = { labels: { app: "a" }, creationTimestamp: "2026-01-01T00:00:00Z" };
const status = { phase: "Running", podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }] };
const fact = {
  ips: ["10.0.0.1", "fd00::1"],
  node: "n1",
  account: "shop",
  labels: { app: "a" },
  created: Date.UTC(2026, 0, 1) / 1000,
};
const spec = { nodeName: "n1", serviceAccountName: "shop" };

describe("trimPod", () => {
  it("keeps what is known of the pod at an address", () => {
    expect(received({ metadata, spec, status })).toEqual(fact);
    expect(received({ metadata: { ...metadata, deletionTimestamp: "2026-01-02T00:00:00Z" }, spec, status }))
      .toEqual({ ...fact, ending: true });
  });

  it.each([
    ["an address in one field only", { metadata: {}, status: { podIP: "10.0.0.1" } }, ["10.0.0.1"]],
    ["nulls", { metadata: { labels: null }, spec: null, status: { podIP: "10.0.0.1", podIPs: null } }, [
      "10.0.0.1",
    ]],
    ["an address without a value", { metadata: {}, status: { podIP: "10.0.0.1", podIPs: [{}] } }, [
      "10.0.0.1",
    ]],
    ["no status", { metadata, spec }, undefined],
    ["an end", { metadata, spec, status: { ...status, phase: "Failed" } }, undefined],
    ["the address of its node", { metadata, spec: { hostNetwork: true }, status }, undefined],
  ])("takes %s for what it is", (_what, json, ips) => {
    expect(received(json)?.ips).toEqual(ips);
  });

  it.each([
    [{ metadata: { labels: { app: 1 } }, status }],
    [{ metadata, spec: "none", status }],
    [{ metadata, spec: { hostNetwork: "yes" }, status }],
    [{ metadata, spec, status: { podIPs: [null] } }],
    [{ metadata, spec, status: { podIPs: ["10.0.0.1"] } }],
    [{ metadata, spec, status: { podIPs: {} } }],
  ])("refuses %j with the field at fault", (json) => {
    expect(() => received(json)).toThrow(/path|metadata|spec|status/);
  });
});
