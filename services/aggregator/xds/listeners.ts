import { maxShards, parseGoDuration } from "../../../shared/config/mod.ts";
import type { Config } from "../../../shared/config/mod.ts";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import { maskAddress } from "../../../shared/runtime/mask.ts";
import type { LongPollingOptions } from "../long-polling/long-polling.ts";
import type { ListenerOptions } from "./listener.ts";

/** Where to listen, by protocol. */
export interface Listeners {
  /** `xds://`: gRPC. Those with parts of the catalogue come first. */
  readonly grpc: readonly ListenerOptions[];
  /** `http://`: the long polling of istio-mcp. */
  readonly http: readonly LongPollingOptions[];
}

/** The library's port and interval for long polling. */
const longPollingPort = 8432;
const pollIntervalMs = 60_000;

/**
 * Works out from the configuration where to listen: `mcp.serverUrl`, on as many consecutive ports as there are
 * `xds.shards`, or were (`xds.formerShards`), and `xds.listeners`. `remembered`: how many shards were served of late,
 * see {@link keptShards}; their ports are optional listeners.
 * @throws MeshError `configuration` if a URL can't be one, or there are not enough ports.
 */
export function listenersOf({ mcp, xds }: Config, remembered = 0): Listeners {
  const grpc: ListenerOptions[] = [];
  const http: LongPollingOptions[] = [];
  const first = parseListenUrl("mcp.serverUrl", mcp.serverUrl);
  if (first.protocol === "xds") grpc.push(...sharded(first, xds, keptShards(first, xds, remembered)));
  else if (Math.max(xds.shards, xds.formerShards) > 1) {
    throw new MeshError(
      "configuration",
      "xds.shards can't be spread over http://: mcp.serverUrl must be xds://…",
    );
  } else http.push(longPolling(first));
  for (const [index, { address, dialect, revision, namespaces, registries }] of xds.listeners.entries()) {
    const url = parseListenUrl(`xds.listeners[${index}].address`, address);
    const shown = { revision, namespaces, registries };
    if (url.protocol === "xds") grpc.push({ address: `${url.host}:${url.port ?? 0}`, dialect, ...shown });
    else http.push({ ...longPolling(url), ...shown });
  }
  return { grpc, http };
}

interface ListenUrl {
  readonly protocol: "xds" | "http";
  /** With its brackets if it is an IPv6 address. */
  readonly host: string;
  readonly port: number | undefined;
  readonly query: URLSearchParams;
}

function parseListenUrl(key: string, text: string): ListenUrl {
  const [, protocol, host = "", port, query] =
    /^(xds|http):\/\/([^/?@#\s]*?)(?::(\d{1,5}))?\/?(\?.*)?$/.exec(text) ?? [];
  if (protocol !== "xds" && protocol !== "http") {
    throw new MeshError(
      "configuration",
      `Cannot serve ${key} "${
        maskAddress(text)
      }": expected xds://host:port or http://host:port, such as xds://0.0.0.0:16010`,
    );
  }
  if (/^\d+$/.test(host)) {
    const example = `${protocol}://0.0.0.0:${host}`;
    throw new MeshError(
      "configuration",
      `Cannot serve ${key} "${text}": ${host} is no host; did you mean ${example}?`,
    );
  }
  return {
    protocol,
    host,
    port: port === undefined ? undefined : Number(port),
    query: new URLSearchParams(query),
  };
}

/**
 * The number of shards for which there are ports, see `xds.formerShards`. Those of remembered shards are kept where
 * that is possible and no setting says otherwise: at port 0 nobody finds them again, and with `xds.trustShards` every
 * istiod is said to have the right sources.
 */
function keptShards({ port = 0 }: ListenUrl, xds: Config["xds"], remembered: number): number {
  const { shards, formerShards, trustShards } = xds;
  const configured = Math.max(shards, formerShards);
  const isPossible = port > 0 && port + remembered - 1 <= 65_535 && remembered <= maxShards;
  return formerShards === 0 && !trustShards && isPossible ? Math.max(configured, remembered) : configured;
}

/** Port 0 takes free ones; without a port, too, as slime has it. */
function sharded({ host, port = 0 }: ListenUrl, xds: Config["xds"], ports: number): ListenerOptions[] {
  const { shards, formerShards, trustShards } = xds;
  const configured = Math.max(shards, formerShards);
  if (port + configured - 1 > 65_535) {
    throw new MeshError(
      "configuration",
      `There are no ${configured} ports from ${port} on (mcp.serverUrl, xds.shards, xds.formerShards)`,
    );
  }
  return Array.from({ length: ports }, (_, index) => ({
    address: `${host}:${port === 0 ? 0 : port + index}`,
    shard: ports === 1 ? undefined : { index, of: shards },
    trustsShards: trustShards,
    ...(index < configured ? {} : { isOptional: true }),
  }));
}

/** `?pollInterval=60s&resource=<type>`, as the library takes them. */
function longPolling({ host, port = longPollingPort, query }: ListenUrl): LongPollingOptions {
  const interval = query.get("pollInterval");
  try {
    return {
      address: `${host}:${port}`,
      intervalMs: interval === null ? pollIntervalMs : parseGoDuration(interval),
      typeUrls: query.getAll("resource"),
      revision: "",
      namespaces: [],
      registries: [],
    };
  } catch (error) {
    throw new MeshError("configuration", `pollInterval in mcp.serverUrl: ${errorText(error)}`);
  }
}
