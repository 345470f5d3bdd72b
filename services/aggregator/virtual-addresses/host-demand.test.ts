import { expect, test } from "vitest";
import { HostDemand } from "./host-demand.ts";

test("a host is in use until as many entries have released it as retained it", () => {
  const demand = new HostDemand();
  expect(demand.retain("a.b")).toBe(true);
  expect(demand.retain("a.b")).toBe(false);
  demand.release("a.b");
  expect(demand.isUsed("a.b")).toBe(true);
  demand.release("a.b");
  expect(demand.isUsed("a.b")).toBe(false);
  expect(demand.retain("a.b")).toBe(true);
});

test("hosts that need a claim are handed out once, and wait until they are satisfied", () => {
  const demand = new HostDemand();
  demand.retain("a.b");
  demand.want("a.b");
  expect(demand.takeUnreserved()).toEqual(["a.b"]);
  expect(demand.takeUnreserved()).toEqual([]);
  expect([...demand.wanted]).toEqual(["a.b"]);
  demand.satisfy("a.b");
  expect(demand.wanted.size).toBe(0);
});

test("a host that nobody uses any more needs nothing, and isn't tried again", () => {
  const demand = new HostDemand();
  demand.retain("a.b");
  demand.want("a.b");
  demand.release("a.b");
  demand.retry("a.b");
  expect(demand.wanted.size).toBe(0);
  expect(demand.takeUnreserved()).toEqual([]);
});

test("a host that went without is tried again without being waited for", () => {
  const demand = new HostDemand();
  demand.retain("a.b");
  demand.retry("a.b");
  expect(demand.wanted.size).toBe(0);
  expect(demand.takeUnreserved()).toEqual(["a.b"]);
});
