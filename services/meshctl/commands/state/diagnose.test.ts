import { describe, expect, test } from "vitest";
import type { Source, Sources } from "./answers.ts";
import { diagnose } from "./diagnose.ts";

const source: Source = {
  registry: "eureka",
  source: "default",
  remark: null,
  state: "synced",
  resources: 12,
  unconfirmed: 0,
  held: 0,
  unsettled: [],
  collectors: [{ member: "one", status: "live", error: null, held: 0 }],
};

const sourcesWith = (change: Partial<Source>, more: Partial<Sources> = {}): Sources => ({
  open: true,
  entryLog: { connected: true, detail: "NATS", read: true },
  servedStateOf: null,
  sources: { eureka: { ...source, ...change } },
  ...more,
});

const client = { id: "istiod-1", address: "10.0.0.1:5", dialect: "sotw", connectedAt: "" };

/** What is no good, as `verdict: text`. */
const ills = (facts: Parameters<typeof diagnose>[0]) =>
  diagnose(facts).filter(({ verdict }) => verdict !== "ok").map(({ verdict, what }) => `${verdict}: ${what}`);

describe("diagnose()", () => {
  test("finds nothing where nothing is wrong", () => {
    const clients = [{ ...client, types: [{ typeUrl: "a", refusedNow: [] }] }];
    expect(ills({
      config: { errors: [], warnings: [] },
      sources: sourcesWith({}),
      clients,
      configSources: ["xds://meshregistry:16010", "k8s://"],
    })).toEqual([]);
  });

  test.each([
    [{ state: "waiting" }, "problem: eureka: waiting"],
    [{ collectors: [] }, "problem: eureka: no collector is alive"],
    [
      { collectors: [{ member: "one", status: "live", error: "refused", held: 0 }] },
      "problem: eureka: one can't read its registry: refused",
    ],
    [
      { collectors: [{ member: "one", status: "live", error: null, held: 0, unpublished: "no room" }] },
      "problem: eureka: nothing that one publishes is stored: no room",
    ],
    [{ held: 3 }, "warning: eureka: the guard holds 3 losses"],
    [{ unconfirmed: 2 }, "warning: eureka: 2 resources are served that the entry log doesn't show yet"],
    [{ remark: "odd" }, "warning: eureka: odd"],
  ])("a source: %j", (change, ill) => {
    expect(ills({ sources: sourcesWith(change) })).toEqual([ill]);
  });

  test("names an entry log that can't be reached, and a state from disk", () => {
    const entryLog = { connected: false, detail: "nats://n: refused", read: false };
    expect(ills({ sources: sourcesWith({}, { entryLog, servedStateOf: "2026-01-01" }) })).toEqual([
      "problem: the entry log can't be reached: nats://n: refused",
      "warning: the state of 2026-01-01 is served, from disk",
    ]);
  });

  test("names an entry log that stores nothing", () => {
    const entryLog = { connected: true, detail: "NATS", read: true, unstored: "no room for new messages: x" };
    expect(ills({ sources: sourcesWith({}, { entryLog }) })).toEqual([
      "problem: nothing can be stored: no room for new messages: x",
    ]);
  });

  test("names what the entry log's stream is warned of", () => {
    const entryLog = { connected: true, detail: "NATS", read: true, warnings: ["its max_age is 3 s"] };
    expect(ills({ sources: sourcesWith({}, { entryLog }) })).toEqual([
      "warning: the entry log: its max_age is 3 s",
    ]);
  });

  test("names what istiod lacks, above all the forgotten k8s://", () => {
    expect(ills({ configSources: ["xds://meshregistry:16010"] })).toEqual([
      expect.stringContaining("configSources lack k8s://"),
    ]);
    expect(ills({ configSources: ["k8s://"] })).toEqual(["problem: istiod has no xds:// source"]);
    expect(ills({ clients: [] })).toEqual(["warning: no istiod is connected"]);
    const clients = [{ ...client, types: [{ typeUrl: "a", refusedNow: ["x"] }] }];
    expect(ills({ clients })).toEqual(["problem: 1 of 1 clients refuse resources"]);
  });

  test("says of each ill what to do next", () => {
    const found = diagnose({
      config: { errors: ["f.yaml:1:2: x"], warnings: ["f.yaml:3:4: y"] },
      unreachable: "http://a can't be reached",
      sources: sourcesWith({ state: "not configured", held: 1, collectors: [] }, { open: false }),
      rejected: 1,
      unmergeable: 2,
      clients: [],
      configSources: [],
    });
    for (const { verdict, next } of found) expect(next === "").toBe(verdict === "ok");
    expect(found.filter(({ verdict }) => verdict !== "ok")).toHaveLength(10);
  });
});
