import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CatalogueView } from "../catalogue/catalogue-view.ts";
import type { ViewScope } from "../catalogue/catalogue-view.ts";
import { http80, served, subjectOf } from "../conflicts/conflict-rig.ts";
import type { RigEntry } from "../conflicts/conflict-rig.ts";
import { ConflictRules } from "../conflicts/conflict-rules.ts";
import type { ConflictMode } from "../conflicts/conflict-rules.ts";
import { DeltaClient } from "./delta-client-rig.ts";
import { IncrementalClient } from "./incremental-client-rig.ts";
import { entries, sortedContent, World } from "./stream-rig.ts";

/**
 * After any history of sources that have hosts in common, each client has what its view shows: the changes that the
 * protocols send are those of the view, whichever entry of a host changed.
 */

const entry: fc.Arbitrary<RigEntry> = fc.record({
  registry: fc.constantFrom("eureka", "nacos", "zookeeper"),
  namespace: fc.constantFrom("a", "b"),
  name: fc.constantFrom("x", "y"),
  hosts: fc.constantFrom(["h1.shop"], ["h2.shop"], ["h1.shop", "h2.shop"]),
  endpoints: fc.subarray(["10.0.0.1", "10.0.0.2"]),
  ports: fc.constantFrom([http80], [http80], [{ ...http80, protocol: "TCP" }]),
  labels: fc.constantFrom({}, {}, { "istio.io/rev": "canary" }),
}).map((given) => given.hosts.length > 1 ? { ...given, ports: [http80] } : given);

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("put" as const), entry }) },
  fc.record({ do: fc.constant("delete" as const), entry }),
  fc.record({ do: fc.constantFrom("ack" as const, "reconnect" as const, "others" as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer Each> ? Each : never;
const steps = fc.array(step, { maxLength: 40 });

/** An entry of whose hosts few others have some: what passes on the last one counts. */
const moving: fc.Arbitrary<RigEntry> = fc.record({
  registry: fc.constantFrom("eureka", "nacos", "zookeeper"),
  namespace: fc.constantFrom("a", "b"),
  name: fc.constantFrom("x", "x", "y"),
  hosts: fc.oneof(
    fc.constantFrom(["h1.shop"], ["h2.shop"], ["h3.shop"], ["h4.shop"]),
    fc.subarray(["h1.shop", "h2.shop", "h3.shop", "h4.shop"], { minLength: 1 }),
  ),
  endpoints: fc.constantFrom(["10.0.0.1"], ["10.0.0.2"], ["10.0.0.1", "10.0.0.2"], []),
  labels: fc.constantFrom({}, {}, {}, { "istio.io/rev": "canary" }),
});

/** Entries pass their hosts on: one to the other, each for the other's, and in circles of several. */
const movingStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("put" as const), entry: moving }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const), from: fc.nat(9), many: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("ack" as const) }) },
  fc.record({ do: fc.constant("delete" as const), entry: moving }),
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("reconnect" as const, "forgotten" as const) }) },
  fc.record({ do: fc.constant("others" as const) }),
);
const movingSteps = fc.array(movingStep, { maxLength: 25, size: "max" }).map(withoutPassing);
type MovingStep = ReturnType<typeof withoutPassing>[number];

/** The steps with changes by which each entry of a circle takes the hosts of the next in place of its own. */
function withoutPassing(
  steps: readonly (typeof movingStep extends fc.Arbitrary<infer Each> ? Each : never)[],
) {
  const known = new Map<string, RigEntry>();
  return steps.flatMap((step) => {
    if (step.do === "put") known.set(subjectOf(step.entry), step.entry);
    if (step.do === "delete") known.delete(subjectOf(step.entry));
    if (step.do !== "pass") return [step];
    const circle = [...known.values()].slice(step.from % Math.max(known.size, 1)).slice(0, step.many + 2);
    const [first, second] = circle;
    if (first === undefined || second === undefined) return [];
    const both = { ...first, hosts: [...new Set([...first.hosts ?? [], ...second.hosts ?? []])] };
    const passed = circle.map((each, index) => ({
      ...each,
      hosts: circle.at(index + 1 - circle.length)?.hosts ?? [],
    }));
    for (const entry of passed) known.set(subjectOf(entry), entry);
    // The first one has both for a moment, so that no host is nowhere.
    return [both, ...passed.slice(1), ...passed.slice(0, 1)].map((entry) => ({ do: "put" as const, entry }));
  });
}

/** How many histories are tried of each dialect. */
const histories = process.env["LONG_TESTS"] === "1" ? 10_000 : 400;

const scopes: readonly Partial<ViewScope>[] = [
  {},
  { registries: ["zookeeper"] },
  { registries: ["eureka", "nacos"] },
  { namespaces: ["a"] },
  { revisions: ["stable"] },
  { shard: { index: 0, of: 2 } },
  { registries: ["zookeeper"], shard: { index: 1, of: 2 } },
];

const modes: readonly ConflictMode[] = ["merge", "prefer", "separate"];
const partBytes = 400;

