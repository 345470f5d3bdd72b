import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CachedResource } from "./cached-resource.ts";
import { ResourceCache } from "./cache.ts";
import { CatalogueView } from "./catalogue-view.ts";
import type { ViewScope } from "./catalogue-view.ts";

function resource(name: string, version: string, traits: Partial<CachedResource> = {}): CachedResource {
  const registry = traits.registry ?? "eureka";
  return {
    subject: `${registry}.${name}`,
    registry,
    source: "default",
    name,
    version,
    cursor: "",
    revision: undefined,
    endpoints: 1,
    framed: Buffer.from(`${name}${version}`),
    ...traits,
  };
}

function view(scope: Partial<ViewScope>): CatalogueView {
  return new CatalogueView({ ...CatalogueView.everything.scope, ...scope });
}

const shown = (cache: ResourceCache, of?: CatalogueView) =>
  [...cache.snapshot("ServiceEntry", of).resources].map(({ name, version }) => `${name}=${version}`).sort();

describe("ResourceCache", () => {
  test("serves the source with the smaller subject, and the next one when that goes", () => {
    const cache = new ResourceCache();
    const sources = ["b", "a", "c"].map((registry) => resource("n/x", registry, { registry }));
    for (const each of sources) cache.put("ServiceEntry", each);
    expect(shown(cache)).toEqual(["n/x=a"]);
    expect([...cache.shadowed("ServiceEntry")].sort()).toEqual(["b.n/x", "c.n/x"]);
    for (const [subject, next] of [["a.n/x", ["n/x=b"]], ["b.n/x", ["n/x=c"]], ["c.n/x", []]] as const) {
      cache.delete("ServiceEntry", subject);
      expect(shown(cache)).toEqual(next);
    }
    expect(cache.count("ServiceEntry")).toEqual({ resources: 0, endpoints: 0 });
  });

  test("announces and remembers a change once, and none without difference", () => {
    const cache = new ResourceCache();
    let announced = 0;
    cache.onChange(() => announced++);
    cache.put("ServiceEntry", resource("n/a", "1", { cursor: "s-1" }));
    cache.put("ServiceEntry", resource("n/a", "1", { cursor: "s-2" }));
    cache.delete("ServiceEntry", "unknown");
    cache.put("ServiceEntry", resource("n/a", "2", { cursor: "s-3" }));
    cache.delete("ServiceEntry", "eureka.n/a", "s-4");
    expect(announced).toBe(3);
    const changes = cache.changesSince("ServiceEntry", 0) ?? [];
    expect(changes.map(({ position, before }) => [position, before?.version]))
      .toEqual([["s-1", undefined], ["s-3", "1"], ["s-4", "2"]]);
    expect(cache.head("Sidecar")).toBe(0);
  });
});

describe("a limited view", () => {
  test("shows its namespaces, registries and revisions", () => {
    const cache = new ResourceCache();
    cache.put("ServiceEntry", resource("shop/a", "1"));
    cache.put("ServiceEntry", resource("shop/b", "1", { registry: "nacos" }));
    cache.put("ServiceEntry", resource("pay/c", "1", { revision: "canary" }));
    expect(shown(cache, view({ namespaces: ["shop"] }))).toEqual(["shop/a=1", "shop/b=1"]);
    expect(shown(cache, view({ registries: ["eureka"] }))).toEqual(["pay/c=1", "shop/a=1"]);
    expect(shown(cache, view({ revisions: ["stable"] }))).toEqual(["shop/a=1", "shop/b=1"]);
    expect(shown(cache, view({ revisions: ["stable", "canary"], namespaces: ["pay"] }))).toEqual(["pay/c=1"]);
  });

  test("is shared by clients of all revisions while no resource has one", () => {
    const cache = new ResourceCache();
    cache.put("ServiceEntry", resource("shop/a", "1"));
    const of = (revision: string) => cache.effective("ServiceEntry", view({ revisions: [revision] })).key;
    expect([of("canary"), of("stable")]).toEqual(["", ""]);
    cache.put("ServiceEntry", resource("shop/b", "1", { revision: "canary" }));
    expect(of("canary")).not.toBe(of("stable"));
  });

  test("keeps out what is for another revision, also where that isn't served to clients without limits", () => {
    const cache = new ResourceCache();
    cache.put("ServiceEntry", resource("shop/a", "1", { registry: "nacos", revision: "canary" }));
    cache.put("ServiceEntry", resource("shop/a", "2", { registry: "eureka" }));
    expect(shown(cache, view({ registries: ["nacos"], revisions: ["stable"] }))).toEqual([]);
    expect(shown(cache, view({ registries: ["nacos"], revisions: ["canary"] }))).toEqual(["shop/a=1"]);
    cache.delete("ServiceEntry", "nacos.shop/a");
    expect(cache.effective("ServiceEntry", view({ revisions: ["stable"] })).key).toBe("");
  });

  test("is the same after any history as one that is made anew", () => {
    const step = fc.record({
      name: fc.constantFrom("a/x", "a/y", "b/x", "b/y"),
      version: fc.constantFrom(undefined, "1", "2"),
      registry: fc.constantFrom("eureka", "nacos"),
      revision: fc.constantFrom(undefined, "canary", "stable"),
      look: fc.boolean(),
      forget: fc.boolean(),
    });
    const scopes: readonly Partial<ViewScope>[] = [
      { revisions: ["canary"] },
      { namespaces: ["a"] },
      { registries: ["eureka"] },
      { shard: { index: 1, of: 2 } },
      { revisions: ["stable"], namespaces: ["b"], registries: ["nacos"] },
    ];
    fc.assert(fc.property(fc.array(step), fc.constantFrom(...scopes), (steps, scope) => {
      const cache = new ResourceCache();
      for (const { name, version, registry, revision, look, forget } of steps) {
        if (version === undefined) cache.delete("ServiceEntry", `${registry}.${name}`);
        else {
          const full = `${version}${revision ?? ""}`;
          cache.put("ServiceEntry", resource(name, full, { registry, revision }));
        }
        if (look) cache.snapshot("ServiceEntry", view(scope));
        if (forget) cache.forgetChanges("ServiceEntry", cache.head("ServiceEntry"));
      }
      const followed = cache.snapshot("ServiceEntry", view(scope));
      const seen = shown(cache, view(scope));
      cache.keepViews([]);
      const fresh = cache.snapshot("ServiceEntry", view(scope));
      expect(seen).toEqual(shown(cache, view(scope)));
      expect([followed.version, followed.count]).toEqual([fresh.version, fresh.count]);
      // Filters come first: of sources with one name, a view shows the one that it admits.
      const expected = new Set<string>();
      for (const each of cache.allStored("ServiceEntry")) {
        if (view(scope).shows(each.name, each)) expected.add(each.name);
      }
      expect(seen).toHaveLength(expected.size);
      expect(Buffer.concat(followed.pieces()).length).toBe(Buffer.concat(fresh.pieces()).length);
    }));
  });
});
