import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { sidecarBootstrap } from "./envoy-bootstrap.ts";
import type { BootstrapOptions } from "./envoy-bootstrap.ts";
import { useServer } from "./find.ts";
import { freePort } from "./free-port.ts";
import { startIstiod } from "./istiod.ts";
import type { Istiod, IstiodOptions } from "./istiod.ts";
import { orDispose, ServerProcess } from "./server-process.ts";

const Clusters = z.object({
  cluster_statuses: z.array(z.object({
    name: z.string(),
    host_statuses: z.array(z.object({
      address: z.object({
        socket_address: z.object({ address: z.string(), port_value: z.number() }).optional(),
      }),
    })).default([]),
  })).default([]),
});

const Stats = z.object({
  stats: z.array(z.object({ name: z.string(), value: z.number().optional() })),
});

/** A running Envoy that is a sidecar of an istiod. Its ports stay the same over restarts. */
export class Envoy extends ServerProcess {
  readonly adminPort: number;
  readonly #interceptionPort: number;

  constructor(adminPort: number, interceptionPort: number) {
    super("envoy");
    this.adminPort = adminPort;
    this.#interceptionPort = interceptionPort;
  }

  /** True once it has its whole first configuration, and serves. */
  async isReady(): Promise<boolean> {
    const response = await this.#get("/ready");
    await response.body?.cancel();
    return response.ok;
  }

  /** Where a cluster's requests may go, each `address:port`, sorted; `undefined` if it has no such cluster. */
  async endpointsOf(cluster: string): Promise<readonly string[] | undefined> {
    const { cluster_statuses: clusters } = Clusters.parse(await this.#json("/clusters?format=json"));
    return clusters.find(({ name }) => name === cluster)?.host_statuses
      .flatMap(({ address: { socket_address: at } }) =>
        at === undefined ? [] : `${at.address}:${at.port_value}`
      )
      .sort();
  }

  /**
   * The counters of updates that it rejected, of every kind of resource, without those at zero: `{}` is as it should
   * be. The reason is in the log.
   */
  async rejectedUpdates(): Promise<Readonly<Record<string, number>>> {
    const { stats } = Stats.parse(await this.#json("/stats?format=json&filter=update_rejected"));
    if (stats.length === 0) throw new Error("Envoy shows no counter of rejected updates");
    return Object.fromEntries(
      stats.flatMap(({ name, value = 0 }) => value === 0 ? [] : [[name, value] as const]),
    );
  }

  /**
   * A connection of an application that meant to reach `address` and `port`, as iptables would hand it over. For HTTP
   * services any address will do.
   */
  connectTo(address: string, port: number): Socket {
    const socket = connect({ host: "127.0.0.1", port: this.#interceptionPort, noDelay: true });
    socket.write(`PROXY TCP4 127.0.0.1 ${address} 40000 ${port}\r\n`);
    return socket;
  }

  async #json(path: string): Promise<unknown> {
    const response = await this.#get(path);
    if (!response.ok) throw new Error(`Envoy returned ${response.status} for ${path}`);
    return await response.json();
  }

  async #get(path: string): Promise<Response> {
    return await fetch(`http://127.0.0.1:${this.adminPort}${path}`, { signal: AbortSignal.timeout(10_000) });
  }
}

/** Starts a real Envoy as a sidecar of an istiod that {@link startIstiodForEnvoy} started, and waits until it is ready. */
export async function startEnvoy(
  istiod: Istiod,
  protocol: BootstrapOptions["protocol"] = "delta",
): Promise<Envoy> {
  const command = useServer("envoy");
  const [adminPort, interceptionPort] = [await freePort(), await freePort()];
  const envoy = new Envoy(adminPort, interceptionPort);
  return await orDispose(envoy, async () => {
    const file = join(envoy.folder, "bootstrap.json");
    const bootstrap = sidecarBootstrap({
      adminPort,
      interceptionPort,
      istiodPort: istiod.grpcPort,
      protocol,
    });
    writeFileSync(file, JSON.stringify(bootstrap));
    await envoy.start({
      name: "envoy",
      command,
      args: [
        "-c",
        file,
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "warning",
        "--component-log-level",
        "misc:error",
      ],
      ready: () => envoy.isReady(),
    });
    return envoy;
  });
}

/**
 * Starts a stock istiod that a stock Envoy can be a sidecar of: nothing that only Istio's own build of Envoy knows, and
 * no certificates. Nobody is reached but through a service.
 */
export async function startIstiodForEnvoy(options: IstiodOptions): Promise<Istiod> {
  const files = `fs://${join(import.meta.dirname, "envoy")}`;
  const [outbound, inbound] = [await freePort(), await freePort()];
  return await startIstiod({
    ...options,
    mcpAddresses: [...options.mcpAddresses, files],
    meshConfig: [
      "enableAutoMtls: false",
      "defaultProviders: { metrics: [], tracing: [] }",
      "outboundTrafficPolicy: { mode: REGISTRY_ONLY }",
      `proxyListenPort: ${outbound}`,
      `proxyInboundListenPort: ${inbound}`,
      options.meshConfig ?? "",
    ].join("\n"),
    env: {
      PILOT_ENABLE_ALPN_FILTER: "false",
      PILOT_ENABLE_METADATA_EXCHANGE: "false",
      PILOT_ENABLE_TELEMETRY_LABEL: "false",
      ...options.env,
    },
  });
}
