import type { Profile } from "../model/profile.ts";

/** A service port's protocol, and the word that its name begins with: `http` of `http-8080`. */
export interface PortProtocol {
  readonly protocol: string;
  readonly namePrefix: string;
}

/** Protocols that a stock istiod knows, by the words that slime's users write for `SvcProtocol`. */
const istioProtocols: ReadonlyMap<string, string> = new Map([
  ["http", "HTTP"],
  ["http2", "HTTP2"],
  ["grpc", "GRPC"],
  ["grpc-web", "GRPC-Web"],
  ["https", "HTTPS"],
  ["tls", "TLS"],
  ["mongo", "Mongo"],
  ["redis", "Redis"],
  ["mysql", "MySQL"],
  ["udp", "UDP"],
  // Triple is gRPC on the wire.
  ["tri", "GRPC"],
  ["triple", "GRPC"],
]);

/**
 * A protocol as registrants write it, in the one form that `svcProtocol` has for it: lower case, `grpc` for Triple.
 * Undefined for what isn't known here.
 */
export function protocolWord(text: string): string | undefined {
  const word = text.toLowerCase();
  if (word === "tri" || word === "triple") return "grpc";
  return word === "tcp" || istioProtocols.has(word) ? word : undefined;
}

/**
 * The protocol of a source's service ports. The `slime` profile keeps slime's words (`DUBBO` and `GENERIC` need an
 * istiod that is patched for them); the `istio` profile uses what every istiod takes. Names are the same in both.
 */
export function portProtocol(svcProtocol: string, generic: boolean, profile: Profile): PortProtocol {
  const word = svcProtocol.toLowerCase();
  const namePrefix = generic ? `generic-${word}` : word;
  if (profile === "istio") return { protocol: istioProtocols.get(word) ?? "TCP", namePrefix };
  if (generic) return { protocol: "GENERIC", namePrefix };
  return { protocol: word === "http" ? "HTTP" : word === "dubbo" ? "DUBBO" : "TCP", namePrefix };
}
