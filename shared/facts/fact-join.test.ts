import { describe, expect, it } from "vitest";
import { FactJoin } from "./fact-join.ts";
import { FactsIndex } from "./facts-index.ts";

function rig(latePodMs = 1000) {
  const index = new FactsIndex("home");
  const facts = {
    isReady: true,
    of: (address: string) => index.of(address),
    isAmongPods: (address: string) => index.isAmongPods(address),
  };
  const join = new FactJoin(facts, latePodMs);
  const setPod = (ip: string) =>
    index.setPod("home", "shop", ip, { ips: [ip], node: "", account: "", labels: {}, created: 0 });
  const convert = (unit: string, ...addresses: readonly string[]) => {
    const lookup = join.lookupFor(unit);
    for (const address of addresses) lookup(address);
  };
  return { join, setPod, convert };
}

describe("FactJoin", () => {
  it("names the units that hold an address, as of their last conversion", () => {
    const { join, convert } = rig();
    convert("orders", "10.0.0.1", "10.0.0.2");
    convert("stock", "10.0.0.2");
    expect([...join.unitsWith(["10.0.0.2"])]).toEqual(["orders", "stock"]);
    convert("orders", "10.0.0.1");
    expect([...join.unitsWith(["10.0.0.2"])]).toEqual(["stock"]);
    expect([...join.unitsWith(["10.0.0.3"])]).toEqual([]);
  });

  it("lets a unit wait for a pod that is late, and not for an address where no pods are", () => {
    const { join, setPod, convert } = rig();
    setPod("10.0.0.1");
    convert("orders", "10.0.0.1", "10.0.0.2");
    convert("machines", "192.168.0.7");
    expect([join.waitMs("orders", 0), join.waitMs("machines", 0)]).toEqual([1000, 0]);
    expect(join.waitMs("orders", 400)).toBe(600);
    setPod("10.0.0.2");
    expect(join.waitMs("orders", 500)).toBe(0);
  });

  it("lets a unit wait once, and no longer than the limit, however many pods are late", () => {
    const { join, setPod, convert } = rig();
    setPod("10.0.0.1");
    convert("orders", "10.0.0.2");
    expect(join.waitMs("orders", 0)).toBe(1000);
    convert("orders", "10.0.0.2", "10.0.0.3");
    expect(join.waitMs("orders", 900)).toBe(100);
    expect(join.waitMs("orders", 1000)).toBe(0);
    join.published("orders");
    convert("orders", "10.0.0.2", "10.0.0.3");
    expect(join.waitMs("orders", 1001)).toBe(0);
    convert("orders", "10.0.0.4");
    expect(join.waitMs("orders", 2000)).toBe(1000);
  });

  it("waits for none of the pods that were missing when everything was published", () => {
    const { join, setPod, convert } = rig();
    setPod("10.0.0.1");
    convert("orders", "10.0.0.2");
    join.allPublished();
    convert("orders", "10.0.0.2");
    expect(join.waitMs("orders", 0)).toBe(0);
  });

  it("doesn't wait if it is told not to", () => {
    const { join, setPod, convert } = rig(0);
    setPod("10.0.0.1");
    convert("orders", "10.0.0.2");
    expect(join.waitMs("orders", 0)).toBe(0);
  });
});
