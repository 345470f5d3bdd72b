import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, freePortWith } from "../servers/free-port.ts";
import { accepts, orDispose, ServerProcess } from "../servers/server-process.ts";

/** Our services, by the names of their folders. */
export type ServiceName =
  | "aggregator"
  | "eureka-collector"
  | "k8s-collector"
  | "nacos-collector"
  | "zk-collector"
  | "all-in-one";

/** The configuration of our own file; an object in its form. */
export type TestConfig = Readonly<Record<string, unknown>>;

const root = join(import.meta.dirname, "..", "..");
const configFile = "config.json";
const bin = join(root, "node_modules", ".bin");

/**
 * The command that starts a service: on Node, or on Deno with `SERVICES_ON=deno`. `code`: a checkout; default: this one.
 */
export function serviceCommand(service: ServiceName, code: string = root): readonly [string, ...string[]] {
  const start = join(code, "services", service, "start.mjs");
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
  readonly #service: ServiceName;
  readonly #httpPort: number;
  readonly #moreArgs: readonly string[];

  constructor(name: ServiceName, httpPort: number, xdsPort: number, moreArgs: readonly string[] = []) {
    super(name);
    this.#service = name;
    this.#httpPort = httpPort;
    this.#moreArgs = moreArgs;
    this.httpUrl = `http://127.0.0.1:${httpPort}`;
    this.xdsAddress = `127.0.0.1:${xdsPort}`;
  }

  /** Starts it with the configuration in its folder. `code`: of another checkout than this one. */
  async run(code?: string): Promise<void> {
    const [executable, ...args] = serviceCommand(this.#service, code);
    await this.start({
      name: this.#service,
      command: executable,
      args: [
        ...args,
        "--config",
        join(this.folder, configFile),
        "--http",
        `127.0.0.1:${this.#httpPort}`,
        ...this.#moreArgs,
      ],
      ready: () => accepts(this.#httpPort),
    });
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

/**
 * A source whose registry nobody listens for, and that isn't waited for: for tests of a server that has nothing to
 * serve. Services refuse a configuration without any source.
 */
export const noRegistry: TestConfig = {
  eurekaSource: { enabled: true, address: ["http://127.0.0.1:9/eureka"], waitTime: "1ms" },
};

/**
 * Starts a service with a configuration of our own form, on free ports, and waits until it listens. With `shards` above
 * 1 it serves xDS on as many consecutive ports. `code`: of another checkout than this one. `moreArgs`: of its command line.
 */
export async function startService(
  name: ServiceName,
  config: TestConfig,
  shards = 1,
  code?: string,
  moreArgs?: readonly string[],
): Promise<Service> {
  const httpPort = await freePort();
  const xdsPort = await freePortWith(Array.from({ length: shards - 1 }, (_, index) => index + 1));
  const service = new Service(name, httpPort, xdsPort, moreArgs);
  return await orDispose(service, async () => {
    const xds = shards === 1 ? {} : { xds: { shards } };
    const mcp = { serverUrl: `xds://127.0.0.1:${xdsPort}` };
    writeFileSync(join(service.folder, configFile), JSON.stringify({ ...config, ...xds, mcp }));
    await service.run(code);
    return service;
  });
}
