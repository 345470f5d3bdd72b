import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { jvmFlags, springJar } from "./java.ts";
import { orDispose, ServerProcess } from "./server-process.ts";

/** How to run a Spring Cloud application that registers with ZooKeeper. */
export interface SpringZooKeeperOptions {
  /** `host:port` of the registry. */
  readonly zookeeper: string;
  /** Name of the application. */
  readonly application: string;
  /** Where it listens. Default: a free one. */
  readonly port?: number;
  /** The registry's root. Default: `/services`. */
  readonly root?: string;
  /** The address or name that is registered, which nobody needs to have. Default: this machine's own name. */
  readonly host?: string;
  /** Registered as a port for HTTPS, beside the plain one. */
  readonly sslPort?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** More Spring properties, e.g. `--spring.cloud.zookeeper.discovery.initial-status=OUT_OF_SERVICE`. */
  readonly args?: readonly string[];
}

/** A running Spring application. `stop()` deregisters it. */
export class SpringApplication extends ServerProcess {
  readonly port: number;

  constructor(port: number) {
    super("spring-zookeeper");
    this.port = port;
  }
}

/** Starts a real Spring Cloud application, and waits until it has registered. Needs `java` (>= 17) in PATH. */
export async function startSpringZooKeeper(options: SpringZooKeeperOptions): Promise<SpringApplication> {
  const jar = springJar("spring-zookeeper");
  const application = new SpringApplication(options.port ?? await freePort());
  const discovery = "--spring.cloud.zookeeper.discovery";
  const metadata = Object.entries(options.metadata ?? {});
  return await orDispose(application, async () => {
    const pidFile = join(application.folder, "pid");
    await application.start({
      name: "spring-zookeeper",
      command: "java",
      args: [
        "-Xmx192m",
        "-Xss512k",
        ...jvmFlags("spring-zookeeper"),
        "-jar",
        jar,
        `--spring.pid.file=${pidFile}`,
        `--server.port=${application.port}`,
        `--spring.application.name=${options.application}`,
        `--spring.cloud.zookeeper.connect-string=${options.zookeeper}`,
        ...(options.root === undefined ? [] : [`${discovery}.root=${options.root}`]),
        ...(options.host === undefined ? [] : [`${discovery}.instance-host=${options.host}`]),
        ...(options.sslPort === undefined ? [] : [`${discovery}.instance-ssl-port=${options.sslPort}`]),
        ...metadata.map(([key, value]) => `${discovery}.metadata.${key}=${value}`),
        ...(options.args ?? []),
      ],
      // It writes its process id once it has registered: what an earlier start wrote doesn't count.
      ready: async () => await readFile(pidFile, "utf8") === String(application.pid),
    });
    return application;
  });
}
