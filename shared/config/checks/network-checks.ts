import type { KeyPath } from "../config-issue.ts";
import type { Config } from "../schema/schema.ts";
import { httpAddressFault, isHost, isHostPort, natsServerFault, zooKeeperServerFault } from "./addresses.ts";
import { always, hint, unexpectedText } from "./contradiction.ts";
import type { Contradiction } from "./contradiction.ts";

/** Checks of addresses: where we listen, and where registries and NATS are. */
export function checkEndpoints(config: Config): readonly Contradiction[] {
  return [
    ...checkListening(config),
    ...config.nats.servers.flatMap((server, index) => {
      const path = ["nats", "servers", index];
      return faultOf(path, server, 'a NATS server such as "nats://host:4222"', natsServerFault(server));
    }),
    ...checkHttpSource("eurekaSource", config.eurekaSource, "http://host:8761/eureka"),
    ...checkHttpSource("nacosSource", config.nacosSource, "http://host:8848"),
    ...checkZooKeeperServers(config.zookeeperSource),
  ];
}

function checkListening({ mcp, http, httpServerAddr }: Config): Contradiction[] {
  const found: Contradiction[] = [];
  const check = (path: KeyPath, text: string, expected: string, ok: boolean) => {
    if (!ok) found.push({ path, message: unexpectedText(path, text, expected), error: "always" });
  };
  check(["mcp", "serverUrl"], mcp.serverUrl, '"xds://address:port"', isListenUrl(mcp.serverUrl));
  check(
    ["http", "address"],
    http.address,
    '"address:port", such as "127.0.0.1:8081"',
    isHostPort(http.address),
  );
  const expected = '"address:port", such as ":8082", or nothing';
  check(["httpServerAddr"], httpServerAddr, expected, httpServerAddr === "" || isHostPort(httpServerAddr));
  return found;
}

function checkHttpSource(
  name: "eurekaSource" | "nacosSource",
  { enabled, address, servers }: Config["eurekaSource"] | Config["nacosSource"],
  example: string,
): Contradiction[] {
  if (!enabled) return [];
  const checkAll = (path: KeyPath, texts: readonly string[]) =>
    texts.flatMap((text, index) => {
      const at = [...path, index];
      const fault = httpAddressFault(text);
      const wrong = faultOf(at, text, `a URL such as "${example}"`, fault);
      return fault === undefined && name === "eurekaSource" ? appsHint(at, text) : wrong;
    });
  return [
    ...checkAll([name, "address"], address),
    ...servers.flatMap((server, index) => checkAll([name, "servers", index, "address"], server.address)),
  ];
}

/** `/apps` is what people try in a browser. */
function appsHint(path: KeyPath, text: string): Contradiction[] {
  if (!/\/apps\/?$/.test(new URL(text).pathname)) return [];
  return [
    hint(
      path,
      "ends in /apps, which is added to the address; leave it out unless it belongs to the server's base path",
    ),
  ];
}

function checkZooKeeperServers(source: Config["zookeeperSource"]): Contradiction[] {
  if (!source.enabled) return [];
  return source.address.flatMap((server, index) => {
    const fault = zooKeeperServerFault(server, index === source.address.length - 1);
    return faultOf(
      ["zookeeperSource", "address", index],
      server,
      'a server such as "host:2181"',
      fault,
    );
  });
}

function faultOf(
  path: KeyPath,
  text: string,
  expected: string,
  fault: string | undefined,
): Contradiction[] {
  return fault === undefined ? [] : [always(path, unexpectedText(path, text, expected, fault))];
}

/**
 * Slime knows the schemes `xds` and `http` (the long-polling protocol, whose settings are a query); without a port, any
 * free one is taken.
 */
function isListenUrl(text: string): boolean {
  const rest = /^(?:xds|http):\/\/([^/?]+)\/?(?:\?.*)?$/.exec(text)?.[1];
  return rest !== undefined && (isHostPort(rest) || isHost(rest));
}
