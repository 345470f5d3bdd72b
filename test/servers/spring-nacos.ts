import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { jvmFlags, springJar } from "./java.ts";
import { orDispose, ServerProcess } from "./server-process.ts";

/** How to run a Spring Cloud Alibaba application that registers with Nacos. */
export interface SpringNacosOptions {
  /** `host:port` of the registry. */
  readonly nacos: string;
  /** Name of the application. */
  readonly application: string;
  /** The address that is registered, which nobody needs to have. */
  readonly ip: string;
  /** Default: `DEFAULT_GROUP`. */
  readonly group?: string;
  /** Default: `DEFAULT`. */
  readonly cluster?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A running Spring application. `stop()` deregisters it. */
export class SpringNacosApplication extends ServerProcess {
  /** Where it listens, and what it registers. */
  readonly port: number;

  constructor(port: number) {
    super("spring-nacos");
    this.port = port;
  }
}

/** Starts a real Spring Cloud application, and waits until it has registered. Needs `java` (>= 17) in PATH. */
export async function startSpringNacos(options: SpringNacosOptions): Promise<SpringNacosApplication> {
  const jar = springJar("spring-nacos");
  const application = new SpringNacosApplication(await freePort());
  const { nacos, group, cluster, ip, metadata } = options;
  const discovery = {
    "server-addr": nacos,
    ip,
    group,
    "cluster-name": cluster,
    ...Object.fromEntries(
      Object.entries(metadata ?? {}).map(([key, value]) => [`metadata.[${key}]`, value]),
    ),
  };
  const settings = Object.entries(discovery).filter(([, value]) => value !== undefined);
  return await orDispose(application, async () => {
    const pidFile = join(application.folder, "pid");
    await application.start({
      name: "spring-nacos",
      command: "java",
      args: [
        "-Xmx192m",
        "-Xss512k",
        ...jvmFlags("spring-nacos"),
        // It keeps files there.
        `-Duser.home=${application.folder}`,
        `-DJM.LOG.PATH=${application.folder}`,
        `-DJM.SNAPSHOT.PATH=${application.folder}`,
        "-jar",
        jar,
        `--spring.pid.file=${pidFile}`,
        `--server.port=${application.port}`,
        `--spring.application.name=${options.application}`,
        ...settings.map(([key, value]) => `--spring.cloud.nacos.discovery.${key}=${value}`),
      ],
      // It writes its process id once it has registered: what an earlier start wrote doesn't count.
      ready: async () => await readFile(pidFile, "utf8") === String(application.pid),
    });
    return application;
  });
}
