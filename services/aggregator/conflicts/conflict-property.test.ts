import fc from "fast-check";
import { expect, test } from "vitest";
import { ResourceCache } from "../catalogue/cache.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import { CatalogueView } from "../catalogue/catalogue-view.ts";
import type { ViewScope } from "../catalogue/catalogue-view.ts";
import type { WorkloadEntry } from "../../../shared/model/manifest.ts";
import { validateManifest } from "../../../shared/istio/mod.ts";
import { manifestOf } from "../output-stage/present.ts";
import { http80, resourceOf, served, subjectOf } from "./conflict-rig.ts";
import type { RigEntry } from "./conflict-rig.ts";
import { ConflictRules } from "./conflict-rules.ts";
import type { ConflictMode } from "./conflict-rules.ts";

const entry: fc.Arbitrary<RigEntry> = fc.record({
  registry: fc.constantFrom("eureka", "nacos", "zookeeper"),
  source: fc.constantFrom("default", "default", "east"),
  namespace: fc.constantFrom("a", "b"),
  name: fc.constantFrom("x", "y", "x--from-nacos"),
  hosts: fc.uniqueArray(fc.constantFrom("h1.shop", "h2.shop", "H1.Shop", "*.shop"), {
    minLength: 1,
    maxLength: 2,
    selector: (host) => host.toLowerCase(),
  }),
  ports: fc.constantFrom(
    [http80],
    [{ ...http80, name: "web" }],
    [http80, { number: 81, protocol: "HTTP", name: "web" }],
    [{ number: 81, protocol: "GRPC", name: "http-80" }],
  ),
  endpoints: fc.subarray(["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
  spec: fc.constantFrom({}, {}, {}, { exportTo: ["."] }, { exportTo: ["a"] }, { exportTo: ["a", "b"] }),
  labels: fc.constantFrom({}, {}, {}, { "istio.io/rev": "canary" }),
  createdAt: fc.constantFrom("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"),
});

/** Entries, at most one of a subject. */
const entries = fc.uniqueArray(entry, { maxLength: 7, selector: subjectOf });

const rules: fc.Arbitrary<ConflictRules> = fc.record({
  mode: fc.constantFrom<ConflictMode>("merge", "merge", "prefer", "separate"),
  order: fc.subarray(["zookeeper", "nacos/east", "eureka"]),
  hosts: fc.constantFrom([], [{ pattern: "h2*", mode: "separate" as const, order: ["nacos"] }]),
  hidesEmpty: fc.boolean(),
}).map((options) => new ConflictRules(options));

const scopes: readonly Partial<ViewScope>[] = [
  {},
  { registries: ["zookeeper"] },
  { registries: ["eureka", "nacos"] },
  { namespaces: ["a"] },
  { revisions: ["stable"] },
  { registries: ["nacos"], shard: { index: 0, of: 2 } },
];
const views = scopes.map((scope) => new CatalogueView({ ...CatalogueView.everything.scope, ...scope }));

const content = (cache: ResourceCache, view: CatalogueView) => {
  const { resources, version, count } = cache.snapshot("ServiceEntry", view);
  const shown = [...resources].map((each) => `${each.name}=${each.version}`).sort();
  return { shown, version, count };
};

// Many histories take their time on a busy machine.
const patient = { timeout: 60_000 };

test(
  "what is served depends on the entries alone, not on their order, their history or who looked",
  patient,
  () => {
    fc.assert(
      fc.property(
        entries.chain((final) =>
          fc.record({
            final: fc.shuffledSubarray(final, { minLength: final.length }),
            earlier: fc.array(entry, { maxLength: 7 }),
            again: fc.shuffledSubarray(final, { minLength: final.length }),
          })
        ),
        rules,
        fc.boolean(),
        ({ final, earlier, again }, rules, isWatched) => {
          const one = new ResourceCache({ rules });
          const look = () => {
            if (isWatched) { for (const view of views) cacheLook(one, view); }
          };
          const kept = new Set(final.map(subjectOf));
          for (const each of earlier) {
            one.put("ServiceEntry", resourceOf(each));
            look();
          }
          for (const each of earlier) {
            if (!kept.has(subjectOf(each))) one.delete("ServiceEntry", subjectOf(each), "s-000005");
          }
          for (const each of final) {
            one.put("ServiceEntry", resourceOf(each));
            look();
          }
          const two = new ResourceCache({ rules });
          for (const each of again) two.put("ServiceEntry", resourceOf(each));
          for (const view of views) expect(content(one, view)).toEqual(content(two, view));
          expect([...one.shadowed("ServiceEntry")].sort()).toEqual([...two.shadowed("ServiceEntry")].sort());
          expect(one.conflicts.counts).toEqual(two.conflicts.counts);
          expect(one.count("ServiceEntry")).toEqual(two.count("ServiceEntry"));
        },
      ),
      { numRuns: 250 },
    );
  },
);

function cacheLook(cache: ResourceCache, view: CatalogueView): void {
  cache.snapshot("ServiceEntry", view);
}

test(
  "no endpoint is lost that isn't named, nothing that is served is invalid, and no two are of one age",
  patient,
  () => {
    fc.assert(
      fc.property(entries, rules, (given, rules) => {
        const cache = new ResourceCache({ rules });
        const stored = given.map(resourceOf);
        for (const each of stored) cache.put("ServiceEntry", each);
        const all = [...cache.snapshot("ServiceEntry").resources];
        const leftOut = new Set<string>();
        for (const group of cache.conflicts.groups) {
          for (const contest of cache.conflicts.contestsOf(group)) {
            for (const { resource } of contest.leftOut) leftOut.add(`${contest.host} ${resource.subject}`);
          }
        }
        for (const resource of stored) {
          const own = served(resource);
          for (const host of resource.claim?.hosts ?? []) {
            if (leftOut.has(`${host} ${resource.subject}`)) continue;
            const places = new Set(all.flatMap((each) => addressesFor(each, host)));
            for (const { address } of own.endpoints) expect(places).toContain(address);
          }
        }
        const ages = new Map<string, Set<string | undefined>>();
        for (const resource of all) {
          const manifest = manifestOf("ServiceEntry", resource.framed, false);
          const errors = manifest === undefined
            ? ["undecodable"]
            : validateManifest(manifest).filter((each) => each.severity === "error");
          expect(errors).toEqual([]);
          const { hosts, createdAt } = served(resource);
          for (const host of hosts) {
            const known = ages.get(host.toLowerCase()) ?? new Set();
            expect(known.has(createdAt)).toBe(false);
            ages.set(host.toLowerCase(), known.add(createdAt));
          }
        }
      }),
      { numRuns: 250 },
    );
  },
);

function addressesFor(resource: CachedResource, host: string): readonly (string | undefined)[] {
  const { hosts, endpoints } = served(resource);
  return hosts.some((each) => each.toLowerCase() === host) ? endpoints.map(({ address }) => address) : [];
}

test(
  "an entry without endpoints never hides one with: a live host is served live to all that see it",
  patient,
  () => {
    fc.assert(
      fc.property(entries, fc.constantFrom<ConflictMode>("merge", "prefer"), (given, mode) => {
        const rules = new ConflictRules({ mode, order: [], hosts: [], hidesEmpty: true });
        const cache = new ResourceCache({ rules });
        for (const each of given) {
          cache.put("ServiceEntry", resourceOf({ ...each, spec: {}, labels: {} }));
        }
        const live = new Set<string>();
        for (const { claim, endpoints } of cache.allStored("ServiceEntry")) {
          if (endpoints > 0) { for (const host of claim?.hosts ?? []) live.add(host); }
        }
        const all = [...cache.snapshot("ServiceEntry").resources].map(served);
        for (const host of live) {
          const ofHost = all.filter(({ hosts }) => hosts.some((each) => each.toLowerCase() === host));
          expect(ofHost.map(({ endpoints }) => endpoints.length > 0)).toEqual([true]);
        }
      }),
      { numRuns: 200 },
    );
  },
);

test(
  "shards together show what there is without them: each entry once, whatever it is made of",
  patient,
  () => {
    const many = 5;
    const shards = Array.from(
      { length: many },
      (_, index) => new CatalogueView({ ...CatalogueView.everything.scope, shard: { index, of: many } }),
    );
    fc.assert(
      fc.property(entries, fc.array(entry, { maxLength: 4 }), rules, (given, later, rules) => {
        const cache = new ResourceCache({ rules });
        const shown = () => shards.flatMap((shard) => content(cache, shard).shown).sort();
        for (const each of given) cache.put("ServiceEntry", resourceOf(each));
        expect(shown()).toEqual(content(cache, CatalogueView.everything).shown);
        for (const each of later) {
          cache.put("ServiceEntry", resourceOf({ ...each, sequence: 2 }));
          expect(shown()).toEqual(content(cache, CatalogueView.everything).shown);
        }
        for (const each of [...later, ...given]) {
          cache.delete("ServiceEntry", subjectOf(each), "s-000005");
          expect(shown()).toEqual(content(cache, CatalogueView.everything).shown);
        }
      }),
      { numRuns: 150 },
    );
  },
);

const endpoint: fc.Arbitrary<WorkloadEntry> = fc.record({
  address: fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.10", "10.0.0.11"),
  ports: fc.constantFrom({}, { "http-80": 8080 }, { "http-80": 9090 }, { web: 8080 }),
  labels: fc.constantFrom({}, { zone: "a" }, { zone: "a", "meshregistry.io/source": "eureka" }),
  weight: fc.constantFrom(undefined, 3),
  network: fc.constantFrom(undefined, undefined, undefined, "n"),
}, { requiredKeys: ["address"] });

/** Two or three registries with a host in common; the ports of one may be others, or their names. */
const common = fc.tuple(fc.array(entry, { minLength: 3, maxLength: 3 }), fc.boolean()).map((
  [given, isAlike],
) =>
  ["eureka", "nacos", "zookeeper"].map((registry, index) => {
    const { ports = [http80], labels = {}, spec = {}, hosts = [] } = given[index] ?? {};
    return isAlike
      ? { registry, hosts: ["h1.shop"], ports: [http80] }
      : { registry, hosts, ports, labels, spec, namespace: "a", name: `of-${index}` };
  })
);

test("endpoints that come and go are served as if all had been read at once", patient, () => {
  fc.assert(
    fc.property(
      common,
      fc.array(fc.tuple(fc.nat(2), fc.array(endpoint, { maxLength: 6 })), { maxLength: 6 }),
      rules,
      (given, changes, rules) => {
        const cache = new ResourceCache({ rules });
        const now = given.map((each): RigEntry => each);
        for (const view of views) cacheLook(cache, view);
        for (const each of now) cache.put("ServiceEntry", resourceOf(each));
        for (const [index, endpoints] of changes) {
          const changed = now[index];
          if (changed === undefined) continue;
          now[index] = { ...changed, endpoints: sorted(endpoints), sequence: (changed.sequence ?? 1) + 1 };
          cache.put("ServiceEntry", resourceOf(now[index]));
          const anew = new ResourceCache({ rules });
          for (const each of now) anew.put("ServiceEntry", resourceOf(each));
          for (const view of views) expect(content(cache, view)).toEqual(content(anew, view));
          expect(decoded(cache)).toEqual(decoded(anew));
          expect(cache.conflicts.counts).toEqual(anew.conflicts.counts);
        }
      },
    ),
    { numRuns: 150 },
  );
});

const sorted = (endpoints: readonly WorkloadEntry[]) =>
  endpoints.toSorted((a, b) => (a.address ?? "") < (b.address ?? "") ? -1 : 1);

/** All that is served, without its place in the log: that of the last change of it. */
function decoded(cache: ResourceCache) {
  return [...cache.snapshot("ServiceEntry").resources]
    .map((each) => ({ ...served(each), count: each.endpoints }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
