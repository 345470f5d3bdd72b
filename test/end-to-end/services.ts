import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../servers/free-port.ts";
import { accepts, orDispose, ServerProcess } from "../servers/server-process.ts";

/** Our services, by the names of their folders. */
export type ServiceName = "aggregator" | "eureka-collector" | "zk-collector" | "all-in-one";

/** The configuration of our own file; an object in its form. */
export type TestConfig = Readonly<Record<string, unknown>>;

const root = join(import.meta.dirname, "..", "..");
const bin = join(root, "node_modules", ".bin");

/** The command that starts a service: on Node, or on Deno with `SERVICES_ON=deno`. */
export function serviceCommand(service: ServiceName): readonly [string, ...string[]] {
  const start = join(root, "services", service, "start.mjs");
  return process.env["SERVICES_ON"] === "deno"
    ? [join(bin, "deno"), "run", "--allow-all", start]
    : [join(bin, "node"), start];
}

/** One of our services as a process of its own. Its ports stay the same over restarts. */
export class Service extends ServerProcess {
  /** Debug API, or the collector's own. */
  readonly httpUrl: string;
  /** `127.0.0.1:port` of the xDS server; nobody listens there for a collector. */
  readonly xdsAddress: string;

  constructor(name: ServiceName, httpPort: number, xdsPort: number) {
    super(name);
    this.httpUrl = `http://127.0.0.1:${httpPort}`;
    this.xdsAddress = `127.0.0.1:${xdsPort}`;
  }

  /** The text of an answer of the service's HTTP API. */
  async get(path: string): Promise<string> {
    const response = await fetch(`${this.httpUrl}${path}`, { signal: AbortSignal.timeout(10_000) });
    return await response.text();
  }

  /** True once the service answers its readiness path with 200. */
  async isReady(): Promise<boolean> {
    const response = await fetch(`${this.httpUrl}/meshregistry/ready`, {
      signal: AbortSignal.timeout(5_000),
    });
    await response.body?.cancel();
    return response.ok;
  }
}

/** Starts a service with a configuration of our own form, on free ports, and waits until it listens. */
export async function startService(name: ServiceName, config: TestConfig): Promise<Service> {
  const httpPort = await freePort();
  const xdsPort = await freePort();
  const service = new Service(name, httpPort, xdsPort);
  return await orDispose(service, async () => {
    const file = join(service.folder, "config.json");
    writeFileSync(file, JSON.stringify({ ...config, mcp: { serverUrl: `xds://127.0.0.1:${xdsPort}` } }));
    const [executable, ...args] = serviceCommand(name);
    await service.start({
      name,
      command: executable,
      args: [...args, "--config", file, "--http", `127.0.0.1:${httpPort}`],
      ready: () => accepts(httpPort),
    });
    return service;
  });
}
