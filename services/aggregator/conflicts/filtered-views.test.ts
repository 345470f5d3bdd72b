import fc from "fast-check";
import { expect, test } from "vitest";
import { compareCodePoints } from "../../../shared/istio/mod.ts";
import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { ResourceCache } from "../catalogue/cache.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import { CatalogueView } from "../catalogue/catalogue-view.ts";
import type { ViewScope } from "../catalogue/catalogue-view.ts";
import { http80, resourceOf, served, subjectOf } from "./conflict-rig.ts";
import type { RigEntry } from "./conflict-rig.ts";
import { ConflictRules } from "./conflict-rules.ts";
import type { ConflictMode } from "./conflict-rules.ts";

const entry: fc.Arbitrary<RigEntry> = fc.record({
  registry: fc.constantFrom("eureka", "nacos", "zookeeper"),
  namespace: fc.constantFrom("a", "b"),
  name: fc.constantFrom("x", "y"),
  hosts: fc.constantFrom(["h1.shop"], ["h2.shop"], ["h1.shop", "H2.shop"]),
  ports: fc.constantFrom([http80], [http80], [{ ...http80, protocol: "TCP" }]),
  endpoints: fc.subarray(["10.0.0.1", "10.0.0.2"]),
  spec: fc.constantFrom<NonNullable<RigEntry["spec"]>>({}, {}, { exportTo: ["."] }),
  labels: fc.constantFrom({}, {}, { "istio.io/rev": "canary" }, { "istio.io/rev": "stable" }),
}).map((given) => given.hosts.length > 1 ? { ...given, ports: [http80] } : given);

const step = fc.record({ entry, isThere: fc.boolean(), isSidecar: fc.boolean() });

const scopes: readonly Partial<ViewScope>[] = [
  { registries: ["zookeeper"] },
  { registries: ["eureka", "nacos"] },
  { namespaces: ["a"] },
  { revisions: ["stable"] },
  { revisions: ["stable", "canary"] },
  { registries: ["nacos", "zookeeper"], revisions: ["canary"] },
  { registries: ["nacos"], namespaces: ["b"], revisions: ["stable"] },
];

/** How many histories are tried. */
const histories = process.env["LONG_TESTS"] === "1" ? 4000 : 300;

const kinds: readonly ResourceKind[] = ["ServiceEntry", "Sidecar"];

/** What a view shows, asked for in each way that there is. */
function shown(cache: ResourceCache, kind: ResourceKind, view: CatalogueView) {
  const { resources, version, count } = cache.snapshot(kind, view);
  const all = [...resources].map(textOf).sort();
  expect([...cache.allShown(kind, view)].map(textOf).sort()).toEqual(all);
  for (const { name, version } of resources) expect(cache.shown(kind, view, name)?.version).toBe(version);
  return { all, version, count };
}

const textOf = ({ name, version }: CachedResource) => `${name}=${version}`;

// Many histories take their time on a busy machine.
test(
  "a view with filters shows what would be served without all that they leave out",
  { timeout: 120_000 },
  () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 20, size: "max" }),
        fc.constantFrom(...scopes),
        fc.constantFrom<ConflictMode>("merge", "prefer", "separate"),
        (steps, scope, mode) => {
          const rules = new ConflictRules({ mode, order: [], hosts: [], hidesEmpty: true });
          const cache = new ResourceCache({ rules });
          const filtered = new ResourceCache({ rules });
          const view = new CatalogueView({ ...CatalogueView.everything.scope, ...scope });
          for (const { entry, isThere, isSidecar } of steps) {
            const kind = isSidecar ? "Sidecar" : "ServiceEntry";
            const resource: CachedResource = { ...resourceOf(entry), ...(isSidecar && { claim: undefined }) };
            if (isThere) cache.put(kind, resource);
            else cache.delete(kind, subjectOf(entry));
            if (isThere && isAdmitted(entry, scope)) filtered.put(kind, resource);
            else filtered.delete(kind, subjectOf(entry));
            for (const each of kinds) {
              expect(shown(cache, each, view)).toEqual(shown(filtered, each, CatalogueView.everything));
            }
          }
        },
      ),
      { numRuns: histories },
    );
  },
);

test("the time of an entry depends on those of its hosts alone, not on those that these share a name with", () => {
  const cache = new ResourceCache();
  const own = { namespace: "b", name: "x", hosts: ["h1.shop"] };
  const stable = { ...own, registry: "nacos", labels: { "istio.io/rev": "stable" } };
  for (const entry of [own, stable]) cache.put("ServiceEntry", resourceOf(entry));
  // One that has the host too, and one of its name with another host, which a third has for some clients.
  const linked: readonly RigEntry[] = [
    {
      registry: "eureka",
      namespace: "a",
      name: "x",
      hosts: ["h2.shop"],
      labels: { "istio.io/rev": "canary" },
    },
    { registry: "eureka", namespace: "a", name: "y", hosts: ["h2.shop"] },
    { registry: "zookeeper", namespace: "a", name: "x", hosts: ["h1.shop"], endpoints: [] },
  ];
  for (const entry of linked) cache.put("ServiceEntry", resourceOf(entry));
  const after = [...cache.snapshot("ServiceEntry").resources];
  expect(after.map(({ name }) => name)).toEqual(expect.arrayContaining(["a/x", "a/y", "b/x"]));
  const times = (host: string) =>
    after.map(served).filter(({ hosts }) => hosts.includes(host)).map(({ createdAt = "" }) => createdAt)
      .toSorted(compareCodePoints);
  expect(times("h1.shop")).toEqual(["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z"]);
  expect(times("h2.shop")).toEqual(["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z"]);
});

/** Written once more, from what `docs/xds.md` says of filters. */
function isAdmitted({ registry = "", namespace = "", labels }: RigEntry, scope: Partial<ViewScope>): boolean {
  const { registries = [], namespaces = [], revisions = [] } = scope;
  const revision = labels?.["istio.io/rev"];
  return (registries.length === 0 || registries.includes(registry)) &&
    (namespaces.length === 0 || namespaces.includes(namespace)) &&
    (revision === undefined || revisions.length === 0 || revisions.includes(revision));
}
