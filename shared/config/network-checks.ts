import type { KeyPath } from "./config-issue.ts";
import { unexpected } from "./config-issue.ts";
import type { Contradiction } from "./contradictions.ts";
import type { Config } from "./schema.ts";

/** Checks of addresses: where we listen, and where registries and NATS are. */
export function checkEndpoints(config: Config): readonly Contradiction[] {
  const found: Contradiction[] = [];
  const check = (
    path: KeyPath,
    text: string,
    expected: string,
    ok: boolean,
    error: Contradiction["error"],
  ) => {
    if (!ok) found.push({ path, message: unexpected(expected, text, path), error });
  };

  const { serverUrl } = config.mcp;
  check(["mcp", "serverUrl"], serverUrl, '"xds://address:port"', isListenUrl(serverUrl), "always");
  const { address } = config.http;
  check(
    ["http", "address"],
    address,
    '"address:port", such as "127.0.0.1:8081"',
    isHostPort(address),
    "always",
  );
  const extra = config.httpServerAddr;
  const expectedExtra = '"address:port", such as ":8082", or nothing';
  check(["httpServerAddr"], extra, expectedExtra, extra === "" || isHostPort(extra), "always");

  for (const [index, server] of config.nats.servers.entries()) {
    const ok = isUrl(server, ["nats:", "tls:", "ws:", "wss:"]) || isHostPort(server) || isHost(server);
    check(["nats", "servers", index], server, 'a NATS server such as "nats://host:4222"', ok, "always");
  }
  for (const name of ["eurekaSource", "nacosSource"] as const) {
    const source = config[name];
    if (!source.enabled) continue;
    const example = name === "eurekaSource" ? "http://host:8761/eureka" : "http://host:8848";
    const checkUrls = (path: KeyPath, addresses: readonly string[]) => {
      for (const [index, each] of addresses.entries()) {
        const ok = isUrl(each, ["http:", "https:"]);
        check([...path, index], each, `a URL such as "${example}"`, ok, "own");
      }
    };
    checkUrls([name, "address"], source.address);
    for (const [index, server] of source.servers.entries()) {
      checkUrls([name, "servers", index, "address"], server.address);
    }
  }
  if (config.zookeeperSource.enabled) {
    for (const [index, each] of config.zookeeperSource.address.entries()) {
      const path = ["zookeeperSource", "address", index];
      const isLast = index === config.zookeeperSource.address.length - 1;
      // ZooKeeper's connect string has one chroot, behind the last host.
      const server = isLast ? each.replace(/(\/[^/]+)+$/, "") : each;
      check(path, each, 'a server such as "host:2181"', isHostPort(server) || isHost(server), "own");
    }
  }
  return found;
}

/**
 * Slime knows the schemes `xds` and `http` (the long-polling protocol, whose settings are a query); without a port, any
 * free one is taken.
 */
function isListenUrl(text: string): boolean {
  const rest = /^(?:xds|http):\/\/([^/?]+)\/?(?:\?.*)?$/.exec(text)?.[1];
  return rest !== undefined && (isHostPort(rest) || isHost(rest));
}

function isUrl(text: string, protocols: readonly string[]): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && protocols.includes(url.protocol) && url.hostname !== "";
}

function isHost(text: string): boolean {
  return /^(?:[\w.-]+|\[[0-9a-f:.%\w]+\])$/i.test(text);
}

/** `host:port`; no host means every address. */
function isHostPort(text: string): boolean {
  const colon = text.lastIndexOf(":");
  if (colon === -1) return false;
  const host = text.slice(0, colon);
  const port = text.slice(colon + 1);
  return /^\d{1,5}$/.test(port) && Number(port) <= 65_535 && (host === "" || isHost(host));
}
