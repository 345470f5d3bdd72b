import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SyncGate } from "./sync-gate.ts";

const eureka = { registry: "eureka", source: "default", waitTimeMs: 0 };
const nacos = { registry: "nacos", source: "default", waitTimeMs: 5_000 };

describe("SyncGate", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("opens when the log is read and every source is synced, in any order", () => {
    const gate = new SyncGate([eureka, nacos]);
    gate.markSynced("nacos", "default");
    gate.markCaughtUp();
    expect(gate.open).toBe(false);
    gate.markSynced("eureka", "default");
    expect(gate.open).toBe(true);
    gate[Symbol.dispose]();
  });

  test("waits for a source with a WaitTime only that long, and for others without limit", () => {
    const gate = new SyncGate([eureka, nacos]);
    gate.markCaughtUp();
    vi.advanceTimersByTime(5_000);
    expect(Object.fromEntries(gate.states)).toEqual({ eureka: "waiting", nacos: "timed-out" });
    vi.advanceTimersByTime(1_000_000);
    expect(gate.open).toBe(false);
    gate.markSynced("eureka", "default");
    expect(gate.open).toBe(true);
    gate.markSynced("nacos", "default");
    expect(gate.states.get("nacos")).toBe("synced");
  });

  test("opens at once without sources, after the log is read", () => {
    const gate = new SyncGate([]);
    expect(gate.open).toBe(false);
    gate.markCaughtUp();
    expect(gate.open).toBe(true);
  });

  test("tells once when a source is ready, late or not, and when all are", () => {
    const ready: string[] = [];
    const gate = new SyncGate([eureka, nacos], (what) => ready.push(what));
    gate.markSynced("eureka", "default");
    gate.markSynced("eureka", "default");
    gate.markCaughtUp();
    expect(ready).toEqual(["eureka"]);
    vi.advanceTimersByTime(5_000);
    gate.markSynced("nacos", "default");
    gate.openForState();
    expect(ready).toEqual(["eureka", "nacos", "sources"]);
  });

  test("ignores sources that aren't configured", () => {
    const gate = new SyncGate([eureka]);
    gate.markSynced("zookeeper", "default");
    expect([...gate.states.keys()]).toEqual(["eureka"]);
  });
});
