import fc from "fast-check";
import type {
  Manifest,
  ServiceEntryManifest,
  ServiceEntrySpec,
  ServicePort,
  SidecarManifest,
  SidecarSpec,
  WorkloadEntry,
} from "../../shared/model/manifest.ts";

type Texts = fc.Arbitrary<string>;
type Labels = Record<string, string>;

/** Any text that can travel as JSON and protobuf: no lone surrogates. */
export const anyText: Texts = fc.string({ unit: "binary", maxLength: 12 });

const nearCharacters = ["a", "B", "0", "9", "-", "_", ".", ":", "/", "*", "~", "@", " ", "\n"];

/** Texts that almost fit: the characters around which the rules are made. */
const nearText: Texts = fc.string({ unit: fc.constantFrom(...nearCharacters), maxLength: 8 });

/** Label keys and values as registries send them, and worse. */
export const nastyText: Texts = fc.oneof(
  fc.constantFrom(
    "",
    "v1",
    "a b",
    "a,b",
    "{}",
    "-",
    "_a_",
    "a/b",
    "a/b/c",
    "example.com/x",
    "__proto__",
    "北京",
  ),
  fc.constantFrom("a".repeat(63), "a".repeat(64), `${"a".repeat(63)}-`, `${"a.".repeat(126)}ab/x`),
  nearText,
  anyText,
);

const hosts: Texts = fc.oneof(
  fc.constantFrom(
    "a.b",
    "Foo.bar",
    "x",
    "1",
    "*",
    "*.a",
    "*a.b",
    "*-a.b",
    "a.1",
    "a.",
    "",
    "a_b",
    `${"a".repeat(64)}.b`,
  ),
  fc.constantFrom(".", "*.", "1.2.", "a.00", "a.-1", "**", "*-", "a.9223372036854775808"),
  nearText,
);

const addresses: Texts = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom(
    "",
    "a.b",
    "01.2.3.4",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "::ffff:1.2.3.4",
    "fe80::1%eth0",
    "::%",
    "[::1]",
  ),
  fc.constantFrom(
    "unix:///a",
    "unix://@a",
    "unix://",
    "unix:///a/",
    "10.0.0.0/8",
    "::/0",
    "::/129",
    "1.2.3.4/08",
  ),
  nearText,
);

const portNumbers = fc.oneof(
  fc.constantFrom(0, 1, 80, 443, 65_535, 65_536),
  fc.integer({ min: 1, max: 90_000 }),
);
const portNames: Texts = fc.oneof(fc.constantFrom("http", "tcp", "Grpc-1", "", "a_b", "-a"), nearText);
const protocols: Texts = fc.oneof(
  fc.constantFrom(
    "HTTP",
    "http2",
    "TCP",
    "tls",
    "HTTPS",
    "gRPC-Web",
    "UDP",
    "Mongo",
    "",
    "DUBBO",
    "HBONE",
    "http ",
  ),
  fc.constantFrom("HTTP", "TCP"),
);

/** What is left out is absent, not undefined. */
const optional: { requiredKeys: [] } = { requiredKeys: [] };

/** Without a key `__proto__`: zod leaves it out of every answer of a registry, so no collector makes such a label. */
const labels = (keys: Texts, values: Texts): fc.Arbitrary<Labels> =>
  fc.dictionary(keys.filter((key) => key !== "__proto__"), values, { maxKeys: 4 });

const servicePort: fc.Arbitrary<ServicePort> = fc.record(
  { number: portNumbers, name: portNames, protocol: protocols, targetPort: portNumbers },
  { requiredKeys: ["number", "name"] },
);

const endpoint: fc.Arbitrary<WorkloadEntry> = fc.record({
  address: addresses,
  ports: fc.dictionary(portNames, portNumbers, { maxKeys: 2 }),
  labels: labels(nastyText, nastyText),
  network: fc.constantFrom("", "n"),
  weight: fc.nat(3),
  locality: fc.constantFrom("", "r/z"),
}, optional);

const resolutions = fc.constantFrom("NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS");
const exports: Texts = fc.oneof(fc.constantFrom(".", "*", "~", "shop", "a", "a_b"), nearText);
const selector = fc.record({ labels: labels(nearText, nearText) }, optional);

