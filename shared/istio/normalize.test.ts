import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyServiceEntry, nastyText } from "../../test/istio/arbitrary-manifests.ts";
import { serviceEntry } from "../../test/istio/verdict.ts";
import type { ServiceEntryManifest, ServicePort, WorkloadEntry } from "../model/manifest.ts";
import { isLabelKey, isLabelValue } from "./names.ts";
import { noEndpointsLabel, normalizeForIstio, orderForSlime } from "./normalize.ts";
import { validateManifest } from "./validate.ts";

/** Endpoints of which many share an address, and some everything but a label. */
const endpoint: fc.Arbitrary<WorkloadEntry> = fc.record({
  address: fc.constantFrom("10.0.0.1", "10.0.0.10", "10.0.0.2", "::1"),
  ports: fc.constantFrom({ http: 80 }, { http: 8080 }, { http: 80, tcp: 9 }, {}),
  labels: fc.dictionary(nastyText, nastyText, { maxKeys: 3 }),
  weight: fc.constantFrom(1, 2),
  locality: fc.constantFrom("r/z", "r/y"),
});

const names = fc.uniqueArray(fc.constantFrom("a.b", "c.d", "orders.shop"), { minLength: 1 });

/** Valid but for the order, repeats and labels: all that normalising is meant to put right. */
const untidy: fc.Arbitrary<ServiceEntryManifest> = fc.record({
  hosts: names,
  ports: fc.constant<ServicePort[]>([
    { number: 90, name: "tcp", protocol: "HTTP" },
    { number: 80, name: "http", protocol: "HTTP" },
  ]),
  endpoints: fc.array(endpoint, { maxLength: 8 }),
  exportTo: fc.array(fc.constantFrom("a", ".", "shop", "b"), { maxLength: 4 }),
  subjectAltNames: fc.array(fc.constantFrom("spiffe://b", "spiffe://a"), { maxLength: 3 }),
}).map((spec) => serviceEntry(spec));

/** The same entry with every list in another order. */
function shuffled(manifest: ServiceEntryManifest): fc.Arbitrary<ServiceEntryManifest> {
  const { spec } = manifest;
  const shuffle = <Item>(items: readonly Item[] = []) =>
    fc.shuffledSubarray([...items], { minLength: items.length });
  return fc.record({
    hosts: shuffle(spec.hosts),
    ports: shuffle(spec.ports),
    endpoints: shuffle(spec.endpoints),
    exportTo: shuffle(spec.exportTo),
    subjectAltNames: shuffle(spec.subjectAltNames),
  }).map((lists) => ({ ...manifest, spec: { ...spec, ...lists } }));
}

const twoOrders = untidy.chain((manifest) => fc.tuple(fc.constant(manifest), shuffled(manifest)));
const endpointsOf = (manifest: ServiceEntryManifest): WorkloadEntry[] => manifest.spec.endpoints ?? [];

describe("normalizeForIstio()", () => {
  test("leaves nothing for the validator to reject", () => {
    fc.assert(fc.property(untidy, (manifest) => {
      expect(validateManifest(normalizeForIstio(manifest)).filter(({ severity }) => severity === "error"))
        .toEqual([]);
    }));
  });

  test("does not depend on the order of the input", () => {
    fc.assert(fc.property(twoOrders, ([one, other]) => {
      expect(normalizeForIstio(other)).toEqual(normalizeForIstio(one));
    }));
  });

  test("answers the same object when applied again, and never changes its input", () => {
    fc.assert(fc.property(fc.oneof(untidy, anyServiceEntry), (manifest) => {
      const before = structuredClone(manifest);
      const once = normalizeForIstio(manifest);
      expect(normalizeForIstio(once)).toBe(once);
      expect(manifest).toEqual(before);
    }));
  });

  test("adds no error to an entry, whatever is wrong with it", () => {
    const rules = (manifest: ServiceEntryManifest): Set<string> =>
      new Set(
        validateManifest(manifest).filter(({ severity }) => severity === "error").map(({ rule }) => rule),
      );
    fc.assert(fc.property(anyServiceEntry, (manifest) => {
      expect(rules(normalizeForIstio(manifest)).difference(rules(manifest))).toEqual(new Set());
    }));
  });

  test("makes the labels of the entry valid, too", () => {
    const manifest: ServiceEntryManifest = {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: "a", namespace: "b", labels: { path: "com.acme.Order$Item", registry: "zookeeper" } },
      spec: { hosts: ["a.b"] },
    };
    expect(normalizeForIstio(manifest).metadata.labels).toEqual({
      path: "com.acme.Order_Item",
      registry: "zookeeper",
    });
  });

  test("cuts zones off the entry's own addresses", () => {
    const addresses = ["fd00::1%eth0", "10.0.0.0/8", "::1%"];
    const { spec } = normalizeForIstio(serviceEntry({ addresses }));
    expect(spec.addresses).toEqual(["fd00::1", "10.0.0.0/8", "::1%"]);
  });

  test("loses no address and port", () => {
    const places = (manifest: ServiceEntryManifest) =>
      new Set(
        endpointsOf(manifest).map(({ address, ports }) =>
          JSON.stringify([address, Object.entries(ports ?? {})])
        ),
      );
    fc.assert(fc.property(untidy, (manifest) => {
      const normal = normalizeForIstio(manifest);
      expect(places(normal)).toEqual(places(manifest));
      expect(endpointsOf(normal)).toHaveLength(places(manifest).size);
    }));
  });

  test("sorts endpoints by address, then by port numbers", () => {
    const endpoints = [
      { address: "10.0.0.2", ports: { http: 1 } },
      { address: "10.0.0.1", ports: { http: 1000 } },
      { address: "10.0.0.10", ports: { http: 1 } },
      { address: "10.0.0.1", ports: { http: 999 } },
    ];
    expect(endpointsOf(normalizeForIstio(serviceEntry({ endpoints })))).toEqual(
      [3, 1, 2, 0].map((at) => endpoints[at]),
    );
  });

  test("keeps the endpoint with the most labels, then the first by labels", () => {
    const variants = [{ zone: "b" }, { zone: "b", app: "x" }, {}, { zone: "a", app: "x" }];
    const endpoints = variants.map((labels) => ({ address: "10.0.0.1", ports: { http: 80 }, labels }));
    expect(endpointsOf(normalizeForIstio(serviceEntry({ endpoints })))).toEqual([endpoints[3]]);
  });

  test("tells the same address in two networks apart", () => {
    const endpoints = [{ address: "10.0.0.1", network: "a" }, { address: "10.0.0.1", network: "b" }];
    expect(endpointsOf(normalizeForIstio(serviceEntry({ endpoints })))).toEqual(endpoints);
  });

  test("sorts by code point, not by UTF-16 unit", () => {
    const hosts = ["\u{1f600}.b", "\uff21.b", "a.b"];
    expect(normalizeForIstio(serviceEntry({ hosts })).spec.hosts).toEqual(hosts.toReversed());
  });

  test("marks a STATIC entry while it has no endpoints", () => {
    const full = serviceEntry({}, { labels: { app: "a" } });
    const empty = serviceEntry({ endpoints: [] }, { labels: { app: "a" } });
    const marked = normalizeForIstio(empty);
    expect(marked.metadata.labels).toEqual({ app: "a", [noEndpointsLabel]: "true" });
    expect(normalizeForIstio({ ...marked, spec: full.spec })).toEqual(full);
    expect(normalizeForIstio({ ...normalizeForIstio(serviceEntry({ endpoints: [] })), spec: full.spec }))
      .toEqual(serviceEntry({}));
  });

  test("does not mark an entry whose endpoints come from elsewhere", () => {
    for (const spec of [{ workloadSelector: { labels: { app: "a" } } }, { resolution: "DNS" as const }]) {
      const manifest = serviceEntry({ endpoints: [], ...spec });
      expect(normalizeForIstio(manifest)).toBe(manifest);
    }
  });
});

