import { describe, expect, test } from "vitest";
import { leaseDurationMs } from "../model/collector-lease.ts";
import type { CollectorLease, ViewState } from "../model/collector-lease.ts";
import { Membership } from "./membership.ts";
import type { PublishedTerm } from "./published-state.ts";

function lease(member: string, state: ViewState = "ready"): CollectorLease {
  return {
    registry: "zookeeper",
    source: "default",
    member,
    version: "1",
    startedAt: "2026-01-01T00:00:00Z",
    state,
    lastReadAt: null,
    error: null,
    failingSince: null,
    settledTerm: "",
    published: 0,
    held: 0,
  };
}

function term(...members: string[]): PublishedTerm {
  return { id: members.join(), number: 1, members, sequence: 7 };
}

/** The membership that `self` sees, with the leases of others given as their last signs of life. */
class Bench {
  readonly membership: Membership;
  readonly #self: string;

  constructor(self: string) {
    this.#self = self;
    this.membership = new Membership(self);
  }

  /** Lets everybody named renew at a time; the first one is `self`. */
  renew(atMs: number, others: readonly string[], own: ViewState = "ready"): void {
    this.membership.renewed(atMs);
    this.membership.seen(lease(this.#self, own), atMs);
    for (const other of others) this.membership.seen(lease(other), atMs);
  }
}

describe("Membership", () => {
  test("a replica that is alone takes everything at once", () => {
    const { membership } = new Bench("a");
    membership.renewed(0);
    membership.seen(lease("a"), 0);
    expect(membership.next(0, undefined)).toEqual({ type: "write", members: ["a"] });
    expect(membership.next(0, term("a")).type).toBe("wait");
  });

  test("a replica that has not read its registry takes nothing", () => {
    const bench = new Bench("a");
    bench.renew(0, [], "reading");
    expect(bench.membership.next(0, undefined).type).toBe("wait");
    bench.renew(0, ["b"], "reading");
    expect(bench.membership.next(0, term("b")).type).toBe("wait");
  });

  test("the first by name writes the term, after those that join have had a moment", () => {
    const [a, b] = [new Bench("a"), new Bench("b")];
    a.renew(0, ["b"]);
    b.renew(0, ["a"]);
    expect(a.membership.next(0, term("a"))).toEqual({ type: "wait", ms: 500 });
    expect(a.membership.next(500, term("a"))).toEqual({ type: "write", members: ["a", "b"] });
    expect(b.membership.next(500, term("a")).type).toBe("wait");
  });

  test("the next by name writes the term if the first lives and doesn't", () => {
    const c = new Bench("c");
    c.renew(0, ["a", "b"]);
    expect(c.membership.next(0, term("b", "c")).type).toBe("wait");
    c.renew(5_600, ["a", "b"]);
    expect(c.membership.next(5_600, term("b", "c")).type).toBe("wait");
    c.renew(10_500, ["a", "b"]);
    expect(c.membership.next(10_500, term("b", "c"))).toEqual({ type: "write", members: ["a", "b", "c"] });
    // A term that another one wrote gives everybody before it a new chance.
    const written = { ...term("a", "b"), sequence: 8 };
    expect(c.membership.next(10_500, written).type).toBe("wait");
  });

  test("a lease that isn't renewed ends, and what it had is taken over at once", () => {
    const bench = new Bench("b");
    bench.renew(0, ["a"]);
    const both = term("a", "b");
    for (let atMs = 1000; atMs <= 3000; atMs += 1000) bench.renew(atMs, []);
    expect(bench.membership.next(3000, both).type).toBe("wait");
    bench.renew(leaseDurationMs + 1, []);
    expect(bench.membership.next(leaseDurationMs + 1, both)).toEqual({ type: "write", members: ["b"] });
  });

  test("a lease that is given back ends at once", () => {
    const bench = new Bench("b");
    bench.renew(0, ["a"]);
    bench.membership.left("a");
    expect(bench.membership.next(1, term("a", "b"))).toEqual({ type: "write", members: ["b"] });
  });

  test("nobody is counted out by a replica that was cut off itself", () => {
    const bench = new Bench("b");
    bench.renew(0, ["a"]);
    const both = term("a", "b");
    // Neither could renew for a minute; this one is back first.
    bench.membership.renewed(60_000);
    bench.membership.seen(lease("b"), 60_000);
    expect(bench.membership.next(60_000, both).type).toBe("wait");
    bench.membership.seen(lease("a"), 60_900);
    bench.renew(61_000, []);
    expect(bench.membership.next(61_000, both).type).toBe("wait");
  });

  test("a replica whose own lease has run out writes nothing", () => {
    const bench = new Bench("a");
    bench.renew(0, []);
    expect(bench.membership.next(leaseDurationMs + 1, undefined).type).toBe("wait");
  });

  test("a replica that has lost its registry keeps its share for a moment, then gives it up", () => {
    const bench = new Bench("b");
    const both = term("a", "b");
    bench.renew(0, ["a"]);
    bench.membership.seen(lease("a", "stale"), 100);
    expect(bench.membership.next(200, both).type).toBe("wait");
    for (let atMs = 1000; atMs <= 3000; atMs += 1000) {
      bench.renew(atMs, []);
      bench.membership.seen(lease("a", "stale"), atMs);
    }
    expect(bench.membership.next(3000, both).type).toBe("wait");
    expect(bench.membership.next(3101, both)).toEqual({ type: "write", members: ["b"] });
    // Back again, it is asked for no patience that it has used up.
    bench.membership.seen(lease("a"), 3200);
    expect(bench.membership.next(3200, term("b")).type).toBe("wait");
    bench.renew(3700, ["a"]);
    expect(new Bench("c").membership.othersSeen).toBe(false);
  });

  test("when all have lost the registry the term stays as it is", () => {
    const bench = new Bench("a");
    const both = term("a", "b");
    bench.renew(0, ["b"]);
    for (let atMs = 1000; atMs <= 9000; atMs += 1000) {
      bench.renew(atMs, [], "stale");
      bench.membership.seen(lease("b", "stale"), atMs);
      expect(bench.membership.next(atMs, both).type).toBe("wait");
    }
  });

  test("replicas that can read a part only share it where none can read all, and leave it to one that can", () => {
    const bench = new Bench("a");
    bench.renew(0, [], "stale");
    expect(bench.membership.next(0, undefined)).toEqual({ type: "write", members: ["a"] });
    bench.membership.seen(lease("b", "stale"), 0);
    bench.membership.seen(lease("c", "reading"), 0);
    expect(bench.membership.next(600, term("a"))).toEqual({ type: "wait", ms: 500 });
    bench.renew(1_200, [], "stale");
    expect(bench.membership.next(1_200, term("a"))).toEqual({ type: "write", members: ["a", "b"] });
    for (let atMs = 2_000; atMs <= 5_000; atMs += 1_000) {
      bench.renew(atMs, [], "stale");
      bench.membership.seen(lease("b"), atMs);
    }
    // It is for the one that can to write the term.
    expect(bench.membership.next(5_000, term("a", "b")).type).toBe("wait");
    const other = new Bench("b");
    other.renew(0, []);
    other.membership.seen(lease("a", "stale"), 0);
    for (let atMs = 1_000; atMs <= 4_000; atMs += 1_000) {
      other.renew(atMs, []);
      other.membership.seen(lease("a", "stale"), atMs);
    }
    expect(other.membership.next(4_000, term("a", "b"))).toEqual({ type: "write", members: ["b"] });
  });

  test("replicas of other versions count like any other", () => {
    const bench = new Bench("a");
    bench.renew(0, []);
    bench.membership.seen({ ...lease("b"), version: "99.0.0" }, 0);
    expect(bench.membership.next(500, term("a"))).toEqual({ type: "wait", ms: 500 });
    expect(bench.membership.next(1000, term("a"))).toEqual({ type: "write", members: ["a", "b"] });
  });

  test("knows whom it has seen", () => {
    const bench = new Bench("a");
    bench.renew(0, []);
    expect(bench.membership.othersSeen).toBe(false);
    bench.renew(0, ["b"]);
    expect(bench.membership.othersSeen).toBe(true);
    expect(bench.membership.living(0).map(({ member }) => member)).toEqual(["a", "b"]);
  });
});
