import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isServiceEntryManifest } from "./manifest-guard.ts";
import {
  Location,
  ObjectMeta,
  Resolution,
  ServiceEntryManifest,
  ServiceEntrySpec,
  ServicePort,
  WorkloadEntry,
  WorkloadSelector,
} from "./manifest.ts";

const text = fc.string({ maxLength: 6 });
const texts = fc.array(text, { maxLength: 3 });
const uint32 = fc.nat(4_294_967_295);
/** Names that mean something to JavaScript's objects; `__proto__` apart, a map may have them all as keys. */
const mapKey = fc.oneof(text, fc.constantFrom("constructor", "toString", "hasOwnProperty", "1", ""))
  .filter((key) => key !== "__proto__");

function mapOf<T>(member: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> {
  return fc.array(fc.tuple(mapKey, member), { maxLength: 3 }).map((members) => Object.fromEntries(members));
}

const selector = fc.record({ labels: mapOf(text) }, { requiredKeys: [] });
const servicePort = fc.record(
  { number: uint32, protocol: text, name: text, targetPort: uint32 },
  { requiredKeys: ["number", "name"] },
);
const workloadEntry = fc.record(
  {
    address: text,
    ports: mapOf(uint32),
    labels: mapOf(text),
    network: text,
    locality: text,
    weight: uint32,
    serviceAccount: text,
  },
  { requiredKeys: [] },
);

const valid: fc.Arbitrary<ServiceEntryManifest> = fc.record({
  apiVersion: fc.constantFrom(
    "networking.istio.io/v1" as const,
    "networking.istio.io/v1beta1" as const,
    "networking.istio.io/v1alpha3" as const,
  ),
  kind: fc.constant("ServiceEntry" as const),
  metadata: fc.record(
    {
      name: fc.string({ minLength: 1, maxLength: 6 }),
      namespace: text,
      labels: mapOf(text),
      annotations: mapOf(text),
      creationTimestamp: text,
    },
    { requiredKeys: ["name", "namespace"] },
  ),
  spec: fc.record(
    {
      hosts: texts,
      addresses: texts,
      ports: fc.array(servicePort, { maxLength: 3 }),
      location: fc.constantFrom(...Location.options),
      resolution: fc.constantFrom(...Resolution.options),
      endpoints: fc.array(workloadEntry, { maxLength: 3 }),
      exportTo: texts,
      subjectAltNames: texts,
      workloadSelector: selector,
    },
    { requiredKeys: ["hosts"] },
  ),
});

/** What may stand where it shouldn't: wrong types, numbers out of range, and values that only look right. */
const intruder: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(
    undefined,
    null,
    true,
    "",
    "STATIC",
    "Sidecar",
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -0,
    -1,
    0.5,
    80,
    4_294_967_295,
    4_294_967_296,
    10n,
  ),
  fc.constantFrom([], [undefined], [""], [[]], {}, { "": "" }, { a: 1 }, new Map(), new Date(0)).map(
    structuredClone,
  ),
  fc.constant(null).map(() => Object.create(null) as unknown),
  fc.constant(null).map(() => JSON.parse(`{"__proto__":"x"}`) as unknown),
  fc.constant(null).map(() => JSON.parse(`{"__proto__":1}`) as unknown),
  fc.constant(null).map(() => Object.assign([], { length: 2 })),
  fc.jsonValue({ maxDepth: 2 }),
);

const knownKeys = [
  "apiVersion kind metadata spec name namespace labels annotations creationTimestamp hosts addresses ports",
  "location resolution endpoints exportTo subjectAltNames workloadSelector number protocol targetPort address",
  "network locality weight serviceAccount __proto__ constructor 0 more",
].flatMap((keys) => keys.split(" "));

/** One change somewhere in a manifest. `place` says where, counted over everything that can be changed. */
interface Mutation {
  readonly place: number;
  readonly what: "replace" | "remove" | "add";
  readonly key: string;
  readonly value: unknown;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  place: fc.nat(200),
  what: fc.constantFrom("replace", "remove", "add"),
  key: fc.constantFrom(...knownKeys),
  value: intruder,
});

function objectsIn(value: unknown): object[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}

