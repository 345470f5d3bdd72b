import type { ServiceEntryManifest, ServiceEntrySpec } from "../../shared/model/manifest.ts";
import { invalid, serviceEntry, valid } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

const hosts = (...names: string[]): ServiceEntryManifest => serviceEntry({ hosts: names });
const selected = (labels: Record<string, string>): ServiceEntryManifest =>
  serviceEntry({ endpoints: [], workloadSelector: { labels } });
const dns = (spec: Partial<ServiceEntrySpec>): ServiceEntryManifest =>
  serviceEntry({ resolution: "DNS", ...spec });
const endpoint = (fields: NonNullable<ServiceEntrySpec["endpoints"]>[number]): ServiceEntryManifest =>
  serviceEntry({ endpoints: [{ address: "10.0.0.1", ...fields }] });
const label = (key: string, value: string): ServiceEntryManifest => endpoint({ labels: { [key]: value } });
const protocol = (name: string): ServiceEntryManifest =>
  serviceEntry({ ports: [{ number: 80, name: "http", protocol: name }], addresses: ["240.0.0.1"] });
const exportTo = (...names: string[]): ServiceEntryManifest => serviceEntry({ exportTo: names });

const serviceEntryHosts: readonly Verdict[] = [
  valid("a plain entry", serviceEntry({})),
  valid("upper case, as in a Java interface", hosts("com.foo.Bar.group.v1")),
  valid("a single label", hosts("Bar")),
  valid("a single label of digits", hosts("123")),
  valid("a wildcard domain", hosts("*.foo.com")),
  valid("a trailing dot", hosts("foo.com.")),
  valid("a last label of digits beyond 64 bits", hosts("a.99999999999999999999")),
  valid("a partial wildcard", hosts("*foo.com"), "S1"),
  valid("the same host twice", hosts("a.b", "a.b")),
  invalid("S1", "no hosts", hosts()),
  invalid("S1", "the wildcard alone", hosts("*")),
  invalid("S1", "colons, as slime writes Dubbo's hosts", hosts("com.foo.Bar:group:1.0.0")),
  invalid("S1", "a numeric last label", hosts("com.foo.Bar.1.0.0")),
  invalid("S1", "the largest 64-bit integer as last label", hosts("a.9223372036854775807")),
  invalid("S1", "an IP address as host", hosts("1.2.3.4")),
  invalid("S1", "an underscore", hosts("foo_bar.com")),
  invalid("S1", "a leading hyphen", hosts("-a.b")),
  invalid("S1", "an empty label", hosts("a..b")),
  invalid("S1", "a wildcard in the middle", hosts("a.*.com")),
  invalid("S1", "a label of 64 characters", hosts(`${"a".repeat(64)}.b`)),
  invalid("S1", "256 characters", hosts(`${"a.".repeat(127)}ab`)),
  invalid("S1", "the empty host", hosts("")),
];

const serviceEntrySelectors: readonly Verdict[] = [
  valid("a selector", selected({ app: "a" })),
  valid("a selector without labels", serviceEntry({ endpoints: [], workloadSelector: {} }), "S2"),
  invalid("S2", "a selector and endpoints", serviceEntry({ workloadSelector: { labels: { app: "a" } } })),
  invalid("S2", "a wildcard in a selector", selected({ app: "a*" })),
  invalid("S2", "an empty key in a selector", selected({ "": "a" })),
];

