import { MeshError } from "../runtime/errors.ts";

/** One server of a cluster. */
export interface ServerAddress {
  /** `host:port` of its HTTP API, for messages and to tell servers apart. */
  readonly text: string;
  readonly host: string;
  readonly port: number;
  /** Where its HTTP API begins, without a slash at the end: `http://host:8848/nacos`. */
  readonly baseUrl: string;
  /** `host:port` of its gRPC API. */
  readonly grpcTarget: string;
}

/** Nacos' own defaults. */
const defaultPort = 8848;
const defaultPath = "/nacos";
/** How far above its HTTP port a server's gRPC port is. */
const grpcOffset = 1_000;

/**
 * Reads servers as they are configured: see `NacosOptions.servers`.
 * @param tls whether those without a scheme are asked over HTTPS
 * @throws MeshError `configuration` for none, or what is none.
 */
export function parseServers(
  servers: readonly string[],
  { tls, grpcPort }: { readonly tls: boolean; readonly grpcPort?: number | undefined },
): readonly ServerAddress[] {
  if (servers.length === 0) {
    throw new MeshError("configuration", "no address of a Nacos server is configured");
  }
  const parsed = servers.map((server) => parseServer(server, tls, grpcPort));
  return [...new Map(parsed.map((server) => [server.baseUrl, server])).values()];
}

function parseServer(server: string, tls: boolean, grpcPort: number | undefined): ServerAddress {
  const given = server.trim();
  const bad = (why: string) =>
    new MeshError("configuration", `"${given}" is no address of a Nacos server: ${why}; write host:port`);
  const scheme = /^([a-z]+):\/\//i.exec(given)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") throw bad(`${scheme} isn't spoken`);
  const isSecure = scheme === undefined ? tls : scheme === "https";
  const rest = given.slice(scheme === undefined ? 0 : scheme.length + 3);
  // Parsed as FTP, since a URL drops the port that is its scheme's default, and 80 may be meant.
  const url = URL.parse(`ftp://${rest}`);
  if (url === null || url.hostname === "") throw bad("it can't be read");
  if (url.username !== "" || url.password !== "") throw bad("credentials have options of their own");
  if (url.search !== "" || url.hash !== "") throw bad("there is something behind the path");
  const port = url.port === "" ? schemePort(scheme) : Number(url.port);
  if (port === 0) throw bad("its port is 0");
  const host = url.hostname;
  const path = url.pathname === "/" ? defaultPath : url.pathname.replace(/\/+$/, "");
  return {
    text: `${host}:${port}`,
    host: host.replace(/^\[(.*)\]$/, "$1"),
    port,
    baseUrl: `${isSecure ? "https" : "http"}://${host}:${port}${path}`,
    grpcTarget: `${host}:${grpcPort ?? port + grpcOffset}`,
  };
}

/** A URL without a port means its scheme's, as behind an ingress; a host alone means Nacos'. */
function schemePort(scheme: string | undefined): number {
  return scheme === undefined ? defaultPort : scheme === "https" ? 443 : 80;
}
