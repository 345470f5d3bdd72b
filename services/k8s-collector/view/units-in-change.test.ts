import { describe, expect, test } from "vitest";
import type { KubernetesService, KubernetesSlice } from "../client/objects.ts";
import { UnitsInChange } from "./units-in-change.ts";
import type { UnitState } from "./units-in-change.ts";

function service(...ports: readonly string[]): KubernetesService {
  return {
    namespace: "ns",
    name: "a",
    createdAt: "",
    labels: {},
    annotations: { exportTo: "", trafficDistribution: "", accounts: "", canonicalAccounts: "" },
    externalName: undefined,
    clusterIps: [],
    ipFamilies: [],
    ports: ports.map((name, index) => (
      { name, number: 80 + index, protocol: "TCP", appProtocol: undefined, targetPort: undefined }
    )),
    trafficDistribution: "",
  };
}

function slice(ports: readonly string[], endpoints = 1): KubernetesSlice {
  return {
    namespace: "ns",
    name: ports.join("-"),
    service: "a",
    family: "IPv4",
    ports: ports.map((name) => ({ name, number: 8080 })),
    endpoints: Array.from({ length: endpoints }, (_, index) => (
      { address: `10.0.0.${index}`, state: "ready", node: "", zone: "", pod: "" }
    )),
  };
}

/** Applies states one after the other, a second apart, and returns which one counts after each. */
function counting(...states: readonly UnitState[]): number[] {
  const units = new UnitsInChange();
  let before: UnitState = { service: undefined, slices: [] };
  return states.map((now, index) => {
    units.stopWaiting(index * 1_000);
    units.changed("ns/a", before, now, index * 1_000);
    before = now;
    const counts = units.before("ns/a");
    return counts === undefined ? index : states.findIndex((state) => state.service === counts.service);
  });
}

describe("UnitsInChange", () => {
  const [http, web] = [service("http"), service("web")];
  const old = { service: http, slices: [slice(["http"])] };

  test("keeps what was before while a Service's slices don't follow, and not too long", () => {
    const half = { service: web, slices: old.slices };
    expect(counting(old, half, { service: web, slices: [slice(["http"]), slice(["web"])] })).toEqual([
      0,
      0,
      2,
    ]);
    expect(counting(old, half, half, { ...half, slices: [slice(["http"], 2)] })).toEqual([0, 0, 0, 3]);
  });

  test("also where slices are heard of first", () => {
    expect(
      counting(old, { service: http, slices: [slice(["web"])] }, { service: web, slices: [slice(["web"])] }),
    )
      .toEqual([0, 0, 2]);
  });

  test("waits for nothing where endpoints come and go, or the Service goes", () => {
    const states = [
      { service: http, slices: [] },
      old,
      { service: http, slices: [slice(["http"], 0)] },
      { service: http, slices: [slice([], 0)] },
      old,
      { service: undefined, slices: old.slices },
    ];
    const units = new UnitsInChange();
    states.forEach((now, index) => {
      units.changed("ns/a", states[index - 1] ?? { service: undefined, slices: [] }, now, 0);
      expect(units.before("ns/a")).toBeUndefined();
    });
  });

  test("takes a Service as it is whose slices never had its ports", () => {
    const never = { service: web, slices: [slice(["http"])] };
    expect(counting(never, { service: web, slices: [slice(["http"], 2)] })).toEqual([0, 1]);
    const units = new UnitsInChange();
    units.changed("ns/a", never, { service: web, slices: [slice(["http"], 2)] }, 0);
    expect([units.before("ns/a"), units.waitsUntilMs]).toEqual([undefined, undefined]);
  });
});