describe("repaired labels", () => {
  const repaired = (labels: Record<string, string>) =>
    endpointsOf(normalizeForIstio(serviceEntry({ endpoints: [{ address: "10.0.0.1", labels }] })))[0]?.labels;

  test("are valid, and as many as before where keys stay apart", () => {
    fc.assert(fc.property(fc.dictionary(nastyText, nastyText), (labels) => {
      const result = repaired(labels) ?? {};
      for (const [key, value] of Object.entries(result)) {
        expect([isLabelKey(key), isLabelValue(value)]).toEqual([true, true]);
      }
      for (const [key, value] of Object.entries(labels)) {
        if (isLabelKey(key)) expect(result[key]).toBe(isLabelValue(value) ? value : result[key]);
      }
    }));
  });

  test("have underscores for what is forbidden, and letters or digits at their ends", () => {
    expect(repaired({ a: "a b/c", b: "(x)", c: "{}", d: "", e: "a😀b" }))
      .toEqual({ a: "a_b_c", b: "x", c: "", d: "", e: "a_b" });
  });

  test("keep a valid prefix of the key, and fold another into the name", () => {
    expect(repaired({ "example.com/a:b": "1", "a_b/c": "2", "a/b/c": "3", "/d/": "4" }))
      .toEqual({ "example.com/a_b": "1", "a_b_c": "2", "a/b_c": "3", "d": "4" });
  });

  test("are dropped only if the key is unusable or taken", () => {
    expect(repaired({ "a:b": "lost", "a_b": "valid", "x:y": "first", "x;y": "second", "::": "lost" }))
      .toEqual({ "a_b": "valid", "x_y": "first" });
    expect(repaired({ ["k".repeat(70)]: "cut" })).toEqual({ ["k".repeat(63)]: "cut" });
  });
});

describe("orderForSlime()", () => {
  test("is idempotent, loses nothing, and leaves endpoints of one address in their order", () => {
    fc.assert(fc.property(untidy, (manifest) => {
      const ordered = orderForSlime(manifest);
      expect(orderForSlime(ordered)).toBe(ordered);
      expect(ordered.metadata).toBe(manifest.metadata);
      expect(endpointsOf(ordered)).toHaveLength(endpointsOf(manifest).length);
      for (const { address } of endpointsOf(manifest)) {
        const same = (endpoint: WorkloadEntry) => endpoint.address === address;
        expect(endpointsOf(ordered).filter(same)).toEqual(endpointsOf(manifest).filter(same));
      }
    }));
  });

  test("keeps repeats and labels that Istio rejects, as slime does", () => {
    const same = { address: "10.0.0.1", labels: { "a:b": "c d" } };
    const manifest = serviceEntry({ hosts: ["b.c", "a.b", "b.c"], endpoints: [same, { ...same }] });
    expect(orderForSlime(manifest).spec.hosts).toEqual(["a.b", "b.c", "b.c"]);
    expect(orderForSlime(manifest).spec.endpoints).toBe(manifest.spec.endpoints);
  });

  test("sorts endpoints by address", () => {
    const endpoints = [{ address: "b", weight: 1 }, { address: "a", weight: 2 }, { address: "a", weight: 1 }];
    expect(endpointsOf(orderForSlime(serviceEntry({ endpoints })))).toEqual(
      [1, 2, 0].map((at) => endpoints[at]),
    );
  });
});