function setOwn(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** A mutated copy; the manifest as a whole is replaced, too, now and then. */
function mutated(manifest: unknown, { place, what, key, value }: Mutation): unknown {
  const copy = { root: structuredClone(manifest) };
  const places = objectsIn(copy).flatMap((holder) => Object.keys(holder).map((name) => ({ holder, name })));
  const chosen = places[place % places.length];
  if (chosen === undefined) return copy.root;
  const { holder, name } = chosen;
  const within: unknown = Reflect.get(holder, name);
  if (what === "replace") setOwn(holder, name, value);
  else if (what === "remove") Reflect.deleteProperty(holder, name);
  else if (typeof within === "object" && within !== null && !Array.isArray(within)) {
    setOwn(within, key, value);
  } else if (!Array.isArray(holder)) setOwn(holder, key, value);
  return copy.root;
}

/** Guard true implies that zod takes the value and answers an equal one. */
function holdsForGuard(value: unknown): boolean {
  if (!isServiceEntryManifest(value)) return false;
  const parsed = ServiceEntryManifest.safeParse(value);
  expect(parsed.error).toBeUndefined();
  expect(parsed.data).toStrictEqual(value);
  return true;
}

describe("isServiceEntryManifest()", () => {
  test("accepts every valid manifest, so that zod is hardly ever asked", () => {
    fc.assert(
      fc.property(valid, (manifest) => {
        const stored: unknown = JSON.parse(JSON.stringify(manifest));
        expect(holdsForGuard(stored)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("accepts nothing that zod refuses, and nothing that zod changes", () => {
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(valid, fc.array(mutation, { minLength: 1, maxLength: 3 }), (manifest, mutations) => {
        if (holdsForGuard(mutations.reduce<unknown>(mutated, manifest))) accepted++;
        else refused++;
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(accepted, refused)).toBeGreaterThan(100);
  });

  test("accepts nothing that is no object", () => {
    fc.assert(fc.property(fc.oneof(intruder, fc.anything()), (value) => {
      expect(isServiceEntryManifest(value)).toBe(false);
    }));
  });

  const minimal = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "a", namespace: "" },
    spec: { hosts: [] },
  };
  const withSpec = (spec: unknown) => ({ ...minimal, spec });
  const withEndpoint = (endpoint: unknown) => withSpec({ hosts: [], endpoints: [endpoint] });

  test("accepts the smallest manifest", () => {
    expect(holdsForGuard(minimal)).toBe(true);
  });

  test("knows every key of the schema: a new one would make it useless without a word", () => {
    const labels = { a: "b" };
    const port = { number: 80, protocol: "HTTP", name: "http", targetPort: 8080 };
    const endpoint = {
      address: "10.0.0.1",
      ports: { http: 8080 },
      labels,
      network: "n",
      locality: "r/z",
      weight: 1,
      serviceAccount: "s",
    };
    const metadata = { name: "a", namespace: "n", labels, annotations: labels, creationTimestamp: "t" };
    const workloadSelector = { labels };
    const spec = {
      hosts: ["h"],
      addresses: ["10.0.0.2"],
      ports: [port],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      endpoints: [endpoint],
      exportTo: ["*"],
      subjectAltNames: ["s"],
      workloadSelector,
    };
    const full = { ...minimal, metadata, spec };
    expect(Object.keys(full)).toEqual(Object.keys(ServiceEntryManifest.shape));
    expect(Object.keys(metadata)).toEqual(Object.keys(ObjectMeta.shape));
    expect(Object.keys(spec)).toEqual(Object.keys(ServiceEntrySpec.shape));
    expect(Object.keys(port)).toEqual(Object.keys(ServicePort.shape));
    expect(Object.keys(endpoint)).toEqual(Object.keys(WorkloadEntry.shape));
    expect(Object.keys(workloadSelector)).toEqual(Object.keys(WorkloadSelector.shape));
    expect(holdsForGuard(full)).toBe(true);
  });

  test.each<[string, unknown]>([
    ["a Sidecar", { ...minimal, kind: "Sidecar" }],
    ["another apiVersion", { ...minimal, apiVersion: "networking.istio.io/v2" }],
    ["a status", { ...minimal, status: {} }],
    ["no metadata", { apiVersion: minimal.apiVersion, kind: minimal.kind, spec: minimal.spec }],
    ["an empty name", { ...minimal, metadata: { name: "", namespace: "" } }],
    ["no hosts", withSpec({})],
    ["hosts with a gap", withSpec({ hosts: Object.assign([], { length: 1 }) })],
    ["hosts like an array", withSpec({ hosts: { length: 0 } })],
    ["an array as endpoint", withEndpoint([])],
    ["an unknown key in an endpoint", withEndpoint({ healthy: true })],
    ["a key __proto__ in labels", withEndpoint({ labels: JSON.parse(`{"__proto__":"x"}`) })],
    ["a key __proto__ in ports", withEndpoint({ ports: JSON.parse(`{"__proto__":1}`) })],
    ["another prototype", withEndpoint(Object.create({ address: "10.0.0.1" }))],
    ["a label that is a number", withEndpoint({ labels: { a: 1 } })],
    ["a port that is a text", withEndpoint({ ports: { a: "1" } })],
    ["a negative weight", withEndpoint({ weight: -1 })],
    ["a weight that is not a number", withEndpoint({ weight: Number.NaN })],
    ["a weight of 33 bits", withEndpoint({ weight: 4_294_967_296 })],
    ["a broken weight", withEndpoint({ weight: 1.5 })],
    ["a member that is undefined", withEndpoint({ address: undefined })],
  ])("leaves %s to zod", (_what, value) => {
    expect(isServiceEntryManifest(value)).toBe(false);
  });
});