const hostLists = fc.array(hosts, { maxLength: 3 });
const parts = {
  addresses: fc.array(addresses, { maxLength: 2 }),
  ports: fc.array(servicePort, { maxLength: 3 }),
  location: fc.constantFrom("MESH_EXTERNAL" as const, "MESH_INTERNAL" as const),
  resolution: resolutions,
  endpoints: fc.array(endpoint, { maxLength: 3 }),
  exportTo: fc.array(exports, { maxLength: 2 }),
  workloadSelector: selector,
};

function entryOf(spec: ServiceEntrySpec): ServiceEntryManifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "entry", namespace: "shop" },
    spec,
  };
}

const listenerPort = fc.record({
  number: portNumbers,
  name: portNames,
  protocol: protocols,
  targetPort: fc.constantFrom(0, 1),
}, optional);
const egressHost = fc.tuple(exports, fc.constantFrom("/", "/", "/", ""), hosts).map((parts) =>
  parts.join("")
);

const sidecarSpec: fc.Arbitrary<SidecarSpec> = fc.record({
  workloadSelector: selector,
  egress: fc.array(
    fc.record({
      port: listenerPort,
      bind: addresses,
      captureMode: fc.constantFrom("DEFAULT", "IPTABLES", "NONE"),
      hosts: fc.array(egressHost, { maxLength: 3 }),
    }, optional),
    { maxLength: 2 },
  ),
  ingress: fc.array(
    fc.record({
      port: listenerPort,
      bind: addresses,
      defaultEndpoint: fc.tuple(
        fc.constantFrom("", "127.0.0.1", "[::1]", "::1", "[::]", "10.0.0.1", "[127.0.0.1]", "unix://"),
        fc.constantFrom("", ":80", ":", ":0", ":+80", ":x", "/a", "/a/"),
      ).map((parts) => parts.join("")),
    }, optional),
    { maxLength: 2 },
  ),
  outboundTrafficPolicy: fc.record({
    mode: fc.constantFrom("REGISTRY_ONLY", "ALLOW_ANY"),
    egressProxy: fc.record(
      { host: hosts, subset: portNames, port: fc.record({ number: portNumbers }) },
      { requiredKeys: ["host"] },
    ),
  }, optional),
}, optional);

/** Entries near the border of what Istio accepts, in every field at once. */
export const anyServiceEntry: fc.Arbitrary<ServiceEntryManifest> = fc.record(
  { hosts: hostLists, ...parts },
  { requiredKeys: ["hosts"] },
).map(entryOf);

/** Sidecars near the border of what Istio accepts. */
export const anySidecar: fc.Arbitrary<SidecarManifest> = sidecarSpec.map((spec) => ({
  apiVersion: "networking.istio.io/v1",
  kind: "Sidecar",
  metadata: { name: "sidecar", namespace: "shop" },
  spec,
}));

const partsAlone: readonly fc.Arbitrary<Partial<ServiceEntrySpec>>[] = [
  fc.record({ addresses: parts.addresses }),
  fc.record({ ports: parts.ports, endpoints: fc.constant([]) }),
  fc.record({ endpoints: parts.endpoints }),
  fc.record({ resolution: parts.resolution }),
  fc.record({ resolution: parts.resolution, endpoints: fc.constant([]) }),
  fc.record({ exportTo: parts.exportTo }),
  fc.record({ workloadSelector: parts.workloadSelector, endpoints: fc.constant([]) }),
];

/**
 * Valid entries but for two fields: with every field at the border at once hardly any entry would be valid, and a rule
 * that we forgot would hide behind the other errors.
 */
const almostValid: fc.Arbitrary<ServiceEntryManifest> = fc.tuple(
  fc.oneof(fc.record({ hosts: hostLists }), ...partsAlone),
  fc.oneof(fc.constant({}), ...partsAlone),
).map(([first, second]) =>
  entryOf({
    hosts: ["orders.shop"],
    ports: [{ number: 80, name: "http", protocol: "HTTP" }],
    resolution: "STATIC",
    endpoints: [{ address: "10.0.0.1" }],
    ...first,
    ...second,
  })
);

/** Any kind of manifest, to compare verdicts. */
export const anyManifest: fc.Arbitrary<Manifest> = fc.oneof(anyServiceEntry, almostValid, anySidecar);
