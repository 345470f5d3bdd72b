import { pino } from "pino";
import { expect, test } from "vitest";
import { resourceOf } from "./conflict-rig.ts";
import { ConflictLog } from "./conflict-log.ts";
import type { Contest } from "./settlement.ts";

const claimants = [resourceOf({ registry: "eureka" }), resourceOf({ registry: "zookeeper", name: "x" })];

const contestOf = (host: string, change: Partial<Contest> = {}): Contest => ({
  host,
  mode: "merge",
  outcome: "merged",
  claimants,
  leftOut: [],
  ...change,
});

function logged(report: (log: ConflictLog) => void): readonly string[] {
  const lines: string[] = [];
  const log = new ConflictLog(
    pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line).msg) }),
  );
  report(log);
  log[Symbol.dispose]();
  return lines;
}

test("a host is logged once, however often it comes to be claimed by several", () => {
  const lines = logged((log) => {
    for (let change = 0; change < 1000; change++) log.report(contestOf("orders.shop"));
  });
  expect(lines).toEqual([
    "orders.shop stands in eureka, zookeeper: clients get one entry, eureka/orders, with the endpoints of all; " +
    "/meshregistry/conflicts?host=orders.shop shows its endpoints by source",
  ]);
});

test("what can't be merged is named with its reason", () => {
  const [resource] = claimants.slice(1);
  if (resource === undefined) throw new Error("no claimant");
  const leftOut = [{ resource, reason: "has TCP on port 80, not HTTP" }];
  const [line] = logged((log) => log.report(contestOf("orders.shop", { outcome: "unmergeable", leftOut })));
  expect(line).toContain("can't be merged (that of zookeeper has TCP on port 80, not HTTP)");
});

test("thousands at once, as at a start, are a line", () => {
  const lines = logged((log) => {
    for (let host = 0; host < 5000; host++) log.report(contestOf(`h${host}.shop`));
  });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("5000 hosts stand in several sources");
});
