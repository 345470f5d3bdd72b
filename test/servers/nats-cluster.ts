import { freePort } from "./free-port.ts";
import { startNats } from "./nats.ts";
import type { NatsServer } from "./nats.ts";

/** A cluster of real nats-servers on loopback, in which streams can have several replicas. */
export class NatsCluster implements AsyncDisposable {
  readonly servers: readonly NatsServer[];

  private constructor(servers: readonly NatsServer[]) {
    this.servers = servers;
  }

  /**
   * Starts it; `config` are further lines of each server's configuration, `clusterConfig` of its `cluster` block
   * (`no_advertise: true`: clients know the servers that they were told of, and no others). JetStream takes requests a little later, when
   * the servers have elected a leader.
   */
  static async start(size = 3, config = "", clusterConfig = ""): Promise<NatsCluster> {
    const ports: number[] = [];
    while (ports.length < size) {
      const port = await freePort();
      if (!ports.includes(port)) ports.push(port);
    }
    const routes = ports.map((port) => `"nats://127.0.0.1:${port}"`).join(", ");
    const starting = ports.map((port, index) =>
      startNats({
        config: `server_name: "nats-${index}"
          cluster { name: "test", listen: "127.0.0.1:${port}", routes: [${routes}], ${clusterConfig} }
          ${config}`,
      })
    );
    const servers = (await Promise.allSettled(starting)).flatMap((started) =>
      started.status === "fulfilled" ? [started.value] : []
    );
    const cluster = new NatsCluster(servers);
    if (servers.length < size) {
      await cluster[Symbol.asyncDispose]();
      // Says why.
      await Promise.all(starting);
    }
    return cluster;
  }

  /** For clients that may reach all of them. */
  get urls(): readonly string[] {
    return this.servers.map(({ url }) => url);
  }

  /** The server that calls itself by this name. */
  named(name: string): NatsServer {
    const server = this.servers[Number(name.slice("nats-".length))];
    if (server === undefined) throw new TypeError(`no server is called ${name}`);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()));
  }
}
