import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { useServer } from "./find.ts";
import type { ServerName } from "./find.ts";
import { freePort } from "./free-port.ts";
import { jvmFlags } from "./java.ts";
import { orDispose, ServerProcess } from "./server-process.ts";

/** The versions that the tests run: the newest two lines, and one without persistent watches. */
export type ZooKeeperVersion = "3.9" | "3.8" | "3.4";

/** All of them, newest first; a server's recipe is called `zookeeper-` and the version. */
export const zooKeeperVersions: readonly ZooKeeperVersion[] = ["3.9", "3.8", "3.4"];

/** Name of the recipe of a version, for `requireReal`. */
export function zooKeeperServerName(version: ZooKeeperVersion): ServerName {
  return `zookeeper-${version}`;
}

/** How to run a ZooKeeper server. */
export interface ZooKeeperServerOptions {
  /** Default: 3.9. */
  readonly version?: ZooKeeperVersion;
  /** Default: a free one. */
  readonly port?: number;
  /** Sessions get at least two ticks and at most twenty. Default: 2000, as everywhere; 200 gives sessions of 400 ms. */
  readonly tickTimeMs?: number;
  /** Listens with TLS as well, on a port of its own. Not with 3.4. */
  readonly tls?: ZooKeeperTls;
  /** More lines of zoo.cfg, e.g. `maxClientCnxns=1`. */
  readonly config?: readonly string[];
  /** System properties of the server, e.g. `{ "zookeeper.watchManagerName": … }`. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** PEM texts of a TLS listener. */
export interface ZooKeeperTls {
  readonly cert: string;
  /** In PKCS #8. */
  readonly key: string;
  /** Whom to trust if clients must show a certificate; without it they need none. */
  readonly clientCa?: string;
}

/** A running ZooKeeper server. Data, and sessions that have not expired meanwhile, survive a restart. */
export class ZooKeeperServer extends ServerProcess {
  readonly version: ZooKeeperVersion;
  readonly port: number;
  /** `host:port` as clients configure it. */
  readonly address: string;
  /** The same of the TLS listener, by a name that certificates can hold: `localhost:port`. */
  readonly tlsAddress: string | undefined;

  constructor(version: ZooKeeperVersion, port: number, tlsPort: number | undefined) {
    super(zooKeeperServerName(version));
    this.version = version;
    this.port = port;
    this.address = `127.0.0.1:${port}`;
    this.tlsAddress = tlsPort === undefined ? undefined : `localhost:${tlsPort}`;
  }

  /**
   * Asks in the four-letter protocol: `wchs` counts watches and who holds them, `srvr` tells of the server, `cons` lists
   * connections, `mntr` gives figures. Answers the text. @throws Error if nobody answers within five seconds.
   */
  async fourLetterWord(word: string): Promise<string> {
    return await fourLetterWord(this.port, word);
  }

  /**
   * How many watches all clients hold, as `wchs` counts them: for content, existence and trees, a tree being one. It
   * leaves out one-shot watches for children; `zk_watch_count` of `mntr` has these, and a tree twice up to 3.8.
   */
  async watchCount(): Promise<number> {
    const total = /Total watches:(\d+)/.exec(await this.fourLetterWord("wchs"))?.[1];
    if (total === undefined) throw new Error("wchs told no total");
    return Number(total);
  }