const serviceEntryPorts: readonly Verdict[] = [
  valid("addresses", serviceEntry({ addresses: ["240.0.0.1", "10.0.0.0/8", "2001:db8::/32", "::1"] })),
  invalid("S3", "an address with a leading zero", serviceEntry({ addresses: ["10.0.0.01"] })),
  invalid("S3", "a CIDR block of 33 bits", serviceEntry({ addresses: ["10.0.0.0/33"] })),
  invalid("S3", "a host as address", serviceEntry({ addresses: ["a.b"] })),
  invalid("S3", "a CIDR block with DNS", dns({ addresses: ["10.0.0.0/8"] })),
  valid("no ports", serviceEntry({ ports: [], endpoints: [] })),
  valid("gRPC-Web in any case", protocol("grpc-WEB")),
  valid("no protocol", protocol("")),
  invalid("S4", "Dubbo as protocol", protocol("DUBBO")),
  invalid("S4", "HBONE as protocol", protocol("HBONE")),
  invalid(
    "S4",
    "a port name with an underscore",
    serviceEntry({ ports: [{ number: 80, name: "a_b" }], endpoints: [] }),
  ),
  invalid("S4", "a port without a name", serviceEntry({ ports: [{ number: 80, name: "" }], endpoints: [] })),
  invalid("S4", "port 0", serviceEntry({ ports: [{ number: 0, name: "http" }] })),
  invalid("S4", "port 70000", serviceEntry({ ports: [{ number: 70_000, name: "http" }] })),
  invalid(
    "S4",
    "target port 70000",
    serviceEntry({ ports: [{ number: 80, name: "http", targetPort: 70_000 }] }),
  ),
  invalid(
    "S4",
    "a port number twice",
    serviceEntry({ ports: [{ number: 80, name: "http" }, { number: 80, name: "b" }] }),
  ),
  invalid(
    "S4",
    "a port name twice",
    serviceEntry({ ports: [{ number: 80, name: "http" }, { number: 81, name: "http" }] }),
  ),
  valid(
    "TCP without an address",
    serviceEntry({ ports: [{ number: 80, name: "http", protocol: "TCP" }] }),
    "S5",
  ),
  valid("two HTTP hosts", hosts("a.b", "c.d")),
  invalid("S10", "two hosts with TCP", serviceEntry({ ...protocol("TCP").spec, hosts: ["a.b", "c.d"] })),
  invalid(
    "S10",
    "two hosts without a protocol",
    serviceEntry({ ...protocol("").spec, hosts: ["a.b", "c.d"] }),
  ),
];

const serviceEntryEndpoints: readonly Verdict[] = [
  valid("no endpoints", serviceEntry({ endpoints: [] })),
  valid(
    "the same endpoint twice",
    serviceEntry({ endpoints: [{ address: "10.0.0.1" }, { address: "10.0.0.1" }] }),
  ),
  valid("IPv6 with a zone", endpoint({ address: "fe80::1%eth0" })),
  valid("a network in place of an address", serviceEntry({ endpoints: [{ network: "n" }] }), "S7"),
  valid("a unix domain socket", serviceEntry({ endpoints: [{ address: "unix:///run/a.sock" }] })),
  valid("an abstract socket", serviceEntry({ endpoints: [{ address: "unix://@a" }] })),
  invalid("S6", "an endpoint without resolution", serviceEntry({ resolution: "NONE" })),
  invalid("S7", "a host as STATIC endpoint", endpoint({ address: "a.b" })),
  invalid("S7", "an IPv4 address with a port", endpoint({ address: "10.0.0.1:80" })),
  invalid("S7", "an IPv4 address with a leading zero", endpoint({ address: "10.0.0.01" })),
  invalid("S7", "an endpoint without address", serviceEntry({ endpoints: [{}] })),
  invalid("S7", "a socket that is a folder", serviceEntry({ endpoints: [{ address: "unix:///run/" }] })),
  invalid(
    "S7",
    "a socket with ports",
    serviceEntry({ endpoints: [{ address: "unix:///a", ports: { http: 1 } }] }),
  ),
  invalid(
    "S7",
    "a socket without a service port",
    serviceEntry({ ports: [], endpoints: [{ address: "unix://@a" }] }),
  ),
  valid(
    "hosts and addresses as DNS endpoints",
    dns({ endpoints: [{ address: "a.b" }, { address: "10.0.0.1" }] }),
  ),
  valid("DNS without endpoints", dns({ endpoints: [] })),
  invalid("S8", "DNS without endpoints, with a wildcard", dns({ hosts: ["*.a.b"], endpoints: [] })),
  invalid("S8", "DNS and an endpoint without address", dns({ endpoints: [{}] })),
  invalid("S8", "DNS and a unix domain socket", dns({ endpoints: [{ address: "unix:///a" }] })),
  invalid(
    "S8",
    "two endpoints with DNS_ROUND_ROBIN",
    dns({ resolution: "DNS_ROUND_ROBIN", endpoints: [{ address: "10.0.0.1" }, { address: "10.0.0.2" }] }),
  ),
  invalid("S9", "an unknown port", endpoint({ ports: { https: 8080 } })),
  invalid("S9", "an endpoint's port 0", endpoint({ ports: { http: 0 } })),
  invalid(
    "S9",
    "a DNS endpoint's port 65536",
    dns({ endpoints: [{ address: "a.b", ports: { http: 65_536 } }] }),
  ),
  valid("a long label value", label("a", "a".repeat(100))),
  valid("an empty label value", label("a", "")),
  valid("a label key with a prefix", label("example.com/a_b.c", "x")),
  invalid("S9", "a label value with a space", label("a", "a b")),
  invalid("S9", "a label value with a comma", label("a", "a,b")),
  invalid("S9", "a label value that ends with a dot", label("a", "a.")),
  invalid("S9", "a label value in another script", label("a", "北京")),
  invalid("S9", "a label key with a colon", label("a:b", "x")),
  invalid("S9", "an empty label key", label("", "x")),
  invalid("S9", "a label key of 64 characters", label("a".repeat(64), "x")),
  invalid("S9", "a label key with two slashes", label("a/b/c", "x")),
  invalid("S9", "a DNS endpoint's label", dns({ endpoints: [{ address: "a.b", labels: { a: "/" } }] })),
];

