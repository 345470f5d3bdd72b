import { BlockList, isIP } from "node:net";
import type { KeyPath } from "../config-issue.ts";
import { unexpected } from "../config-issue.ts";
import { always } from "./contradiction.ts";
import type { Contradiction } from "./contradiction.ts";
import { formatGoDuration, parseGoDuration } from "../schema/duration.ts";
import type { Config } from "../schema/schema.ts";

/** The largest number of shards: each has a listener on a port of its own, and more of them would help nobody. */
export const maxShards = 256;

/** Istio's own range of automatic addresses (`pilot/pkg/serviceregistry/serviceentry`, since 1.25 on by default). */
const istiosRange = new BlockList();
istiosRange.addSubnet("240.240.0.0", 16);

/** What the serving side can't work with: shards, TLS files, address ranges, times. */
export function checkServing(
  { http, istiod, mcp, tracing, xds, virtualAddresses, state }: Config,
): Contradiction[] {
  const found: Contradiction[] = [];
  const add = (path: KeyPath, message: string) => found.push(always(path, message));
  if (xds.shards < 1 || xds.shards > maxShards) {
    add(["xds", "shards"], `expected a number from 1 to ${maxShards}, found ${xds.shards}`);
  }
  const ports = Math.max(xds.shards, xds.formerShards);
  if (xds.formerShards > maxShards) {
    add(["xds", "formerShards"], `expected a number up to ${maxShards}, found ${xds.formerShards}`);
  } else if (xds.formerShards > xds.shards && xds.trustShards) {
    add(
      ["xds", "formerShards"],
      "expected xds.trustShards to be false while istiods may have more sources than there are shards",
    );
  }
  const [, protocol, port = "0"] =
    /^(xds|http):\/\/[^/?]*?(?::(\d{1,5}))?\/?(?:\?.*)?$/.exec(mcp.serverUrl) ?? [];
  if (protocol === "http" && ports > 1) {
    add(["xds", xds.shards > 1 ? "shards" : "formerShards"], "expected 1, because mcp.serverUrl is http://");
  } else if (Number(port) + ports - 1 > 65_535) {
    const key = ports === xds.shards ? "shards" : "formerShards";
    add(["xds", key], `expected a port for each shard; there are no ${ports} from ${port} on`);
  }
  const interval = /[?&]pollInterval=([^&]*)/.exec(mcp.serverUrl)?.[1];
  if (interval !== undefined && !isDurationText(interval)) {
    add(
      ["mcp", "serverUrl"],
      unexpected("pollInterval to be a duration such as 60s", interval, ["mcp", "serverUrl"]),
    );
  }
  if (xds.tls !== undefined) {
    for (const key of ["certFile", "keyFile"] as const) {
      if (xds.tls[key] === "") add(["xds", "tls", key], "expected the path of a PEM file, found nothing");
    }
    if (xds.tls.allowedSans.length > 0 && xds.tls.clientCaFile === "") {
      add(["xds", "tls", "clientCaFile"], "expected a path because allowedSans is given, found nothing");
    }
  }
  for (const key of ["certFile", "keyFile"] as const) {
    if (http.tls?.[key] === "") add(["http", "tls", key], "expected the path of a PEM file, found nothing");
  }
  for (const [index, address] of istiod.debug.entries()) {
    if (!isHttpAddress(address)) {
      const path = ["istiod", "debug", index];
      add(path, unexpected("an address such as http://istiod.istio-system:15014", address, path));
    }
  }
  if (tracing.endpoint !== "" && URL.parse(tracing.endpoint)?.protocol.startsWith("http") !== true) {
    const path = ["tracing", "endpoint"];
    add(path, unexpected("an address such as http://otel-collector:4318", tracing.endpoint, path));
  }
  for (const [index, { address }] of xds.listeners.entries()) {
    const path = ["xds", "listeners", index, "address"];
    if (!/^(?:xds|http):\/\/[^/]*:\d{1,5}\/?$/.test(address)) {
      add(path, unexpected('a URL such as "xds://0.0.0.0:16110"', address, path));
    }
  }
  for (const key of ["maxMessageBytes", "maxRequestBytes", "maxStreams"] as const) {
    if (xds[key] === 0) add(["xds", key], "expected a number above 0, found 0");
  }
  for (
    const key of ["keepaliveInterval", "requestTimeout", "ackTimeout", "nackBackoff", "drainTime"] as const
  ) {
    if (xds[key] < 0) {
      add(["xds", key], `expected a duration of 0 or more, found ${formatGoDuration(xds[key])}`);
    }
  }
  if (xds.keepaliveTimeout <= 0) add(["xds", "keepaliveTimeout"], "expected a duration above 0");
  if (state.interval <= 0) add(["state", "interval"], "expected a duration above 0");
  for (const [key, family] of [["ipv4Range", 4], ["ipv6Range", 6]] as const) {
    const range = virtualAddresses[key];
    if (range === "" && family === 6) continue;
    const path = ["virtualAddresses", key];
    const expected = family === 4
      ? 'an IPv4 range such as "241.0.0.0/8"'
      : 'an IPv6 range such as "fd00::/64"';
    if (!isRange(range, family)) add(path, unexpected(expected, range, path));
    else if (family === 4 && overlapsIstio(range)) {
      add(path, "expected a range apart from 240.240.0.0/16, which Istio itself assigns");
    }
  }
  return found;
}

function isDurationText(text: string): boolean {
  try {
    parseGoDuration(text);
    return true;
  } catch {
    return false;
  }
}

function isRange(text: string, family: 4 | 6): boolean {
  const [address = "", bits = "", ...rest] = text.split("/");
  const most = family === 4 ? 32 : 128;
  return rest.length === 0 && isIP(address) === family && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
}

function overlapsIstio(range: string): boolean {
  const [address = "", bits = "32"] = range.split("/");
  if (istiosRange.check(address)) return true;
  const list = new BlockList();
  list.addSubnet(address, Number(bits));
  return list.check("240.240.0.0");
}

function isHttpAddress(text: string): boolean {
  const url = URL.parse(text);
  return (url?.protocol === "http:" || url?.protocol === "https:") && url.pathname === "/" &&
    url.username === "";
}
