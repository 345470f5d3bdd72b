import { BlockList, isIP } from "node:net";
import type { KeyPath } from "./config-issue.ts";
import { unexpected } from "./config-issue.ts";
import type { Contradiction } from "./contradictions.ts";
import { formatGoDuration } from "./duration.ts";
import type { Config } from "./schema.ts";

/** A listener for each further shard, on a port of its own: more would help nobody. */
const maxShards = 256;

/** Istio's own range of automatic addresses (`pilot/pkg/serviceregistry/serviceentry`, since 1.25 on by default). */
const istiosRange = new BlockList();
istiosRange.addSubnet("240.240.0.0", 16);

/** What the serving side can't work with: shards, TLS files, address ranges, times. */
export function checkServing({ xds, virtualAddresses, state }: Config): Contradiction[] {
  const found: Contradiction[] = [];
  const always = (path: KeyPath, message: string) => found.push({ path, message, error: "always" });
  if (xds.shards < 1 || xds.shards > maxShards) {
    always(["xds", "shards"], `expected a number from 1 to ${maxShards}, found ${xds.shards}`);
  }
  if (xds.tls !== undefined) {
    for (const key of ["certFile", "keyFile"] as const) {
      if (xds.tls[key] === "") always(["xds", "tls", key], "expected the path of a PEM file, found nothing");
    }
    if (xds.tls.allowedSans.length > 0 && xds.tls.clientCaFile === "") {
      always(["xds", "tls", "clientCaFile"], "expected a path because allowedSans is given, found nothing");
    }
  }
  for (const [index, { address }] of xds.listeners.entries()) {
    const path = ["xds", "listeners", index, "address"];
    if (!/^(?:xds|http):\/\/[^/]*:\d{1,5}\/?$/.test(address)) {
      always(path, unexpected('a URL such as "xds://0.0.0.0:16110"', address, path));
    }
  }
  for (const key of ["maxMessageBytes", "maxRequestBytes", "maxStreams"] as const) {
    if (xds[key] === 0) always(["xds", key], "expected a number above 0, found 0");
  }
  for (const key of ["keepaliveInterval", "ackTimeout", "nackBackoff", "drainTime"] as const) {
    if (xds[key] < 0) {
      always(["xds", key], `expected a duration of 0 or more, found ${formatGoDuration(xds[key])}`);
    }
  }
  if (xds.keepaliveTimeout <= 0) always(["xds", "keepaliveTimeout"], "expected a duration above 0");
  if (state.interval <= 0) always(["state", "interval"], "expected a duration above 0");
  for (const [key, family] of [["ipv4Range", 4], ["ipv6Range", 6]] as const) {
    const range = virtualAddresses[key];
    if (range === "" && family === 6) continue;
    const path = ["virtualAddresses", key];
    const expected = family === 4
      ? 'an IPv4 range such as "241.0.0.0/8"'
      : 'an IPv6 range such as "fd00::/64"';
    if (!isRange(range, family)) always(path, unexpected(expected, range, path));
    else if (family === 4 && overlapsIstio(range)) {
      always(path, "expected a range apart from 240.240.0.0/16, which Istio itself assigns");
    }
  }
  return found;
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
