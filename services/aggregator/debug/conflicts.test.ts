import { expect, test } from "vitest";
import { ResourceCache } from "../catalogue/cache.ts";
import { resourceOf, subjectOf } from "../conflicts/conflict-rig.ts";
import type { RigEntry } from "../conflicts/conflict-rig.ts";
import { conflictOf, conflictsPage } from "./conflicts.ts";

const eureka: RigEntry = { registry: "eureka", endpoints: ["10.0.0.1"] };
const zookeeper: RigEntry = { registry: "zookeeper", source: "east", endpoints: ["10.0.0.2"] };
const alone: RigEntry = { registry: "nacos", hosts: ["alone.shop"] };

function options() {
  const cache = new ResourceCache();
  for (const entry of [zookeeper, eureka, alone]) cache.put("ServiceEntry", resourceOf(entry));
  const held = new Map([[subjectOf(zookeeper), { why: "held", sinceMs: 0 } as const]]);
  const none = new Map<string, never>();
  const ingest = { doubtsOf: ({ registry }: { registry: string }) => registry === "zookeeper" ? held : none };
  return { cache, ingest };
}

test("the page lists hosts with their sources, what is served and why", () => {
  expect(conflictsPage(options())).toEqual({
    counts: { merged: 1, unmergeable: 0, preferred: 0, separate: 0 },
    hosts: {
      "orders.shop": {
        mode: "merge",
        outcome: "merged",
        why: "clients get one entry, eureka/orders, with the endpoints of all",
        claimedBy: [
          { source: "eureka", name: "eureka/orders", endpoints: 1, inDoubt: null, leftOut: null },
          {
            source: "zookeeper/east",
            name: "zookeeper/orders",
            endpoints: 1,
            inDoubt: "held",
            leftOut: null,
          },
        ],
        served: [{ name: "eureka/orders", endpoints: 2 }],
      },
    },
  });
});

test("one host is shown with its endpoints by source, in any case", () => {
  expect(conflictOf("Orders.Shop", options())).toMatchObject({
    outcome: "merged",
    claimedBy: [
      { source: "eureka", endpoints: ["10.0.0.1:8080"] },
      { source: "zookeeper/east", endpoints: ["10.0.0.2:8080"] },
    ],
    served: [{ name: "eureka/orders", endpoints: ["10.0.0.1:8080", "10.0.0.2:8080"] }],
  });
});

test("a host of one entry is no conflict, and an unknown one is nothing", () => {
  expect(conflictOf("alone.shop", options())).toMatchObject({
    outcome: null,
    claimedBy: [{ source: "nacos" }],
    served: [{ name: "nacos/orders" }],
  });
  expect(conflictOf("unknown.shop", options())).toBeUndefined();
});
