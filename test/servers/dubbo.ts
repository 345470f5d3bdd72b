import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { useServer } from "./find.ts";
import type { ServerName } from "./find.ts";
import { freePort } from "./free-port.ts";
import { jvmFlags } from "./java.ts";
import { orDispose, ServerProcess } from "./server-process.ts";

/** The lines of Dubbo that the tests run. Its recipe is called `dubbo-` and the line. */
export type DubboVersion = "2.7" | "3.3";

/** The interfaces that our application has. The nested one's name has a `$`. */
export type DubboInterface =
  | "shop.api.OrderService"
  | "shop.api.OrderService$Audit"
  | "shop.api.UserService"
  | "shop.api.StockService";

/** A service, as a provider and a consumer name it. */
export interface DubboReference {
  readonly interface: DubboInterface;
  readonly group?: string;
  readonly serviceVersion?: string;
}

/** A service that is provided. */
export interface DubboService extends DubboReference {
  readonly weight?: number;
  /** Traffic tag. */
  readonly tag?: string;
  /** One of the application's protocols. Default: all of them. */
  readonly protocol?: string;
  /** More parameters of its URL. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** A protocol on a port of its own. */
export interface DubboProtocol {
  readonly name: "dubbo" | "tri";
  /** Default: a free one. */
  readonly port?: number;
  /** Protocols that are spoken on the same port, comma-separated. Dubbo 3.3 only. */
  readonly ext?: string;
}

/** What every application says, whether it provides or consumes. */
interface DubboApplicationOptions {
  /** Default: 3.3. */
  readonly version?: DubboVersion;
  /** `host:port` of a ZooKeeper; undefined: it isn't registered in one. */
  readonly zookeeper?: string;
  /** `host:port` of a Nacos; undefined: it isn't registered in one. */
  readonly nacos?: string;
  /** Name of the application. */
  readonly application: string;
  /** The registry's root, without a slash. Default: `dubbo`. */
  readonly registryGroup?: string;
  /** Credentials for ZooKeeper: what the application creates is then for nobody else. */
  readonly auth?: { readonly username: string; readonly password: string };
  /** On which level it registers. Dubbo 3.3 only, whose default is `all`; 2.7 registers interfaces. */
  readonly registerMode?: "interface" | "instance" | "all";
  /** The address that is registered, which nobody needs to have. Default: this machine's own. */
  readonly host?: string;
}

/** How to run a provider. */
export interface DubboProviderOptions extends DubboApplicationOptions {
  readonly services: readonly DubboService[];
  /** Default: `dubbo` on a free port. */
  readonly protocols?: readonly DubboProtocol[];
  /** `remote`: what an application provides is written into ZooKeeper as well; by default only it can tell. */
  readonly metadataType?: "local" | "remote";
  /** Registers few parameters only. */
  readonly simplified?: boolean;
}

/** How to run a consumer. */
export interface DubboConsumerOptions extends DubboApplicationOptions {
  readonly references: readonly DubboReference[];
}

/** A running Dubbo application. `stop()` deregisters it; a killed one stays until its session (40 s) expires. */
export class DubboApplication extends ServerProcess {
  /** Ports by the name of their protocol. */
  readonly ports: ReadonlyMap<string, number>;

  constructor(name: string, ports: ReadonlyMap<string, number>) {
    super(name);
    this.ports = ports;
  }
}

/** Starts a real provider, and waits until it has registered. Needs `java` (>= 17) in PATH. */
export async function startDubboProvider(options: DubboProviderOptions): Promise<DubboApplication> {
  const protocols = options.protocols ?? [{ name: "dubbo" }];
  const ports = new Map<string, number>();
  for (const { name, port } of protocols) ports.set(name, port ?? await freePort());
  const settings = [
    ...protocols.map(({ name, ext }) => `protocol=${item(name, { port: ports.get(name), ext })}`),
    ...options.services.map((service) => `provide=${item(service.interface, serviceOptions(service))}`),
    ...(options.simplified === true ? ["simplified=true"] : []),
  ];
  if (options.metadataType !== undefined) settings.push(`metadata-type=${options.metadataType}`);
  if (options.metadataType === "remote") settings.push(`metadata-report=${registryUrls(options)[0]}`);
  return await start(options, settings, ports);
}

/**
 * Starts a real consumer, and waits until it has subscribed and registered. Its providers need not be there, and it
 * connects to none; only of an instance with local metadata it asks what that provides, which takes its time if nobody
 * is there. Needs `java` (>= 17) in PATH.
 */
export async function startDubboConsumer(options: DubboConsumerOptions): Promise<DubboApplication> {
  const settings = options.references.map((reference) => {
    const { group, serviceVersion: version } = reference;
    return `consume=${item(reference.interface, { group, version })}`;
  });
  return await start(options, settings, new Map());
}

const ownFlags = [
  "-Xmx192m",
  // Nobody calls it: when it is told to stop, it needn't wait for calls, by default a second or two for each port.
  "-Ddubbo.service.shutdown.wait=100",
  // Dubbo makes its proxies and copies with them.
  "--add-opens=java.base/java.lang=ALL-UNNAMED",
  "--add-opens=java.base/java.util=ALL-UNNAMED",
];

async function start(
  options: DubboApplicationOptions,
  settings: readonly string[],
  ports: ReadonlyMap<string, number>,
): Promise<DubboApplication> {
  const name: ServerName = `dubbo-${options.version ?? "3.3"}`;
  const jars = useServer(name);
  const application = new DubboApplication(name, ports);
  return await orDispose(application, async () => {
    const readyFile = join(application.folder, "ready");
    const mode = options.registerMode;
    const ipv6 = options.host?.includes(":") === true;
    await application.start({
      name,
      command: "java",
      args: [
        ...jvmFlags(name),
        ...ownFlags,
        `-Djava.net.preferIPv4Stack=${!ipv6}`,
        // It keeps files about registries there.
        `-Duser.home=${application.folder}`,
        "-cp",
        join(jars, "*"),
        "shop.DubboApp",
        `ready-file=${readyFile}`,
        `application=${options.application}`,
        ...registryUrls(options).map((url) => `registry=${url}`),
        ...(mode === undefined ? [] : [`register-mode=${mode}`]),
        ...settings,
      ],
      env: options.host === undefined ? {} : { DUBBO_IP_TO_REGISTRY: options.host },
      // It writes its process id: what an earlier start wrote doesn't count.
      ready: async () => await readFile(readyFile, "utf8") === String(application.pid),
    });
    return application;
  });
}

/** One for each registry. */
function registryUrls({ zookeeper, nacos, registryGroup, auth }: DubboApplicationOptions): readonly string[] {
  const user = auth === undefined ? "" : `${auth.username}:${auth.password}@`;
  const group = registryGroup === undefined ? "" : `?group=${registryGroup}`;
  return [
    ...(zookeeper === undefined ? [] : [`zookeeper://${user}${zookeeper}${group}`]),
    // Without it, consumers aren't registered there.
    ...(nacos === undefined ? [] : [`nacos://${nacos}?register-consumer-url=true`]),
  ];
}

function serviceOptions({ group, serviceVersion: version, weight, tag, protocol, parameters }: DubboService) {
  const more = Object.entries(parameters ?? {}).map(([key, value]) => [`parameter.${key}`, value]);
  return { group, version, weight, tag, protocol, ...Object.fromEntries(more) };
}

/** `name;option=value;…`, as the application's command line takes it. */
function item(name: string, options: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return [name, ...given.map(([key, value]) => `${key}=${value}`)].join(";");
}
