import fc from "fast-check";
import type { EndpointSlice, Service, SliceEndpoint } from "../../shared/simulators/kubernetes/objects.ts";
import type { NewInstance } from "../../shared/simulators/nacos/registry.ts";
import { nastyText } from "../istio/arbitrary-manifests.ts";
import { address, name, port } from "../registry-content/content-rig.ts";

/** An application of Eureka with its instances; all that isn't named here is a field of the instance's. */
export interface OddApplication {
  readonly name: string;
  readonly instances: readonly OddInstance[];
}

/** An instance as it is registered. */
export interface OddInstance {
  readonly instanceId: string;
  readonly status: string;
  readonly [field: string]: unknown;
}

/** A service of Nacos with its instances. */
export interface OddService {
  readonly name: string;
  readonly instances: readonly NewInstance[];
}

/** A Service of Kubernetes with its only slice, both of one name. */
export interface OddClusterService {
  readonly service: Service;
  readonly slice: EndpointSlice;
}

/** A node of ZooKeeper. */
export interface OddNode {
  readonly path: string;
  readonly data: string;
}

/** Most records are odd in one thing only: several at once, and a record is left out for the first of them. */
function mostly<T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 3, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

/** What somebody might write for a weight. */
const worstWeights = ["0", "1", "-5", "100", "4294967295", "4294967296", "1e9", "0.5", "x", ""];
const weight = fc.constantFrom(...worstWeights);

const labelValue = fc.oneof(nastyText, weight, fc.constantFrom("a/b/c", "us-west-2b", "x".repeat(300)));

const usualAddress = fc.oneof(fc.ipV4(), fc.constantFrom("10.7.0.1", "10.7.0.2", "2001:db8::7", "fe80::7"));

const eurekaPort = mostly<unknown>(fc.constantFrom(8080, "8443", 80), port).chain((number) =>
  fc.record({ "$": fc.constant(number), "@enabled": mostly<unknown>(fc.constant("true"), fc.boolean()) })
);

const eurekaInstance: fc.Arbitrary<OddInstance> = fc.record({
  instanceId: fc.oneof(fc.constantFrom("1", "2", "3"), nastyText),
  status: mostly(fc.constant("UP"), fc.constantFrom("DOWN", "STARTING", "OUT_OF_SERVICE")),
  hostName: mostly(usualAddress, address),
  ipAddr: mostly(usualAddress, address),
  port: eurekaPort,
  securePort: mostly<unknown>(fc.constant({ "$": 443, "@enabled": "false" }), eurekaPort),
  metadata: fc.dictionary(
    fc.oneof(fc.constantFrom("zone", "region", "weight", "k8sNs", "istio-locality", "version"), nastyText),
    labelValue,
    { maxKeys: 4 },
  ),
});

/**
 * Addresses each of which Envoy or istiod rejects, reaches nobody at, or takes for its own host; once one of the first
 * made Envoy reject the endpoints of all services.
 */
const worstAddresses = [
  "fe80::1%en0",
  "2001:db8::7%eth0",
  "fe80::1%25en0",
  "[::1]",
  "[2001:db8::7%eth0]",
  "010.0.0.1",
  "10.7.0.1 ",
  "10.7.0.300",
  "10.7.0.1:80",
  "docker_host",
  "a..b",
  "",
  " ",
  "unix:///tmp/x",
  "::ffff:127.0.0.12",
  "0.0.0.0",
  "::",
  "127.0.0.1",
  "::1",
  "localhost",
  "224.0.0.1",
  "ff02::1",
  "255.255.255.255",
];

interface PlainInstance {
  readonly address: string;
  readonly port: unknown;
  readonly weight: string;
}

const plain: PlainInstance = { address: "10.7.0.1", port: 8080, weight: "1" };

/**
 * Services of which each has one odd instance and one that isn't. They don't share a service, since one host name among
 * the addresses makes it a service of host names, where Envoy takes more.
 */
const worstServices: readonly (readonly PlainInstance[])[] = [
  ...worstAddresses.map((worst) => ({ ...plain, address: worst })),
  ...[0, -1, 70_000, 65_536, "", "x"].map((worst) => ({ ...plain, port: worst })),
  ...worstWeights.map((worst) => ({ ...plain, weight: worst })),
].map((worst) => [worst, { ...plain, address: "10.7.0.2" }]);

