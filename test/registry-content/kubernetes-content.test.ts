import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { kubernetesConvertSource } from "../../services/k8s-collector/dry-run/convert-kubernetes.ts";
import { nastyText } from "../istio/arbitrary-manifests.ts";
import { address, name, port, servedOf, socketsOf } from "./content-rig.ts";

const word = fc.constantFrom("orders", "users", "Order_Service", "订单", "a.b");
const namespace = fc.oneof({ weight: 5, arbitrary: fc.constantFrom("shop", "web") }, name);
const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) =>
  fc.oneof(arbitrary, fc.constantFrom<unknown>(null, undefined, 5, {}));
const texts = fc.dictionary(
  fc.oneof(
    fc.constantFrom(
      "app",
      "topology.istio.io/network",
      "topology.istio.io/locality",
      "istio.io/persistent-session",
      "security.istio.io/tlsMode",
      "pod-template-hash",
    ),
    nastyText,
  ),
  fc.oneof(fc.constantFrom("", "a", "r/z", "a b"), nastyText),
  { maxKeys: 4 },
);
const annotations = fc.record({
  "networking.istio.io/exportTo": fc.oneof(
    fc.constantFrom("*", ".", "~", "shop", "a, *", "x/y", " ,"),
    nastyText,
  ),
  "networking.istio.io/traffic-distribution": fc.oneof(fc.constantFrom("PreferClose"), nastyText),
  "alpha.istio.io/kubernetes-serviceaccounts": fc.oneof(fc.constantFrom("a,b"), nastyText),
  "alpha.istio.io/canonical-serviceaccounts": nastyText,
}, { requiredKeys: [] });
const portName = fc.oneof(fc.constantFrom("http", "grpc-web", "dns", "", "tcp-x"), nastyText);

const servicePort = fc.record({
  name: maybe(portName),
  port: port,
  protocol: fc.constantFrom<unknown>("TCP", "TCP", "UDP", "SCTP", undefined, "?"),
  appProtocol: maybe(fc.constantFrom("http", "kubernetes.io/h2c", "acme.com/x")),
  targetPort: fc.oneof(port, fc.constant("web")),
}, { requiredKeys: [] });

const service = fc.record({
  apiVersion: fc.constant("v1"),
  kind: fc.constant("Service"),
  metadata: fc.record({
    namespace,
    name: fc.oneof(word, name),
    labels: maybe(texts),
    annotations: maybe(annotations),
  }, {
    requiredKeys: ["namespace", "name"],
  }),
  spec: maybe(fc.record({
    type: fc.constantFrom<unknown>("ClusterIP", "ExternalName", "NodePort", undefined, 7),
    externalName: fc.oneof(address, fc.constant("db.example")),
    clusterIPs: maybe(fc.array(address, { maxLength: 2 })),
    ipFamilies: maybe(fc.subarray(["IPv4", "IPv6"])),
    ports: maybe(fc.array(servicePort, { maxLength: 4 })),
    trafficDistribution: maybe(fc.constantFrom("PreferClose", "?")),
  }, { requiredKeys: [] })),
});

const condition = fc.constantFrom<unknown>(true, false, null, undefined, "yes");
const endpoint = fc.record({
  addresses: fc.array(address, { maxLength: 2 }),
  conditions: fc.record({ ready: condition, serving: condition, terminating: condition }, {
    requiredKeys: [],
  }),
  nodeName: maybe(fc.constantFrom("n1", "n2")),
  zone: maybe(fc.constantFrom("z", "us-west-2b", "")),
  targetRef: maybe(
    fc.record({ kind: fc.constantFrom("Pod", "Node"), name: fc.constantFrom("p1", "p2", "") }),
  ),
}, { requiredKeys: ["addresses"] });

