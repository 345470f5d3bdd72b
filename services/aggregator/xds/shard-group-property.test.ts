import fc from "fast-check";
import { expect, test } from "vitest";
import { nameHash } from "../catalogue/segmented-resources.ts";
import { isInShard } from "../catalogue/shards.ts";
import { ShardGroup } from "./shard-group.ts";

const of = 5;
const hashes = Array.from({ length: 40 }, (_, index) => nameHash(`ns/service-${index}`));
/** What was deleted while an istiod was not connected. */
const ghosts = Array.from({ length: 20 }, (_, index) => nameHash(`ns/deleted-${index}`));

/** Resources by hash, with their versions. */
type Content = ReadonlyMap<number, number>;

/** One stream as the server keeps it: what it was sent last, and whether that is acknowledged. */
interface Stream {
  readonly id: number;
  readonly index: number;
  sent: Content | undefined;
  inFlight: "nothing" | "sent" | "taken";
}

/**
 * An istiod with several sources, the server's side of its streams, and the network between: each response is sent,
 * taken and acknowledged at times of its own. The istiod keeps what a source brought while that has no stream.
 */
class Rig {
  #nowMs = 0;
  readonly streams = new Map<number, Stream>();
  /** By source: what the istiod has of it. */
  readonly #has = new Map<number, Content>();
  /** Everything that it ever had, but {@link ghosts}. */
  readonly #known = new Set<number>();
  readonly #live: number;
  #group: ShardGroup;
  #lastId = 0;

  /**
   * `live`: how many of the listeners aren't retired. If some are, the istiod has everything from a time when none was,
   * and things that have been deleted since.
   */
  constructor(live = of) {
    this.#live = live;
    this.#group = this.#newGroup();
    if (live === of) return;
    for (const hash of hashes) this.#known.add(hash);
    for (const hash of [...hashes, ...ghosts]) this.registered.add(hash);
    for (let index = 0; index < of; index++) {
      const had = [...this.registered].filter((hash) => isInShard(hash, { index, of }));
      this.#has.set(index, new Map(had.map((hash) => [hash, -1])));
    }
  }

  #newGroup(lowestBefore?: number): ShardGroup {
    return new ShardGroup({ of: this.#live, retired: of - this.#live, lowestBefore });
  }

  /** What is left in an istiod with an event-driven registry: any source that drops a resource drops it. */
  readonly registered = new Set<number>();

  get held(): ReadonlySet<number> {
    return new Set([...this.#has.values()].flatMap((content) => [...content.keys()]));
  }

  /** The clock goes on between any two looks at it. */
  #now(): number {
    return this.#nowMs += 0.25;
  }

  /** Lets time pass, with the timer that the group asked for, which may be a little early. */
  wait(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let waitMs = this.#wanted(); waitMs !== undefined; waitMs = this.#wanted()) {
      if (this.#nowMs + waitMs > endMs) break;
      this.#nowMs += Math.max(waitMs - 0.5, 0);
      this.#group.tick(this.#now());
      this.#sendAll();
    }
    this.#nowMs = Math.max(endMs, this.#nowMs);
  }

  #wanted(): number | undefined {
    const waitMs = this.#group.waitMs(this.#now());
    return waitMs === undefined ? undefined : Math.ceil(waitMs);
  }

  come(index: number): void {
    if (this.streams.has(index)) return;
    const stream: Stream = { id: ++this.#lastId, index, sent: undefined, inFlight: "nothing" };
    this.streams.set(index, stream);
    this.#group.join(stream.id, index, this.#now());
    this.#sendAll();
  }

  go(index: number): void {
    const stream = this.streams.get(index);
    if (stream === undefined) return;
    this.streams.delete(index);
    this.#group.leave(stream.id, this.#now());
    if (this.#group.isEmpty) this.#group = this.#newGroup(this.#group.lowest);
    else this.#sendAll();
  }

  /** The istiod takes what is on its way. */
  take(index: number): void {
    const stream = this.streams.get(index);
    if (stream?.inFlight !== "sent" || stream.sent === undefined) return;
    stream.inFlight = "taken";
    const before = this.#has.get(index) ?? new Map();
    for (const [hash, version] of stream.sent) if (before.get(hash) !== version) this.registered.add(hash);
    for (const hash of before.keys()) if (!stream.sent.has(hash)) this.registered.delete(hash);
    this.#has.set(index, stream.sent);
    const { held } = this;
    for (const hash of this.#known) if (!held.has(hash)) throw new Error(`source ${index} took it away`);
    for (const hash of held) if (!ghosts.includes(hash)) this.#known.add(hash);
  }

  /** The server hears of it. */
  acknowledge(index: number): void {
    const stream = this.streams.get(index);
    if (stream?.inFlight !== "taken") return;
    stream.inFlight = "nothing";
    this.#sendAll();
  }

  /** The istiod ends and starts anew: with nothing. */
  restart(): void {
    for (const index of this.streams.keys()) this.go(index);
    this.#has.clear();
    this.#known.clear();
    this.registered.clear();
  }

  /** Takes and acknowledges until nothing moves. */
  settle(): void {
    for (let round = 0; round < 4 * of; round++) {
      this.wait(100);
      for (const index of this.streams.keys()) {
        this.take(index);
        this.acknowledge(index);
      }
    }
  }

  #sendAll(): void {
    do {
      for (const stream of this.streams.values()) this.#send(stream);
    } while (this.#acknowledgeOne());
  }

  #acknowledgeOne(): boolean {
    for (const { id, sent, inFlight } of this.streams.values()) {
      if (sent === undefined || inFlight !== "nothing" || !this.#group.isWaitingFor(id)) continue;
      this.#group.acknowledge(id, this.#now());
      return true;
    }
    return false;
  }

  #send(stream: Stream): void {
    const { id, index, sent } = stream;
    const present = this.#group.presentFor(id);
    if (stream.inFlight !== "nothing" || present === undefined) return;
    const version = this.#group.generationOf(id);
    const shown = hashes.filter((hash) => isInShard(hash, { index, of: this.#live, present }));
    if (sent?.size === shown.length && shown.every((hash) => sent.get(hash) === version)) return;
    stream.sent = new Map(shown.map((hash) => [hash, version]));
    stream.inFlight = "sent";
  }
}

const someSources = fc.uniqueArray(fc.nat({ max: of - 1 }), { minLength: 1 });
const steps = fc.array(
  fc.record({
    action: fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ type: fc.constantFrom("come", "go", "come again", "serve"), of: someSources }),
      },
      { weight: 3, arbitrary: fc.record({ type: fc.constantFrom("take", "acknowledge"), of: someSources }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("all go", "restart", "settle") }) },
    ),
    afterMs: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(0, 10, 2000) },
      { weight: 1, arbitrary: fc.constantFrom(5000, 90_000) },
    ),
  }),
  { minLength: 10, maxLength: 60 },
);
type Step = typeof steps extends fc.Arbitrary<readonly (infer Each)[]> ? Each : never;