function worldOf(mode: ConflictMode, bytes: { partBytes: number; circleBytes?: number } = { partBytes }) {
  const rules = new ConflictRules({ mode, order: [], hosts: [], hidesEmpty: true });
  return new World(bytes.partBytes, { rules }, bytes.circleBytes);
}

/** What one step does to the client's world; false if it is the client's own. */
function change(world: World, each: Step | MovingStep): boolean {
  if (each.do === "put") world.putEntry(each.entry);
  else if (each.do === "delete") world.deleteEntry(each.entry);
  // Another client comes and goes: what was prepared for it, and for this one, is made anew.
  else if (each.do === "others") world.cache.snapshot("ServiceEntry");
  else return false;
  return true;
}

// Many histories take their time on a busy machine.
describe("with hosts in common, each client's view", { timeout: 120_000 }, () => {
  test("in the Delta protocol", () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(...scopes), fc.constantFrom(...modes), (steps, scope, mode) => {
        const world = worldOf(mode);
        const client = new DeltaClient(world, { maxMessageBytes: partBytes }, scope);
        const connect = () =>
          client.request(entries, { initialVersions: Object.fromEntries(client.held(entries)) });
        connect();
        for (const each of steps) {
          if (change(world, each)) client.change();
          else if (each.do === "reconnect") {
            client.reconnect();
            connect();
          } else if (client.inbox.length > 0) client.ack();
        }
        client.settle();
        expect(client.content(entries)).toEqual(world.content("ServiceEntry", scope));
      }),
      { numRuns: 300 },
    );
  });

  test("in the incremental dialect", () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(...scopes), fc.constantFrom(...modes), (steps, scope, mode) => {
        const world = worldOf(mode);
        const client = new IncrementalClient(world, scope);
        client.request(entries);
        for (const each of steps) {
          if (change(world, each)) client.change();
          else if (each.do === "reconnect") {
            client.reconnect();
            client.request(entries);
          } else if (client.inbox.length > 0) client.ack();
        }
        client.settle();
        expect(client.content(entries)).toEqual(world.content("ServiceEntry", scope));
      }),
      { numRuns: 300 },
    );
  });

  test("in state of the world, as one that is made anew", () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(...scopes), fc.constantFrom(...modes), (steps, scope, mode) => {
        const world = worldOf(mode);
        for (const each of steps) {
          change(world, each);
          world.content("ServiceEntry", scope);
        }
        const followed = world.content("ServiceEntry", scope);
        world.cache.keepViews([]);
        expect(followed).toEqual(world.content("ServiceEntry", scope));
        const fresh = worldOf(mode);
        for (const resource of world.cache.allStored("ServiceEntry")) {
          fresh.cache.put("ServiceEntry", resource);
        }
        expect(followed).toEqual(sortedContent(Object.entries(fresh.content("ServiceEntry", scope))));
      }),
      { numRuns: 300 },
    );
  });

  // Each resource is a response of its own, but for those that pass hosts on in a circle.
  const cutUp = { partBytes: 1, circleBytes: 1_000_000 };

  test("has endpoints of each host that stays, after each response of a backlog, in the Delta protocol", () => {
    fc.assert(
      fc.property(
        movingSteps,
        fc.constantFrom(...scopes),
        fc.constantFrom(...modes),
        (steps, scope, mode) => {
          const world = worldOf(mode, cutUp);
          const client = new DeltaClient(world, { maxMessageBytes: 1 }, scope);
          const connect = () =>
            client.request(entries, { initialVersions: Object.fromEntries(client.held(entries)) });
          connect();
          const watch = new HostWatch(world, scope, client);
          for (const each of steps) {
            if (change(world, each)) {
              watch.changed();
              client.change();
            } else if (each.do === "reconnect" || each.do === "forgotten") {
              // As at another replica: which hosts the client's resources have isn't known.
              if (each.do === "forgotten") world.cache.forgetChanges("ServiceEntry", Infinity);
              client.reconnect();
              connect();
            } else watch.ack();
          }
          watch.settle();
          expect(client.content(entries)).toEqual(world.content("ServiceEntry", scope));
        },
      ),
      { numRuns: histories },
    );
  });

  test("has endpoints of each host that stays, after each response of a backlog, in the incremental dialect", () => {
    fc.assert(
      fc.property(
        movingSteps,
        fc.constantFrom(...scopes),
        fc.constantFrom(...modes),
        (steps, scope, mode) => {
          const world = worldOf(mode, cutUp);
          const client = new IncrementalClient(world, scope);
          client.request(entries);
          const watch = new HostWatch(world, scope, client);
          for (const each of steps) {
            if (change(world, each)) {
              watch.changed();
              client.change();
            } else if (each.do === "reconnect") {
              client.reconnect();
              client.request(entries);
            } else watch.ack();
          }
          watch.settle();
          expect(client.content(entries)).toEqual(world.content("ServiceEntry", scope));
        },
      ),
      { numRuns: histories },
    );
  });
});

