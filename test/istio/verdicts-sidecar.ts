import type { Manifest, SidecarSpec } from "../../shared/model/manifest.ts";
import { invalid, sidecar, valid } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

const egress = (...names: string[]): Manifest => sidecar({ egress: [{ hosts: names }] });
type Egress = NonNullable<SidecarSpec["egress"]>[number];
type Ingress = NonNullable<SidecarSpec["ingress"]>[number];
const listener = (fields: Egress): Manifest => sidecar({ egress: [{ hosts: ["*/*"], ...fields }] });
const ingress = (fields: Ingress): Manifest => sidecar({ ingress: [{ port: { number: 80 }, ...fields }] });
const proxied = (host: string, mode: "ALLOW_ANY" | "REGISTRY_ONLY"): Manifest =>
  sidecar({ outboundTrafficPolicy: { mode, egressProxy: { host, port: { number: 80 } } } });

/** Good and bad Sidecars, by the rules C1 to C7. */
export const sidecarVerdicts: readonly Verdict[] = [
  valid("hosts of two namespaces", egress("./a.b", "other/*.c", "~/*")),
  valid("a traffic policy alone", sidecar({ outboundTrafficPolicy: {} })),
  invalid("C1", "an empty Sidecar", sidecar({ workloadSelector: { labels: { app: "a" } } })),
  invalid(
    "C1",
    "a wildcard selector",
    sidecar({ workloadSelector: { labels: { app: "*" } }, egress: [{ hosts: ["*/*"] }] }),
  ),
  invalid("C2", "an egress listener without hosts", egress()),
  invalid("C2", "two listeners without port", sidecar({ egress: [{ hosts: ["*/*"] }, { hosts: ["a/*"] }] })),
  valid("a port with an address", listener({ port: { number: 80, protocol: "HTTP" }, bind: "127.0.0.1" })),
  valid("a unix domain socket", listener({ port: { protocol: "HTTP" }, bind: "unix:///run/a.sock" })),
  invalid("C3", "Dubbo as egress protocol", listener({ port: { number: 80, protocol: "DUBBO" } })),
  invalid("C3", "port 0 without a socket", listener({ port: { number: 0 } })),
  invalid("C3", "a bind that is no address", listener({ port: { number: 80 }, bind: "a.b" })),
  invalid("C3", "a captured socket", listener({ port: {}, bind: "unix:///a", captureMode: "IPTABLES" })),
  invalid("C3", "a target port", listener({ port: { number: 80, targetPort: 81 } })),
  invalid(
    "C3",
    "an egress port twice",
    sidecar({ egress: [{ port: { number: 1 }, hosts: ["*/*"] }, { port: { number: 1 }, hosts: ["*/*"] }] }),
  ),
  valid("an excluded namespace", egress("~other/*"), "C4"),
  invalid("C4", "a host without namespace", egress("a.b")),
  invalid("C4", "a short host", egress("*/a")),
  invalid("C4", "a partial wildcard", egress("*/*a.b")),
  invalid("C4", "a Dubbo host", egress("*/com.foo.Bar:g:1.0.0")),
  invalid("C4", "an impossible namespace", egress("a_b/*")),
  invalid("C4", "no namespace before the slash", egress("/*")),
  valid("a host twice", egress("a/b.c", "a/b.c"), "C5"),
  valid("all hosts and one", egress("*/*", "a/b.c"), "C5"),
  valid("an ingress listener", ingress({ bind: "::", defaultEndpoint: "[::1]:8080" })),
  valid("a socket as default endpoint", ingress({ defaultEndpoint: "unix:///run/a.sock" })),
  invalid("C6", "an ingress listener without port", sidecar({ ingress: [{}] })),
  invalid(
    "C6",
    "an ingress port twice",
    sidecar({ ingress: [{ port: { number: 1 } }, { port: { number: 1 } }] }),
  ),
  invalid("C6", "a default endpoint elsewhere", ingress({ defaultEndpoint: "10.0.0.1:80" })),
  invalid("C6", "a default endpoint without port", ingress({ defaultEndpoint: "127.0.0.1" })),
  valid("an egress proxy", proxied("proxy.shop", "ALLOW_ANY")),
  invalid("C7", "an egress proxy for known hosts only", proxied("proxy.shop", "REGISTRY_ONLY")),
  invalid("C7", "an egress proxy that is an address", proxied("10.0.0.1", "ALLOW_ANY")),
  invalid(
    "C7",
    "an egress proxy without port",
    sidecar({ outboundTrafficPolicy: { mode: "ALLOW_ANY", egressProxy: { host: "a.b" } } }),
  ),
];