function play(rig: Rig, { action }: Step): void {
  switch (action.type) {
    case "come":
      return action.of.forEach((index) => rig.come(index));
    case "go":
      return action.of.forEach((index) => rig.go(index));
    case "take":
      return action.of.forEach((index) => rig.take(index));
    case "acknowledge":
      return action.of.forEach((index) => rig.acknowledge(index));
    case "come again":
      for (const index of rig.streams.keys()) rig.go(index);
      return action.of.forEach((index) => rig.come(index));
    case "serve":
      return action.of.forEach((index) => {
        rig.take(index);
        rig.acknowledge(index);
      });
    case "all go":
      return [...rig.streams.keys()].forEach((index) => rig.go(index));
    case "restart":
      return rig.restart();
    case "settle":
      return rig.settle();
  }
}

test(
  "an istiod never loses a resource, whatever comes, goes, settles and is acknowledged, and has all in the end",
  () => {
    let shared = 0;
    fc.assert(
      fc.property(steps, (steps) => {
        const rig = new Rig();
        for (const step of steps) {
          rig.wait(step.afterMs);
          play(rig, step);
        }
        if (rig.streams.size === 0) rig.come(0);
        rig.wait(100_000);
        rig.settle();
        rig.wait(10_000);
        rig.settle();
        expect(rig.held.size).toBe(hashes.length);
        expect(rig.registered.size).toBe(hashes.length);
        if (rig.streams.size > 1) shared++;
      }),
      { numRuns: 800 },
    );
    expect(shared).toBeGreaterThan(200);
  },
  60_000,
);

test("an istiod that comes again with a further source is not without what moves there for a moment", () => {
  const rig = new Rig();
  for (const index of [0, 2]) rig.come(index);
  rig.wait(2000);
  rig.settle();
  expect(rig.held.size).toBe(hashes.length);
  for (const index of [0, 2]) rig.go(index);
  for (const index of [0, 1, 2]) rig.come(index);
  rig.wait(2000);
  rig.take(0);
  expect(rig.held.size).toBe(hashes.length);
});

test("an older istiod takes again what a stream that was lost before the refresh had brought", () => {
  const rig = new Rig();
  for (const index of [0, 1]) rig.come(index);
  rig.wait(10_000);
  for (const index of [1, 0]) {
    rig.take(index);
    rig.acknowledge(index);
  }
  rig.take(0);
  rig.go(1);
  rig.settle();
  rig.come(1);
  rig.wait(10_000);
  rig.settle();
  expect(rig.registered.size).toBe(hashes.length);
});

test(
  "an istiod with sources for retired listeners never loses a resource, and is rid of what was deleted in the end",
  () => {
    let sharing = 0;
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: of - 1 }), (steps, live) => {
        const rig = new Rig(live);
        for (const step of steps) {
          rig.wait(step.afterMs);
          play(rig, step);
        }
        if (rig.streams.size > 1) sharing++;
        for (let index = 0; index < of; index++) rig.come(index);
        rig.wait(100_000);
        rig.settle();
        rig.wait(10_000);
        rig.settle();
        expect(rig.held).toEqual(new Set(hashes));
        expect(rig.registered).toEqual(new Set(hashes));
      }),
      { numRuns: 800 },
    );
    expect(sharing).toBeGreaterThan(200);
  },
  60_000,
);

test("an istiod keeps what retired sources brought while the others are not there, or silent", () => {
  const rig = new Rig(2);
  const { size } = rig.held;
  for (const index of [2, 3, 4]) rig.come(index);
  rig.wait(100_000);
  rig.settle();
  expect(rig.held.size).toBe(size);
  for (const index of [0, 1]) rig.come(index);
  rig.wait(100_000);
  rig.take(1);
  rig.acknowledge(1);
  rig.wait(100_000);
  for (const index of [2, 3, 4]) rig.take(index);
  expect(rig.held.size).toBe(size - ghosts.filter((hash) => isInShard(hash, { index: 1, of })).length);
  rig.settle();
  expect(rig.held).toEqual(new Set(hashes));
});
