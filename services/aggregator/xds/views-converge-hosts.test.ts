import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CatalogueView } from "../catalogue/catalogue-view.ts";
import type { ViewScope } from "../catalogue/catalogue-view.ts";
import { http80, served } from "../conflicts/conflict-rig.ts";
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

function worldOf(mode: ConflictMode, maxPartBytes = partBytes): World {
  return new World(maxPartBytes, {
    rules: new ConflictRules({ mode, order: [], hosts: [], hidesEmpty: true }),
  });
}

/** What one step does to the client's world; false if it is the client's own. */
function change(world: World, each: Step): boolean {
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

  test("has an entry of each host that stays, after each single response", () => {
    fc.assert(
      fc.property(
        steps,
        fc.constantFrom(...scopes),
        fc.constantFrom("merge", "prefer"),
        (steps, scope, mode) => {
          const world = worldOf(mode);
          // Each resource is a response of its own: whatever takes an entry away comes after what takes its place.
          const client = new DeltaClient(world, { maxMessageBytes: 1 }, scope);
          client.request(entries);
          client.settle();
          const hosts = new Map<string, ReadonlySet<string>>();
          let before = hostsIn(world, scope, hosts);
          for (const each of steps) {
            // Entries keep their hosts: a host that moves between two entries that stay may be nowhere for a message.
            if (!change(world, withOwnHosts(each))) continue;
            const after = hostsIn(world, scope, hosts);
            client.change();
            while (client.inbox.length > 0) {
              client.ack();
              const held = [...client.held(entries)].flatMap(([name, version]) => [
                ...hosts.get(`${name}=${version}`) ?? [],
              ]);
              for (const host of before.intersection(after)) expect(held).toContain(host);
            }
            before = after;
            expect(client.content(entries)).toEqual(world.content("ServiceEntry", scope));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test("has an entry of each host that stays, after each single response of a long backlog", () => {
    fc.assert(
      fc.property(
        steps,
        fc.constantFrom(...scopes),
        fc.constantFrom("merge", "prefer"),
        (steps, scope, mode) => {
          const world = worldOf(mode, 1);
          const client = new DeltaClient(world, { maxMessageBytes: 1 }, scope);
          client.request(entries);
          client.settle();
          const hosts = new Map<string, ReadonlySet<string>>();
          // Hosts that were there all the time since the client had everything.
          let staying = hostsIn(world, scope, hosts);
          const ack = () => {
            client.ack();
            const held = [...client.held(entries)].flatMap(([name, version]) => [
              ...hosts.get(`${name}=${version}`) ?? [],
            ]);
            for (const host of staying) expect(held).toContain(host);
            if (client.inbox.length === 0) staying = hostsIn(world, scope, hosts);
          };
          for (const each of steps) {
            if (change(world, withChainedHosts(each))) {
              staying = staying.intersection(hostsIn(world, scope, hosts));
              client.change();
            } else if (client.inbox.length > 0) ack();
            if (client.inbox.length === 0) staying = hostsIn(world, scope, hosts);
          }
          while (client.inbox.length > 0) ack();
          expect(client.content(entries)).toEqual(world.content("ServiceEntry", scope));
        },
      ),
      { numRuns: 200 },
    );
  });
});

test("a client that was busy gets a host's new entry before the old one gives it away", () => {
  const world = worldOf("merge", 1);
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

/** The step with the hosts that an entry of its namespace has in all steps; another namespace shares one of them. */
function withOwnHosts(each: Step): Step {
  if (!("entry" in each)) return each;
  const { namespace, registry } = each.entry;
  const hosts = namespace === "a" ? ["h1.shop"] : registry === "nacos" ? ["h1.shop", "h2.shop"] : ["h2.shop"];
  return { ...each, entry: { ...each.entry, hosts, ports: [http80] } };
}

/** The step with hosts that an entry of its registry and namespace has in all steps: each shares some with others. */
function withChainedHosts(each: Step): Step {
  if (!("entry" in each)) return each;
  const { namespace = "", registry = "" } = each.entry;
  const hosts = chainedHosts[`${registry} ${namespace}`] ?? [];
  // With a name for each, since names that change hands may swap their hosts.
  return { ...each, entry: { ...each.entry, name: registry, hosts, ports: [http80] } };
}

const chainedHosts: Readonly<Record<string, readonly string[]>> = {
  "eureka a": ["h1.shop"],
  "eureka b": ["h2.shop"],
  "nacos a": ["h1.shop", "h3.shop"],
  "nacos b": ["h1.shop", "h2.shop"],
  "zookeeper a": ["h3.shop"],
  "zookeeper b": ["h2.shop", "h3.shop"],
};

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
    const { hosts } = served(resource);
    known.set(`${resource.name}=${resource.version}`, new Set(hosts));
    for (const host of hosts) all.add(host);
  }
  return all;
}
