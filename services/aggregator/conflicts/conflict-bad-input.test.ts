import { describe, expect, test } from "vitest";
import { ResourceCache } from "../catalogue/cache.ts";
import { placesOf, resourceOf, served, subjectOf } from "./conflict-rig.ts";
import type { RigEntry } from "./conflict-rig.ts";
import { ConflictRules } from "./conflict-rules.ts";
import type { Contest } from "./settlement.ts";

const rules = (mode: "merge" | "prefer" | "separate") =>
  new ConflictRules({ mode, order: [], hosts: [], hidesEmpty: false });

/** Sources of one host; to add 1,000, one by one, takes eight seconds of CPU. */
const many = process.env["LONG_TESTS"] === "1" ? 1000 : 300;

/** What was reported, and a cache that reports it. */
function watchedCache(mode: "merge" | "prefer" | "separate" = "merge") {
  const reported: Contest[] = [];
  const cache = new ResourceCache({ rules: rules(mode), onConflict: (contest) => reported.push(contest) });
  return { cache, reported };
}

// Generous, for busy machines: what must not happen is quadratic work, which takes minutes.
describe("bad input", { timeout: 120_000 }, () => {
  test("a source that claims * or *.shop takes nothing from the others", () => {
    const { cache, reported } = watchedCache();
    const alone = resourceOf({ registry: "eureka" });
    cache.put("ServiceEntry", alone);
    // Istio takes no entry for `*`; in the slime profile it is served all the same.
    expect(() => resourceOf({ hosts: ["*"] })).toThrow('"rule":"S1"');
    const star = resourceOf({ registry: "nacos", name: "all", hosts: ["*.shop"] });
    cache.put("ServiceEntry", star);
    cache.put("ServiceEntry", {
      ...star,
      subject: `${star.subject}-2`,
      name: "nacos/everything",
      claim: { hosts: ["*"], scope: "*", isEmpty: false },
    });
    expect(cache.get("ServiceEntry", "eureka/orders")).toBe(alone);
    expect(cache.count("ServiceEntry").resources).toBe(3);
    expect(reported).toEqual([]);
  });

  test(`${many} sources with one host are one entry, and each goes by itself`, () => {
    for (const [mode, sources] of [["merge", many], ["prefer", 200], ["separate", 100]] as const) {
      const { cache, reported } = watchedCache(mode);
      const entries = Array.from({ length: sources }, (_, index): RigEntry => ({
        registry: "zookeeper",
        source: `s${index}`,
        name: `orders-${index}`,
        endpoints: [`10.0.${index >> 8}.${index & 255}`],
      }));
      for (const entry of entries) cache.put("ServiceEntry", resourceOf(entry));
      expect(cache.count("ServiceEntry").endpoints).toBe(mode === "prefer" ? 1 : sources);
      expect(cache.count("ServiceEntry").resources).toBe(mode === "separate" ? sources : 1);
      expect(reported.map(({ host }) => host)).toEqual(["orders.shop"]);
      for (const entry of entries.slice(50, 100)) cache.delete("ServiceEntry", subjectOf(entry), "s-000009");
      expect(cache.count("ServiceEntry").endpoints).toBe(mode === "prefer" ? 1 : sources - 50);
    }
  });

  test("of 50 sources with one host the last one is served as it is, and then nothing", () => {
    const { cache } = watchedCache();
    const entries = Array.from({ length: 50 }, (_, index): RigEntry => ({ source: `s${index}` }));
    for (const entry of entries) cache.put("ServiceEntry", resourceOf(entry));
    for (const entry of entries.slice(1)) cache.delete("ServiceEntry", subjectOf(entry), "s-000009");
    expect([...cache.snapshot("ServiceEntry").resources].map((each) => placesOf(served(each)))).toEqual([[
      "10.0.0.1 8080",
    ]]);
    cache.delete("ServiceEntry", subjectOf({ source: "s0" }));
    expect(cache.count("ServiceEntry")).toEqual({ resources: 0, endpoints: 0 });
    expect(cache.conflicts.counts.merged).toBe(0);
  });

  test("an entry with 10,000 hosts, each of which another one claims, costs no more than they are", () => {
    const { cache } = watchedCache("merge");
    const hosts = Array.from({ length: 10_000 }, (_, index) => `h${index}.shop`);
    cache.put("ServiceEntry", resourceOf({ registry: "nacos", hosts }));
    for (const host of hosts.slice(0, 20)) {
      cache.put("ServiceEntry", resourceOf({ registry: "eureka", name: host, hosts: [host] }));
    }
    expect(cache.count("ServiceEntry").resources).toBe(21);
    expect(cache.conflicts.counts.merged).toBe(20);
  });

  test("an entry whose host changes into a conflict and back hundreds of times", () => {
    const { cache, reported } = watchedCache();
    const bystander = resourceOf({ registry: "zookeeper", name: "bystander", hosts: ["other.shop"] });
    cache.put("ServiceEntry", bystander);
    cache.put("ServiceEntry", resourceOf({ registry: "eureka" }));
    const there = resourceOf({ registry: "zookeeper", name: "flapping", endpoints: ["10.0.0.2"] });
    const away = resourceOf({
      registry: "zookeeper",
      name: "flapping",
      hosts: ["elsewhere.shop"],
      endpoints: ["10.0.0.2"],
    });
    for (let change = 0; change < 1000; change++) {
      cache.put("ServiceEntry", there);
      expect(cache.count("ServiceEntry")).toEqual({ resources: 2, endpoints: 3 });
      cache.put("ServiceEntry", away);
      expect(cache.count("ServiceEntry")).toEqual({ resources: 3, endpoints: 3 });
    }
    expect(cache.get("ServiceEntry", "zookeeper/bystander")).toBe(bystander);
    expect(cache.get("ServiceEntry", "eureka/orders")?.version)
      .toBe(resourceOf({ registry: "eureka" }).version);
    // The log has a line for each host all the same: see ConflictLog.
    expect(new Set(reported.map(({ host }) => host))).toEqual(new Set(["orders.shop"]));
    expect(cache.changesSince("ServiceEntry", 0)?.length).toBeLessThan(4 * 1000 + 10);
  });
});
