import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { useServer } from "./find.ts";
import { jvmFlags } from "./java.ts";
import { orDispose, ServerProcess } from "./server-process.ts";

/** An instance that {@link startNacosApp} registers. */
export interface NacosAppInstance {
  readonly group: string;
  readonly service: string;
  readonly ip: string;
  readonly port: number;
  readonly cluster?: string;
  readonly weight?: number;
  /** False: it stays registered after the application's end. */
  readonly ephemeral?: boolean;
  readonly enabled?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** How to run an application with Nacos' own Java client. */
export interface NacosAppOptions {
  /** `host:port` of the registry. */
  readonly nacos: string;
  readonly namespace?: string;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Several of one service have to be ephemeral: they are registered as one batch. */
  readonly instances: readonly NacosAppInstance[];
}

/** Starts one, and waits until it has registered. `stop()` deregisters; the server notices a killed one at once, too. */
export async function startNacosApp(options: NacosAppOptions): Promise<ServerProcess> {
  const jars = useServer("nacos-app");
  const application = new ServerProcess("nacos-app");
  return await orDispose(application, async () => {
    const readyFile = join(application.folder, "ready");
    const { credentials, namespace } = options;
    await application.start({
      name: "nacos-app",
      command: "java",
      args: [
        "-Xmx128m",
        ...jvmFlags("nacos-app"),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        // It keeps files there.
        `-Duser.home=${application.folder}`,
        `-DJM.LOG.PATH=${application.folder}`,
        `-DJM.SNAPSHOT.PATH=${application.folder}`,
        "-cp",
        join(jars, "*"),
        "meshregistry.test.NacosApp",
        `ready-file=${readyFile}`,
        `server=${options.nacos}`,
        ...(namespace === undefined ? [] : [`namespace=${namespace}`]),
        ...Object.entries(credentials ?? {}).map(([key, value]) => `${key}=${value}`),
        ...options.instances.map(registration),
      ],
      // It writes its process id: what an earlier start wrote doesn't count.
      ready: async () => await readFile(readyFile, "utf8") === String(application.pid),
    });
    return application;
  });
}

/** As the application's command line takes it. */
function registration({ group, service, ip, port, metadata, ...options }: NacosAppInstance): string {
  const settings = Object.entries({ ...metadata, ...options }).map(([key, value]) => `${key}=${value}`);
  return `register=${[group, service, ip, port, ...settings].join(";")}`;
}
