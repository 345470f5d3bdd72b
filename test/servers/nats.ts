import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { useServer } from "./find.ts";
import { freePort } from "./free-port.ts";
import { accepts, orDispose, ServerProcess } from "./server-process.ts";

/** How to run a nats-server. */
export interface NatsOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Where JetStream keeps its data. Default: in the server's temporary folder, so that a restart finds it again. */
  readonly storeDir?: string;
  /** False for a server without JetStream, such as a leaf. */
  readonly jetStream?: boolean;
  /** JetStream's domain: how leaves name it. */
  readonly domain?: string;
  /** More lines of nats-server's configuration, e.g. `max_payload: 8MB` or accounts. */
  readonly config?: string;
}

/** A running nats-server with JetStream. */
export class NatsServer extends ServerProcess {
  readonly port: number;
  /** For a client without TLS and credentials. */
  readonly url: string;
  readonly storeDir: string;

  constructor(port: number, storeDir: string | undefined) {
    super("nats-server");
    this.port = port;
    this.url = `nats://127.0.0.1:${port}`;
    this.storeDir = storeDir ?? join(this.folder, "store");
  }
}

/** Starts a real nats-server on loopback, with JetStream unless told otherwise, and stock settings. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const command = useServer("nats-server");
  const server = new NatsServer(options.port ?? await freePort(), options.storeDir);
  return await orDispose(server, async () => {
    mkdirSync(server.storeDir, { recursive: true });
    const file = join(server.folder, "nats.conf");
    const { domain } = options;
    const jetStream = JSON.stringify({ store_dir: server.storeDir, ...(domain !== undefined && { domain }) });
    const lines = [
      `listen: "127.0.0.1:${server.port}"`,
      options.jetStream === false ? "" : `jetstream ${jetStream}`,
      options.config ?? "",
    ];
    writeFileSync(file, lines.join("\n"));
    await server.start({
      name: "nats-server",
      command,
      args: ["--config", file],
      // It accepts connections only after JetStream has recovered its streams.
      ready: () => accepts(server.port, "INFO "),
    });
    return server;
  });
}
