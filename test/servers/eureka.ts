import { EurekaWriter } from "./eureka-client.ts";
import type { BasicAuth, EurekaInstance, EurekaStatus } from "./eureka-client.ts";
import { freePort } from "./free-port.ts";
import { jvmFlags, springJar } from "./java.ts";
import { orDispose, ServerProcess } from "./server-process.ts";

export type { BasicAuth, EurekaInstance, EurekaStatus };

/** How to run a Eureka server. */
export interface EurekaOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Spring properties, e.g. `--eureka.server.use-read-only-response-cache=true`; they win over the defaults. */
  readonly args?: readonly string[];
  /** If given, every call needs Basic auth with these. */
  readonly auth?: BasicAuth;
}

/** A running Eureka server. A restarted one is empty, as a real one is. */
export class EurekaServer extends ServerProcess {
  readonly port: number;
  /** Base address as users configure it, ending in `/eureka`, without credentials. */
  readonly url: string;
  /** All writing calls; the usual four are on the server itself. */
  readonly writer: EurekaWriter;

  constructor(port: number, auth: BasicAuth | undefined) {
    super("eureka");
    this.port = port;
    this.url = `http://127.0.0.1:${port}/eureka`;
    this.writer = new EurekaWriter(this.url, auth);
  }

  async register(instance: EurekaInstance): Promise<void> {
    await this.writer.register(instance);
  }

  async heartbeat(app: string, instanceId: string): Promise<void> {
    await this.writer.heartbeat(app, instanceId);
  }

  async cancel(app: string, instanceId: string): Promise<void> {
    await this.writer.cancel(app, instanceId);
  }

  async setStatus(app: string, instanceId: string, status: EurekaStatus): Promise<void> {
    await this.writer.setStatus(app, instanceId, status);
  }
}

/**
 * Starts a real Eureka server on loopback: a single node without a read-only cache, so that changes show at once, and
 * without self-preservation, so that an expired lease is gone within a second. Needs `java` (>= 17) in PATH.
 */
export async function startEureka(options: EurekaOptions = {}): Promise<EurekaServer> {
  const jar = springJar("eureka");
  const server = new EurekaServer(options.port ?? await freePort(), options.auth);
  const auth = options.auth === undefined ? [] : [
    "--meshregistry.auth=true",
    `--spring.security.user.name=${options.auth.username}`,
    `--spring.security.user.password=${options.auth.password}`,
  ];
  const properties = [`--server.port=${server.port}`, ...auth, ...(options.args ?? [])];
  return await orDispose(server, async () => {
    await server.start({
      name: "eureka",
      command: "java",
      args: ["-Xmx256m", "-Xss512k", ...jvmFlags("eureka"), "-jar", jar, ...properties],
      // Not /eureka/status: that is an internal error on this server.
      ready: async () => {
        const response = await server.writer.request("GET", "/apps");
        await response.body?.cancel();
        return response.ok;
      },
    });
    return server;
  });
}

/**
 * Starts two Eureka servers that replicate to each other. They register themselves, as application `EUREKA`. What is
 * written to one is at the other after some seconds.
 */
export async function startEurekaPeers(
  options: Pick<EurekaOptions, "args"> = {},
): Promise<readonly [EurekaServer, EurekaServer]> {
  const [portA, portB] = [await freePort(), await freePort()];
  // Two peers must differ in the host name, for ports don't count.
  const peer = (port: number, id: string, hostname: string, other: string) =>
    startEureka({
      port,
      args: [
        "--eureka.client.register-with-eureka=true",
        "--eureka.client.fetch-registry=true",
        `--eureka.instance.hostname=${hostname}`,
        `--eureka.instance.instance-id=${id}`,
        `--eureka.client.service-url.defaultZone=${other}`,
        ...(options.args ?? []),
      ],
    });
  const started = await Promise.allSettled([
    peer(portA, "peer-a", "localhost", `http://127.0.0.1:${portB}/eureka/`),
    peer(portB, "peer-b", "127.0.0.1", `http://localhost:${portA}/eureka/`),
  ]);
  const [a, b] = started;
  if (a.status === "fulfilled" && b.status === "fulfilled") return [a.value, b.value];
  for (const one of started) if (one.status === "fulfilled") await one.value[Symbol.asyncDispose]();
  throw new AggregateError(
    started.map((one) => one.status === "rejected" ? one.reason : undefined),
    "no two peers",
  );
}