  /** Its part: in an ensemble the leader or a follower; undefined while it serves nobody. */
  async mode(): Promise<"standalone" | "leader" | "follower" | undefined> {
    const mode = /^Mode: (standalone|leader|follower)$/m.exec(await this.fourLetterWord("srvr"))?.[1];
    return mode === "standalone" || mode === "leader" || mode === "follower" ? mode : undefined;
  }
}

/**
 * Starts a real ZooKeeper server on loopback, on its own, with an empty tree. It does not wait for the disk. Needs
 * `java` (>= 17) in PATH.
 */
export async function startZooKeeper(options: ZooKeeperServerOptions = {}): Promise<ZooKeeperServer> {
  const server = await newServer(options);
  return await orDispose(server, async () => {
    await launch(server, options, "org.apache.zookeeper.server.ZooKeeperServerMain", []);
    return server;
  });
}

/** Three servers that are one. */
export interface ZooKeeperEnsemble extends AsyncDisposable {
  readonly servers: readonly ZooKeeperServer[];
  /** `host:port` of all of them. */
  readonly addresses: readonly string[];
  /** The one that leads now. @throws Error if none does: while they elect, or without a majority. */
  leader(): Promise<ZooKeeperServer>;
}

/** Starts an ensemble of three on loopback and waits until all of them serve. A killed member can be restarted. */
export async function startEnsemble(
  options: Omit<ZooKeeperServerOptions, "port" | "tls"> = {},
): Promise<ZooKeeperEnsemble> {
  const servers = [await newServer(options), await newServer(options), await newServer(options)];
  const dispose = async () => void await Promise.all(servers.map((one) => one[Symbol.asyncDispose]()));
  return await orDispose({ [Symbol.asyncDispose]: dispose }, async () => {
    const members: string[] = [];
    for (const index of servers.keys()) {
      members.push(`server.${index + 1}=127.0.0.1:${await freePort()}:${await freePort()}`);
    }
    // All at once: none is ready before it sees a majority.
    await Promise.all(servers.map(async (server, index) => {
      mkdirSync(dataFolder(server));
      writeFileSync(join(dataFolder(server), "myid"), `${index + 1}\n`);
      const config = ["initLimit=10", "syncLimit=5", ...members];
      await launch(server, options, "org.apache.zookeeper.server.quorum.QuorumPeerMain", config);
    }));
    return {
      servers,
      addresses: servers.map((server) => server.address),
      leader: async () => {
        for (const server of servers) {
          if (await server.mode().catch(() => undefined) === "leader") return server;
        }
        throw new Error("none of the ensemble leads");
      },
      [Symbol.asyncDispose]: dispose,
    };
  });
}

async function newServer({ version = "3.9", port, tls }: ZooKeeperServerOptions): Promise<ZooKeeperServer> {
  return new ZooKeeperServer(
    version,
    port ?? await freePort(),
    tls === undefined ? undefined : await freePort(),
  );
}

function dataFolder(server: ZooKeeperServer): string {
  return join(server.folder, "data");
}

/** What a server holds is lost with it, so it needn't wait for the disk. */
const ownFlags = [
  "-Xmx512m",
  "-Dzookeeper.forceSync=no",
  // 3.4 knows this only as a system property, and listens on a port for JMX otherwise.
  "-Dzookeeper.jmx.log4j.disable=true",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
  "-Dzookeeper.4lw.commands.whitelist=*",
];

async function launch(
  server: ZooKeeperServer,
  options: ZooKeeperServerOptions,
  mainClass: string,
  moreConfig: readonly string[],
): Promise<void> {
  const jars = useServer(zooKeeperServerName(server.version));
  const config = [
    `tickTime=${options.tickTimeMs ?? 2_000}`,
    `dataDir=${dataFolder(server)}`,
    `clientPort=${server.port}`,
    "clientPortAddress=127.0.0.1",
    // All clients of a test come from one address.
    "maxClientCnxns=0",
    "admin.enableServer=false",
    ...tlsConfig(server, options.tls),
    ...moreConfig,
    ...(options.config ?? []),
  ];
  const file = join(server.folder, "zoo.cfg");
  writeFileSync(file, `${config.join("\n")}\n`);
  const properties = Object.entries(options.properties ?? {}).map(([key, value]) => `-D${key}=${value}`);
  await server.start({
    name: zooKeeperServerName(server.version),
    command: "java",
    args: [
      ...jvmFlags(zooKeeperServerName(server.version)),
      ...ownFlags,
      ...properties,
      "-cp",
      join(jars, "*"),
      mainClass,
      file,
    ],
    // The port is open some 200 ms before anything is served.
    ready: async () => await server.mode() !== undefined,
  });
}

function tlsConfig(server: ZooKeeperServer, tls: ZooKeeperTls | undefined): readonly string[] {
  if (tls === undefined || server.tlsAddress === undefined) return [];
  const keyStore = join(server.folder, "server.pem");
  writeFileSync(keyStore, `${tls.key}\n${tls.cert}\n`);
  const trustStore = join(server.folder, "trusted.pem");
  writeFileSync(trustStore, tls.clientCa ?? tls.cert);
  return [
    `secureClientPort=${server.tlsAddress.slice("localhost:".length)}`,
    "secureClientPortAddress=127.0.0.1",
    "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
    `ssl.keyStore.location=${keyStore}`,
    `ssl.trustStore.location=${trustStore}`,
    `ssl.clientAuth=${tls.clientCa === undefined ? "none" : "need"}`,
  ];
}

async function fourLetterWord(port: number, word: string): Promise<string> {
  return await new Promise<string>((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", timeout: 5_000 });
    let text = "";
    socket.setEncoding("utf8");
    socket.once("connect", () => socket.write(word));
    socket.on("data", (part: string) => text += part);
    socket.once("timeout", () => socket.destroy(new Error(`no answer to ${word}`)));
    socket.once("error", reject);
    socket.once("close", () => resolve(text));
  });
}
