import { credentials } from "@grpc/grpc-js";
import type { ChannelCredentials, ChannelOptions, VerifyOptions } from "@grpc/grpc-js";
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";

/** PEM texts for a connection with TLS; without `ca` the system's certificates are trusted. */
export interface GrpcTls {
  readonly ca?: Buffer | string | undefined;
  readonly own?: { readonly cert: Buffer | string; readonly key: Buffer | string } | undefined;
  /** The name that the server's certificate has, if it isn't that of the address. */
  readonly serverName?: string | undefined;
}

/** Credentials for a client of `host:port`; without TLS if there is none. */
export function grpcCredentials(tls: GrpcTls | undefined, address: string): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { ca, own, serverName } = tls;
  const host = hostOf(address);
  const verify: VerifyOptions = serverName === undefined && isIP(host) !== 0
    ? { checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate) }
    : {};
  return credentials.createSsl(buffer(ca), buffer(own?.key), buffer(own?.cert), verify);
}

/**
 * The name to connect to, if it isn't that of the address. An IP address is no name that TLS could be told (Deno
 * refuses it, Node warns), but the library would tell it, so it is given another one; what counts is checked with the
 * credentials.
 */
export function grpcNameOptions(tls: GrpcTls | undefined, address: string): ChannelOptions {
  if (tls === undefined) return {};
  const name = tls.serverName;
  if (name !== undefined) return { "grpc.ssl_target_name_override": name, "grpc.default_authority": name };
  return isIP(hostOf(address)) === 0 ? {} : { "grpc.ssl_target_name_override": "ip.invalid" };
}

/** Without the port, and without the brackets of IPv6. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
}

function buffer(pem: Buffer | string | undefined): Buffer | null {
  return pem === undefined ? null : typeof pem === "string" ? Buffer.from(pem) : pem;
}