/** Applications of Eureka with one odd instance each. */
export const worstApplications: readonly OddApplication[] = worstServices.map((instances, service) => ({
  name: `worst${service}`,
  instances: instances.map(({ address: ipAddr, port: number, weight: value }, index) => ({
    instanceId: `worst-${index}`,
    status: "UP",
    ipAddr,
    port: { "$": number, "@enabled": "true" },
    metadata: { weight: value },
  })),
}));

/** Applications as Eureka may hold them. */
export const oddApplications: fc.Arbitrary<readonly OddApplication[]> = fc.array(
  fc.record({
    name: name.filter((text) => text !== ""),
    instances: fc.array(eurekaInstance, { minLength: 1, maxLength: 5 }),
  }),
  { minLength: 3, maxLength: 6 },
);

const nacosWeight = fc.constantFrom(1, 1, 0.5, 0, -5, 100, 4_294_967_296, 1e300);

const nacosInstance: fc.Arbitrary<NewInstance> = fc.record({
  ip: mostly(usualAddress, address),
  port: mostly(fc.constantFrom(8080, 80), fc.constantFrom(0, -1, 70_000, 65_536)),
  weight: mostly(fc.constant(1), nacosWeight),
  healthy: mostly(fc.constant(true), fc.boolean()),
  enabled: mostly(fc.constant(true), fc.boolean()),
  clusterName: mostly(fc.constant("DEFAULT"), fc.constantFrom("HZ", "cn-hangzhou-h")),
  metadata: fc.dictionary(
    fc.oneof(
      fc.constantFrom(
        "zone",
        "region",
        "k8sNs",
        "protocol",
        "secure",
        "gRPC_port",
        "istio.hostname",
        "version",
      ),
      nastyText,
    ),
    fc.oneof(labelValue, fc.constantFrom("grpc", "tcp", "true", "9090", "odd.example")),
    { maxKeys: 4 },
  ),
});

/** Services as Nacos may hold them: some of Dubbo's interfaces among them. */
export const oddServices: fc.Arbitrary<readonly OddService[]> = fc.array(
  fc.record({
    name: mostly(
      name.filter((text) => text !== ""),
      fc.constantFrom("providers:a.B::", "providers:odd.Service:1.0.0:blue", "consumers:a.B::"),
    ),
    instances: fc.array(nacosInstance, { minLength: 1, maxLength: 5 }),
  }),
  { minLength: 3, maxLength: 6 },
);

/** Services of Nacos with one odd instance each: plain ones, and Dubbo's. */
export const worstNacosServices: readonly OddService[] = worstServices.flatMap((instances, service) =>
  [`worst${service}`, `providers:odd.Worst${service}::`].map((at) => ({
    name: at,
    instances: instances.map(({ address: ip, port: number, weight: value }) => ({
      ip,
      port: Number(number) || 0,
      weight: Number(value) || 0,
      metadata: { weight: value },
    })),
  }))
);

const sliceEndpoint: fc.Arbitrary<SliceEndpoint> = fc.record({
  addresses: fc.array(mostly(usualAddress, address), { minLength: 1, maxLength: 2 }),
  conditions: fc.record(
    { ready: mostly(fc.constant(true), fc.boolean()), terminating: mostly(fc.constant(false), fc.boolean()) },
    { requiredKeys: [] },
  ),
  zone: labelValue,
}, { requiredKeys: ["addresses"] });

/** A Service and its slice, whose ports have names in common. */
function clusterService(
  name: string,
  labels: Readonly<Record<string, string>>,
  port: number,
  endpoints: readonly SliceEndpoint[],
  addressType: EndpointSlice["addressType"] = "IPv4",
): OddClusterService {
  const metadata = { namespace: "shop", name };
  return {
    service: { metadata: { ...metadata, labels }, spec: { ports: [{ name: "http", port: 80 }] } },
    slice: {
      metadata: { ...metadata, labels: { "kubernetes.io/service-name": name } },
      addressType,
      ports: [{ name: "http", port }],
      endpoints,
    },
  };
}

/** Services with slices as no API server of today would take them: others may. */
export const oddClusterServices: fc.Arbitrary<readonly OddClusterService[]> = fc.array(
  fc.tuple(
    fc.constantFrom("orders", "users", "a-b", "x"),
    fc.dictionary(fc.oneof(fc.constantFrom("topology.istio.io/network", "app"), nastyText), labelValue, {
      maxKeys: 3,
    }),
    mostly(fc.constantFrom(8080, 80), fc.constantFrom(0, -1, 70_000, 65_536)),
    fc.array(sliceEndpoint, { minLength: 1, maxLength: 5 }),
    fc.constantFrom("IPv4" as const, "IPv6" as const, "FQDN" as const),
  ).map((parts) => clusterService(...parts)),
  { minLength: 3, maxLength: 6 },
);