test("a client that was busy gets a host's new entry before the old one gives it away", () => {
  const world = worldOf("merge", { partBytes: 1 });
  const one = { registry: "eureka", name: "one", hosts: ["h1.shop", "h3.shop"] };
  const other = { registry: "nacos", name: "other", hosts: ["h1.shop", "h2.shop"] };
  for (const entry of [one, other]) world.putEntry(entry);
  const client = new DeltaClient(world, { maxMessageBytes: 1 });
  client.request(entries);
  client.settle();
  const hosts = new Map<string, ReadonlySet<string>>();
  const known = () => hostsIn(world, {}, hosts);
  expect([...known()].sort()).toEqual(["h1.shop", "h2.shop", "h3.shop"]);
  world.putEntry({ registry: "zookeeper", hosts: ["h4.shop"] });
  client.change();
  // The second takes the host over, the first gives it away, and then the second changes once more.
  world.putEntry({ ...one, hosts: ["h3.shop"] });
  known();
  world.putEntry({ ...other, endpoints: ["10.0.0.9"] });
  known();
  client.ack();
  while (client.inbox.length > 0) {
    client.ack();
    const held = [...client.held(entries)].flatMap(([name, version]) => [
      ...hosts.get(`${name}=${version}`) ?? [],
    ]);
    expect(held).toContain("h1.shop");
  }
  expect(client.content(entries)).toEqual(world.content());
});

describe("a client that reconnects with its versions", () => {
  const moves = [{ from: "one", to: "other" }, { from: "other", to: "one" }];

  /** What it is sent, response by response, after a host has moved from one entry to the other, and both have others. */
  function sentAfterMove({ from, to }: (typeof moves)[number], isForgotten: boolean): readonly string[] {
    const world = worldOf("merge", { partBytes: 1, circleBytes: 1_000_000 });
    const gives = { name: from, namespace: "n", hosts: ["h1.shop", "h2.shop"] };
    const takes = { name: to, namespace: "n", hosts: ["h3.shop"] };
    for (const entry of [gives, takes]) world.putEntry(entry);
    const client = new DeltaClient(world, { maxMessageBytes: 1 });
    client.request(entries);
    client.settle();
    world.putEntry({ ...takes, hosts: ["h1.shop", "h3.shop"] });
    world.putEntry({ ...gives, hosts: ["h2.shop"] });
    if (isForgotten) world.cache.forgetChanges("ServiceEntry", Infinity);
    client.reconnect();
    client.request(entries, { initialVersions: Object.fromEntries(client.held(entries)) });
    client.settle();
    expect(client.content(entries)).toEqual(world.content());
    return client.responses.map(({ resources }) => resources.map(({ name }) => name).sort().join(" and "));
  }

  test.each(moves)("gets a host's new entry before the old one gives it away ($from to $to)", (move) => {
    expect(sentAfterMove(move, false)).toEqual([`n/${move.to}`, `n/${move.from}`]);
  });

  test.each(moves)("gets both at once where it isn't known which hosts it has ($from to $to)", (move) => {
    expect(sentAfterMove(move, true)).toEqual(["n/one and n/other"]);
  });
});

/** A client whose answers are watched: it must not lose a host that was there all the time since it had everything. */
class HostWatch {
  readonly #world: World;
  readonly #scope: Partial<ViewScope>;
  readonly #client: DeltaClient | IncrementalClient;
  /** By name and version. */
  readonly #hosts = new Map<string, ReadonlySet<string>>();
  #staying: ReadonlySet<string>;

  constructor(world: World, scope: Partial<ViewScope>, client: DeltaClient | IncrementalClient) {
    this.#world = world;
    this.#scope = scope;
    this.#client = client;
    client.settle();
    this.#staying = this.#current();
  }

  /** To be called after each change, before the client hears of it. */
  changed(): void {
    this.#staying = this.#staying.intersection(this.#current());
  }

  /** Answers the oldest response, if there is one. */
  ack(): void {
    if (this.#client.inbox.length === 0) return;
    this.#client.ack();
    const held = new Set<string>();
    for (const [name, version] of this.#client.held(entries)) {
      for (const host of this.#hosts.get(`${name}=${version}`) ?? []) held.add(host);
    }
    expect([...this.#staying.difference(held)]).toEqual([]);
    if (this.#client.inbox.length === 0) this.#staying = this.#current();
  }

  /** Answers until nothing is left. */
  settle(): void {
    while (this.#client.inbox.length > 0) this.ack();
  }

  #current(): ReadonlySet<string> {
    return hostsIn(this.#world, this.#scope, this.#hosts);
  }
}

/** The hosts that are served with endpoints. Enters into `known` those of each resource by its name and version. */
function hostsIn(
  world: World,
  scope: Partial<ViewScope>,
  known: Map<string, ReadonlySet<string>>,
): ReadonlySet<string> {
  const all = new Set<string>();
  const view = new CatalogueView({ ...CatalogueView.everything.scope, ...scope });
  for (const resource of world.cache.snapshot("ServiceEntry", view).resources) {
    if (resource.endpoints === 0) continue;
    const key = `${resource.name}=${resource.version}`;
    const hosts = known.get(key) ?? new Set(served(resource).hosts);
    known.set(key, hosts);
    for (const host of hosts) all.add(host);
  }
  return all;
}
