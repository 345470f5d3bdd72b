import { describe, expect, test } from "vitest";
import type { NacosInstance, ServiceSnapshot } from "../../../shared/nacos/nacos.ts";
import { ServiceBelief } from "./belief.ts";
import type { HeardBy } from "./belief.ts";

const times = { settleMs: 30_000, spreadMs: 10_000 };

/** `1`, `2`: healthy instances; `2-`: an unhealthy one; `2 w=5`: of that weight. */
function instance(text: string): NacosInstance {
  const [, number = "", unhealthy, weight] = /^(\d+)(-)?(?: w=(\d+))?$/.exec(text) ?? [];
  return {
    ip: `10.0.0.${number}`,
    port: 8080,
    weight: Number(weight ?? 1),
    healthy: unhealthy === undefined,
    enabled: true,
    ephemeral: true,
    cluster: "DEFAULT",
    metadata: {},
    instanceId: undefined,
  };
}

function shown({ ip, healthy, weight }: NacosInstance): string {
  return `${ip.slice(7)}${healthy ? "" : "-"}${weight === 1 ? "" : ` w=${weight}`}`;
}

/** A belief, and a clock. */
class Believing {
  readonly belief: ServiceBelief;
  nowMs = 1_000_000;
  #by: HeardBy = {
    number: 1,
    server: "a",
    sameServer: true,
    sinceMs: 1_000_000,
    breaksAtRestart: true,
  };

  constructor(keepsHealth = true) {
    this.belief = new ServiceBelief(times, keepsHealth);
  }

  /** The connection moves to a server, or breaks and comes back. */
  connect(server: string): void {
    this.#by = {
      number: this.#by.number + 1,
      server,
      sameServer: server === this.#by.server,
      sinceMs: this.nowMs,
      breaksAtRestart: true,
    };
  }

  /** Its server is asked from time to time, and may be started anew in between without anybody noticing. */
  poll(): this {
    this.#by = { ...this.#by, breaksAtRestart: false };
    return this;
  }

  after(seconds: number): this {
    this.nowMs += seconds * 1000;
    return this;
  }

  /** Returns what is believed then. */
  told(instances: readonly string[], more: Partial<ServiceSnapshot> = {}): readonly string[] {
    this.belief.take(this.#snapshot(instances, more), this.#by, this.nowMs);
    return this.believed;
  }

  answered(instances: readonly string[], more: Partial<ServiceSnapshot> = {}): readonly string[] {
    this.belief.confirm(this.#snapshot(instances, more), this.nowMs);
    return this.believed;
  }

  get believed(): readonly string[] {
    return this.belief.instances.map(shown);
  }

  /** Seconds until it has to be asked about; undefined: there is no doubt. */
  get dueIn(): number | undefined {
    return this.belief.dueMs === undefined ? undefined : (this.belief.dueMs - this.nowMs) / 1000;
  }

  #snapshot(instances: readonly string[], more: Partial<ServiceSnapshot>): ServiceSnapshot {
    return {
      service: { group: "g", name: "orders" },
      instances: instances.map(instance),
      invalid: [],
      protected: false,
      connection: this.#by.number,
      server: this.#by.server,
      serverTimeMs: 0,
      origin: "push",
      ...more,
    };
  }
}

test("what is told first is believed, and so is every change on the same connection", () => {
  const on = new Believing();
  expect(on.told(["1", "2", "3"])).toEqual(["1", "2", "3"]);
  expect(on.told(["1", "2-", "4 w=5"])).toEqual(["1", "2-", "4 w=5"]);
  expect(on.told([])).toEqual([]);
  expect(on.dueIn).toBeUndefined();
  expect(on.told(["1"])).toEqual(["1"]);
});

test("what was told already changes nothing", () => {
  const { belief } = new Believing();
  const snapshot = {
    service: { group: "g", name: "orders" },
    instances: [instance("1")],
    invalid: [],
    protected: false,
    connection: 1,
    server: "a",
    serverTimeMs: 0,
    origin: "push",
  } as const;
  const by = { number: 1, server: "a", sameServer: true, sinceMs: 0, breaksAtRestart: true };
  expect(belief.take({ ...snapshot, instances: [] }, by, 0)).toBe(true);
  expect(belief.take(snapshot, by, 1)).toBe(true);
  expect(belief.take(snapshot, by, 2)).toBe(false);
  expect(belief.take({ ...snapshot, invalid: ["instance 1 of 2"] }, by, 3)).toBe(true);
  expect(belief.take({ ...snapshot, invalid: ["instance 1 of 2"] }, by, 4)).toBe(false);
  expect(belief.take({ ...snapshot, connection: 2 }, { ...by, number: 2 }, 5)).toBe(true);
  expect(belief.take({ ...snapshot, connection: 3 }, { ...by, number: 3 }, 6)).toBe(false);
});