const dynamic: Partial<ServiceEntrySpec> = { resolution: "DYNAMIC_DNS", hosts: ["*.a.b"], endpoints: [] };
const waypoint = { labels: { "istio.io/use-waypoint": "w" } };

const serviceEntryScope: readonly Verdict[] = [
  valid("exported to two namespaces", exportTo(".", "other")),
  valid("exported to no one", exportTo("~")),
  invalid("S11", "exported to one namespace twice", exportTo("a", "a")),
  invalid("S11", "exported to its own namespace twice", exportTo(".", "shop")),
  invalid("S11", "exported to all and one", exportTo("*", "a")),
  invalid("S11", "exported to no one and one", exportTo("a", "~")),
  invalid("S11", "exported to no namespace", exportTo("a_b")),
  valid("dynamic DNS", serviceEntry(dynamic)),
  invalid("S12", "dynamic DNS without a wildcard", serviceEntry({ ...dynamic, hosts: ["a.b"] })),
  invalid("S12", "dynamic DNS with an address", serviceEntry({ ...dynamic, addresses: ["240.0.0.1"] })),
  invalid(
    "S12",
    "dynamic DNS with an endpoint",
    serviceEntry({ ...dynamic, endpoints: [{ address: "10.0.0.1" }] }),
  ),
  invalid(
    "S12",
    "dynamic DNS with HTTPS",
    serviceEntry({ ...dynamic, ports: [{ number: 443, name: "https", protocol: "HTTPS" }] }),
  ),
  invalid(
    "S12",
    "dynamic DNS with a waypoint",
    serviceEntry({ ...dynamic, location: "MESH_INTERNAL" }, waypoint),
  ),
  valid("any text in metadata", serviceEntry({}, { labels: { "a b": "/" }, annotations: { "?": "北京" } })),
  invalid(
    "M1",
    "an annotation of another kind",
    serviceEntry({}, { annotations: { "istio.io/dry-run": "true" } }),
  ),
  invalid(
    "M1",
    "an internal annotation",
    serviceEntry({}, { annotations: { "internal.istio.io/parents": "" } }),
  ),
];

/** Good and bad ServiceEntries, by the rules M1 and S1 to S12. (S13 can't be written down in our types.) */
export const serviceEntryVerdicts: readonly Verdict[] = [
  ...serviceEntryHosts,
  ...serviceEntrySelectors,
  ...serviceEntryPorts,
  ...serviceEntryEndpoints,
  ...serviceEntryScope,
];
