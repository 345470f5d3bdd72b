import { BlockList, isIP } from "node:net";

/** The variables that name proxies, by the scheme of the server. */
const variables = {
  "https:": ["https_proxy", "all_proxy"],
  "http:": ["http_proxy", "all_proxy"],
} as const;

/**
 * The proxy for a server by the environment, as curl, kubectl and Go choose it: `HTTPS_PROXY`, else `ALL_PROXY`, lower
 * case first, unless `NO_PROXY` excludes the server. Our own machine is never reached through a proxy. A proxy without a
 * scheme is `http://`. Undefined: none, or one that is neither http nor https.
 */
export function proxyFromEnvironment(
  server: URL,
  environment: Readonly<Record<string, string | undefined>>,
): URL | undefined {
  const read = (name: string) => environment[name] ?? environment[name.toUpperCase()] ?? "";
  const names = server.protocol === "http:" ? variables["http:"] : variables["https:"];
  const text = names.map(read).find((value) => value !== "");
  if (text === undefined || isExcluded(server, read("no_proxy"))) return undefined;
  const url = text.includes("://") ? text : `http://${text}`;
  const proxy = URL.canParse(url) ? new URL(url) : undefined;
  return proxy?.protocol === "http:" || proxy?.protocol === "https:" ? proxy : undefined;
}

/**
 * Whether `NO_PROXY` excludes a server: `*`, a domain with all below it (`.example.com`: only what is below), an
 * address, a range such as `10.0.0.0/8`, each with an optional port.
 */
function isExcluded(server: URL, noProxy: string): boolean {
  const host = server.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = server.port === "" ? (server.protocol === "https:" ? "443" : "80") : server.port;
  if (host === "localhost" || isWithin(host, "127.0.0.0/8") || host === "::1") return true;
  return noProxy.split(/[\s,]+/).some((entry) => matches(entry.toLowerCase(), host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === "") return false;
  if (entry === "*") return true;
  if (entry.includes("/")) return isWithin(host, entry);
  const [, name = entry, entryPort] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  if (entryPort !== undefined && entryPort !== port) return false;
  const bare = name.replace(/^\[|\]$/g, "");
  if (isIP(bare) !== 0 || isIP(host) !== 0) return isSameAddress(bare, host);
  const domain = bare.replace(/^\*/, "");
  return domain.startsWith(".") ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
}

function isSameAddress(a: string, b: string): boolean {
  return isWithin(b, `${a}/${isIP(a) === 6 ? 128 : 32}`);
}

/** Whether an address is in a range in CIDR notation; false for texts that are none. */
function isWithin(address: string, range: string): boolean {
  const [network = "", bits = ""] = range.split("/");
  const family = isIP(network);
  if (family === 0 || family !== isIP(address) || !/^\d+$/.test(bits)) return false;
  if (Number(bits) > (family === 6 ? 128 : 32)) return false;
  const type = family === 6 ? "ipv6" : "ipv4";
  const list = new BlockList();
  list.addSubnet(network, Number(bits), type);
  return list.check(address, type);
}