/** Services of Kubernetes with one odd endpoint each. */
export const worstClusterServices: readonly OddClusterService[] = worstServices.map((instances, service) =>
  clusterService(
    `worst${service}`,
    {},
    Number(instances[0]?.port) || 0,
    instances.map(({ address: each }) => ({ addresses: [each] })),
  )
);

const parameter = fc.oneof(
  fc.tuple(fc.constantFrom("weight", "warmup", "timestamp"), weight),
  fc.tuple(fc.constantFrom("group", "version", "application", "zone", "dubbo.tag", "protocol"), labelValue),
  fc.tuple(nastyText, labelValue),
).map(([key, value]) => `${key}=${value}`);

const dubboUrl = fc.record({
  protocol: mostly(fc.constant("dubbo"), fc.constantFrom("tri", "rest", "grpc", "override", "consumer", "")),
  host: mostly(usualAddress, address).map((host) =>
    host.includes(":") && !host.startsWith("[") ? `[${host}]` : host
  ),
  port: mostly<unknown>(fc.constantFrom(20_880, 20_881), port).map(String),
  parameters: fc.array(parameter, { maxLength: 5 }),
}).map(({ protocol, host, port: number, parameters }) =>
  encodeURIComponent(
    `${protocol}://${host}:${number}/a.B?interface=a.B&${parameters.join("&")}`.toWellFormed(),
  )
);

const interfaceName = mostly(fc.constantFrom("a.B", "odd.Service", "odd.Other"), name).map(encodeURIComponent)
  .filter(isNodeName);

const dubboInterface = fc.record({
  interfaceName,
  providers: fc.array(dubboUrl, { minLength: 1, maxLength: 5 }),
  configurators: fc.array(dubboUrl, { maxLength: 1 }),
  consumers: fc.array(dubboUrl, { maxLength: 2 }),
}).map(({ interfaceName: at, ...directories }): OddNode[] =>
  Object.entries(directories).flatMap(([directory, urls]) =>
    urls.map((url) => ({ path: `/dubbo/${at}/${directory}/${url}`, data: "" }))
  )
);

const springInstance = fc.record({
  name: fc.constant("odd-app"),
  id: fc.oneof(fc.constantFrom("1", "2"), nastyText),
  address: mostly(usualAddress, address),
  port: mostly<unknown>(fc.constantFrom(8080, 8081), port),
  sslPort: mostly<unknown>(fc.constant(null), port),
  payload: fc.record({
    metadata: fc.dictionary(fc.oneof(fc.constantFrom("weight", "zone", "region"), nastyText), labelValue, {
      maxKeys: 3,
    }),
  }),
});

const springApplication = fc.tuple(
  mostly(fc.constant("odd-app"), name).map(encodeURIComponent).filter(isNodeName),
  fc.array(springInstance, { minLength: 1, maxLength: 4 }),
).map(([at, instances]): OddNode[] =>
  instances.map((content, index) => ({ path: `/services/${at}/${index}`, data: JSON.stringify(content) }))
);

/** Nodes as Dubbo and Spring Cloud applications may write them; each path once. */
export const oddNodes: fc.Arbitrary<readonly OddNode[]> = fc.tuple(
  fc.array(dubboInterface, { minLength: 2, maxLength: 5 }),
  fc.array(springApplication, { maxLength: 3 }),
).map(([interfaces, applications]) => [
  ...new Map([...interfaces, ...applications].flat().map((node) => [node.path, node])).values(),
]);

/** The same in ZooKeeper: Dubbo interfaces and Spring Cloud applications. */
export const worstNodes: readonly OddNode[] = worstServices.flatMap((instances, service) =>
  instances.flatMap(({ address: host, port: number, weight: value }, index): OddNode[] => {
    const bracketed = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
    const [name, application] = [`odd.Worst${service}`, `worst${service}`];
    const url = `dubbo://${bracketed}:${String(number)}/${name}?interface=${name}&weight=${value}`;
    const id = String(index);
    const spring = {
      name: application,
      id,
      address: host,
      port: number,
      payload: { metadata: { weight: value } },
    };
    return [
      { path: `/dubbo/${name}/providers/${encodeURIComponent(url)}`, data: "" },
      { path: `/services/${application}/${id}`, data: JSON.stringify(spring) },
    ];
  })
);

function isNodeName(text: string): boolean {
  return text !== "" && text !== "." && text !== "..";
}