const slice = fc.record({
  apiVersion: fc.constant("discovery.k8s.io/v1"),
  kind: fc.constant("EndpointSlice"),
  metadata: fc.record({
    namespace,
    name: fc.oneof(fc.constantFrom("s1", "s2", "s3"), name),
    labels: fc.record({ "kubernetes.io/service-name": fc.oneof(word, name) }),
  }),
  addressType: fc.constantFrom("IPv4", "IPv4", "IPv6", "FQDN", "?"),
  ports: maybe(fc.array(fc.record({ name: maybe(portName), port: port }), { maxLength: 3 })),
  endpoints: maybe(fc.array(endpoint, { maxLength: 4 })),
});

const pod = fc.record({
  apiVersion: fc.constant("v1"),
  kind: fc.constant("Pod"),
  metadata: fc.record({ namespace, name: fc.constantFrom("p1", "p2"), labels: maybe(texts) }),
  spec: maybe(
    fc.record({ serviceAccountName: maybe(nastyText), nodeName: maybe(fc.constantFrom("n1", "n2")) }),
  ),
});
const node = fc.record({
  apiVersion: fc.constant("v1"),
  kind: fc.constant("Node"),
  metadata: fc.record({
    name: fc.constantFrom("n1", "n2"),
    labels: fc.record({
      "topology.kubernetes.io/region": nastyText,
      "topology.kubernetes.io/zone": nastyText,
    }, {
      requiredKeys: [],
    }),
  }),
});

/** No object twice, as no server lists one. */
const objects = fc.uniqueArray(
  fc.oneof<
    fc.Arbitrary<
      { readonly kind: string; readonly metadata: { readonly name: string; readonly namespace?: string } }
    >[]
  >(
    service,
    slice,
    pod,
    node,
  ),
  {
    minLength: 1,
    maxLength: 12,
    selector: ({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`,
  },
);

const options = fc.record({
  clusterEntries: fc.constantFrom("merged", "separate"),
  clusterIps: fc.boolean(),
  readPods: fc.boolean(),
  domain: fc.constantFrom("cluster.local", "east.example"),
  region: fc.constantFrom("", "home"),
}, { requiredKeys: [] });

const source = (more: object) => ({ k8sSource: { clusters: [{ id: "east", kubeConfig: "-" }], ...more } });

/** A Service that nothing is wrong with; no other object has its names. */
const good = [
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "good", name: "good" },
    spec: { ports: [{ name: "http", port: 80 }] },
  },
  {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace: "good", name: "good", labels: { "kubernetes.io/service-name": "good" } },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080 }],
    endpoints: [{ addresses: ["10.99.0.1"] }],
  },
];

describe("whatever a Kubernetes cluster holds", () => {
  test("becomes valid entries and named records, and takes no good Service down", async () => {
    await fc.assert(
      fc.asyncProperty(objects, options, async (items, given) => {
        const list = { kind: "List", items: [...items, ...good] };
        const { entries } = await servedOf(kubernetesConvertSource, list, source(given));
        expect(socketsOf(entries)).toContain("10.99.0.1 8080");
      }),
      { numRuns: 500 },
    );
  }, 60_000);

  test("each ready endpoint of a Service that has its ports is served or named", async () => {
    const plain = { name: "http", port: 80, targetPort: 8080 };
    await fc.assert(
      fc.asyncProperty(fc.array(address, { maxLength: 5 }), async (addresses) => {
        const [, goodSlice] = good;
        const items = [
          { ...good[0], spec: { ports: [plain] } },
          { ...goodSlice, endpoints: addresses.map((each) => ({ addresses: [each] })) },
        ];
        const { entries, invalidPaths } = await servedOf(
          kubernetesConvertSource,
          { kind: "List", items },
          source({}),
        );
        const served = entries.flatMap(({ spec }) => spec.endpoints ?? []).length;
        expect(entries).toHaveLength(1);
        expect(served <= new Set(addresses).size).toBe(true);
        if (served < new Set(addresses).size) {
          // One line names all endpoints of the slice that can't be used, unless two were spellings of one.
          expect(invalidPaths.length <= 1).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});