describe("after a reconnect", () => {
  test("an empty list empties nothing before it was confirmed by time and by a query", () => {
    const on = new Believing();
    on.told(["1", "2"]);
    on.after(600).connect("a");
    expect(on.after(0.1).told([])).toEqual(["1", "2"]);
    expect(on.belief.doubts).toBe(2);
    expect(on.dueIn).toBeCloseTo(29.9);
    expect(on.after(29.9).told([])).toEqual(["1", "2"]);
    expect(on.dueIn).toBe(0);
    expect(on.answered([])).toEqual([]);
    expect(on.dueIn).toBeUndefined();
  });

  test("a query that shows the instance ends the doubt", () => {
    const on = new Believing();
    on.told(["1", "2"]);
    on.after(600).connect("b");
    on.told(["1"]);
    expect(on.after(30).answered(["1", "2 w=5"])).toEqual(["1", "2 w=5"]);
    expect(on.dueIn).toBeUndefined();
  });

  test("instances come back one by one, new ones are taken at once, and the clock waits for the last", () => {
    const on = new Believing();
    on.told(["1", "2", "3"]);
    on.after(600).connect("a");
    expect(on.told(["1"])).toEqual(["1", "2", "3"]);
    expect(on.after(25).told(["1", "4"])).toEqual(["1", "2", "3", "4"]);
    expect(on.dueIn).toBe(10);
    expect(on.after(1).told(["1", "2", "3", "4"])).toEqual(["1", "2", "3", "4"]);
    expect(on.dueIn).toBeUndefined();
    expect(on.told(["4"])).toEqual(["4"]);
  });

  test("an instance that the new connection told of is gone at once; one that it never told of isn't", () => {
    const on = new Believing();
    on.told(["1", "2", "3"]);
    on.after(600).connect("a");
    on.told(["1", "2"]);
    expect(on.after(1).told(["1"])).toEqual(["1", "3"]);
    expect(on.after(1).told([])).toEqual(["3"]);
  });

  test("another reconnect begins the wait anew, and an answer of an earlier connection confirms nothing", () => {
    const on = new Believing();
    on.told(["1"]);
    on.after(600).connect("a");
    on.told([]);
    on.after(20).connect("a");
    expect(on.told([])).toEqual(["1"]);
    expect(on.dueIn).toBe(30);
    expect(on.after(30).answered([], { connection: 2 })).toEqual(["1"]);
    on.belief.postpone(on.nowMs + 3_000);
    expect(on.dueIn).toBe(3);
    expect(on.after(3).answered([])).toEqual([]);
  });

  test("instances that come and go without end keep no other one for ever", () => {
    const on = new Believing();
    on.told(["1", "2"]);
    on.after(600).connect("a");
    on.told(["1"]);
    for (let second = 0; second < 300; second += 5) {
      on.after(5).told(second % 10 === 0 ? ["1", "9"] : ["1"]);
    }
    expect(on.believed).toContain("2");
    expect(on.dueIn).toBe(0);
    expect(on.answered(["1"])).toEqual(["1"]);
  });

  test("a query that is made too early confirms nothing of what isn't due", () => {
    const on = new Believing();
    on.told(["1"]);
    on.after(600).connect("a");
    on.told([]);
    expect(on.after(10).answered([])).toEqual(["1"]);
    expect(on.after(20).answered([])).toEqual([]);
  });
});

describe("at another server", () => {
  test("what changed a moment ago doesn't change back", () => {
    const on = new Believing();
    on.told(["1", "2", "3 w=5"]);
    on.after(600).told(["1-", "3 w=7"]);
    on.after(2).connect("b");
    expect(on.told(["1", "2", "3 w=5"])).toEqual(["1-", "3 w=7"]);
    expect(on.dueIn).toBe(10);
    // It hears of one change.
    expect(on.after(1).told(["1", "2", "3 w=7"])).toEqual(["1-", "3 w=7"]);
    expect(on.belief.doubts).toBe(2);
    // And of others, one of which is newer than what we know.
    expect(on.after(1).told(["1 w=9", "2", "3 w=7"])).toEqual(["1 w=9", "3 w=7"]);
    expect(on.after(8).answered(["1 w=9", "2", "3 w=7"])).toEqual(["1 w=9", "2", "3 w=7"]);
    expect(on.dueIn).toBeUndefined();
  });

  test("what changed long ago may change back", () => {
    const on = new Believing();
    on.told(["1", "2"]);
    on.after(600).told(["1-"]);
    on.after(10).connect("b");
    expect(on.told(["1", "2"])).toEqual(["1", "2"]);
  });

  test("the same server is believed", () => {
    const on = new Believing();
    on.told(["1", "2"]);
    on.after(600).told(["1-"]);
    on.connect("a");
    expect(on.told(["1", "2"])).toEqual(["1", "2"]);
  });

  test("nor does it after a connection in between that told nothing of the service", () => {
    const on = new Believing();
    on.told(["1", "2"]);
    on.after(600).told(["1-", "2"]);
    on.after(1).connect("b");
    on.after(1).connect("b");
    expect(on.told(["1", "2"])).toEqual(["1-", "2"]);
  });

  test("nor to what it was before several changes", () => {
    const on = new Believing();
    on.told(["1 w=5"]);
    on.after(600).told(["1 w=7"]);
    on.after(2).told(["1 w=9"]);
    on.after(2).connect("b");
    expect(on.told(["1 w=5"])).toEqual(["1 w=9"]);
    expect(on.after(1).told(["1 w=7"])).toEqual(["1 w=9"]);
    expect(on.after(1).told(["1 w=9"])).toEqual(["1 w=9"]);
    expect(on.dueIn).toBeUndefined();
  });

  test("an instance that came a moment ago stays", () => {
    const on = new Believing();
    on.told(["1"]);
    on.after(600).told(["1", "2"]);
    on.after(1).connect("b");
    expect(on.told(["1"])).toEqual(["1", "2"]);
    expect(on.after(2).told(["1", "2"])).toEqual(["1", "2"]);
    expect(on.dueIn).toBeUndefined();
  });
});

test("while some instances can't be read, a missing one may be among them", () => {
  const on = new Believing();
  on.told(["1", "2"]);
  const invalid = ["instance 1 of 2: its port is x"];
  expect(on.told(["1"], { invalid })).toEqual(["1", "2"]);
  expect(on.belief.invalid).toEqual(invalid);
  expect(on.after(1).told(["1", "2"])).toEqual(["1", "2"]);
  on.told(["1"], { invalid });
  expect(on.dueIn).toBe(10);
  // Told again, it is in doubt as long as before.
  on.after(600).told(["1", "2"]);
  on.told(["1"], { invalid });
  on.after(1).told(["1"], { invalid: [...invalid, "instance 2 of 2: no object"] });
  expect(on.dueIn).toBe(9);
  on.belief.postpone(on.nowMs + 10_000);
  expect(on.after(10).answered(["1"], { invalid })).toEqual(["1"]);
  // Another one that an answer lacks may be among the unreadable ones, too.
  on.after(600).told(["1", "2"]);
  on.told(["1"], { invalid });
  expect(on.after(10).answered([], { invalid: [...invalid, "instance 2 of 2: no object"] })).toEqual(["1"]);
  expect(on.after(10).answered([])).toEqual([]);
});

describe("where a server may be started anew unnoticed", () => {
  test("what is missing is asked for once more before it is believed", () => {
    const on = new Believing().poll();
    on.told(["1", "2"]);
    expect(on.after(600).told(["1"])).toEqual(["1", "2"]);
    expect(on.dueIn).toBe(10);
    expect(on.after(9).told(["1", "3"])).toEqual(["1", "2", "3"]);
    expect(on.dueIn).toBe(10);
    expect(on.after(10).answered(["1", "3"])).toEqual(["1", "3"]);
  });

  test("what the confirmation itself lacks is in doubt like any other", () => {
    const on = new Believing().poll();
    on.told(["1", "2", "3"]);
    on.after(600).told(["1", "2"]);
    // It was started anew just before it was asked about 3.
    expect(on.after(10).answered([])).toEqual(["1", "2"]);
    expect(on.dueIn).toBe(10);
    expect(on.after(1).told(["1", "2"])).toEqual(["1", "2"]);
    expect(on.dueIn).toBeUndefined();
    on.told(["1"]);
    expect(on.after(10).answered([])).toEqual(["1"]);
    expect(on.after(10).answered([])).toEqual([]);
  });

  test("and what is back is back at once", () => {
    const on = new Believing().poll();
    on.told(["1", "2"]);
    on.after(600).told([]);
    expect(on.believed).toEqual(["1", "2"]);
    expect(on.after(1).told(["1", "2 w=3"])).toEqual(["1", "2 w=3"]);
    expect(on.dueIn).toBeUndefined();
  });
});

describe("under the protection threshold", () => {
  test("an instance is as healthy as it was, and no recovery is taken for one", () => {
    const on = new Believing();
    on.told(["1", "2-", "3-"]);
    expect(on.told(["1", "2", "3", "4"], { protected: true })).toEqual(["1", "2-", "3-", "4"]);
    expect(on.belief.protected).toBe(true);
    expect(on.told(["1", "2", "3"], { protected: false })).toEqual(["1", "2", "3"]);
  });

  test("and healthy if nothing else is known, or wanted", () => {
    expect(new Believing().told(["1", "2"], { protected: true })).toEqual(["1", "2"]);
    const slime = new Believing(false);
    slime.told(["1-"]);
    expect(slime.told(["1"], { protected: true })).toEqual(["1"]);
  });
});
