import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorText } from "../../shared/runtime/errors.ts";
import { useServer } from "./find.ts";
import type { ServerName } from "./find.ts";
import { freePort, freePortWith } from "./free-port.ts";
import { jvmFlags } from "./java.ts";
import { orDispose, ServerProcess } from "./server-process.ts";

/** The lines of Nacos' server that the tests run. Its recipe is called `nacos-` and the line. */
export type NacosLine = "2" | "3";

/** How to run a Nacos server. */
export interface NacosServerOptions {
  readonly line: NacosLine;
  /** Who has no token may do nothing. The first user is `nacos`; of line 2 its password is `nacos`, too. */
  readonly password?: string;
  /** Default: a free one, with free ones at the distances that Nacos takes. */
  readonly port?: number;
  /** Line 3: with the console, on a port of its own, which takes three seconds more. */
  readonly console?: boolean;
  /** Of its memory. Default: enough for some hundred services. */
  readonly heapMiB?: number;
  /** It is a node of a cluster: addresses of all nodes, its own among them. Ready when most of them are there. */
  readonly cluster?: { readonly members: readonly string[]; onDatabase(): void };
}

/** A request to a server's HTTP API, by whoever sets up what a test needs. */
export interface NacosCall {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Below `/nacos`. */
  readonly path: string;
  readonly params?: Readonly<Record<string, string>>;
}

/** A running Nacos server, or one of its protocol. What is registered over gRPC doesn't survive a restart. */
export class NacosServer extends ServerProcess {
  readonly line: NacosLine | "rnacos";
  readonly port: number;
  /** `host:port` as clients configure it; gRPC is 1000 above. */
  readonly address: string;
  readonly consoleUrl: string | undefined;
  #token: string | undefined;

  constructor(name: ServerName, line: NacosLine | "rnacos", port: number, consolePort: number | undefined) {
    super(name);
    this.line = line;
    this.port = port;
    this.address = `127.0.0.1:${port}`;
    this.consoleUrl = consolePort === undefined ? undefined : `http://127.0.0.1:${consolePort}`;
  }

  override async restart(): Promise<void> {
    await patiently(() => super.restart());
  }

  /** Sends a request, as user `nacos` if there is a password. @returns status and text of the answer */
  async call({ method = "GET", path, params = {} }: NacosCall): Promise<{ status: number; text: string }> {
    const form = new URLSearchParams({
      ...params,
      ...(this.#token !== undefined && { accessToken: this.#token }),
    });
    const isForm = method === "POST" || method === "PUT";
    const response = await fetch(
      `http://${this.address}/nacos${path}${isForm ? "" : `?${form.toString()}`}`,
      {
        method,
        ...(isForm && { body: form }),
        signal: AbortSignal.timeout(20_000),
      },
    );
    return { status: response.status, text: await response.text() };
  }

  /** The same. @throws Error unless it went well */
  async must(call: NacosCall): Promise<string> {
    const { status, text } = await this.call(call);
    if (status !== 200) throw new Error(`${call.path}: ${status} ${text}`);
    return text;
  }

  /** Logs in as `nacos`: further calls are in its name. Returns false while that doesn't work. */
  async logIn(password: string): Promise<boolean> {
    if (this.line === "3") {
      // The first one makes the user; afterwards it does nothing.
      await this.call({ method: "POST", path: "/v3/auth/user/admin", params: { password } });
    }
    const params = { username: "nacos", password };
    const path = this.line === "3" ? "/v3/auth/user/login" : "/v1/auth/users/login";
    const { status, text } = await this.call({ method: "POST", path, params });
    this.#token = status === 200 ? /"accessToken":"([^"]+)"/.exec(text)?.[1] : undefined;
    return this.#token !== undefined;
  }

  /** Makes a namespace. */
  async addNamespace(id: string, name = id): Promise<void> {
    if (this.line === "3") {
      const params = { customNamespaceId: id, namespaceId: id, namespaceName: name };
      await this.must({ method: "POST", path: "/v3/admin/core/namespace", params });
    } else {
      const params = { customNamespaceId: id, namespaceName: name, namespaceDesc: name };
      await this.must({ method: "POST", path: "/v1/console/namespaces", params });
    }
  }

  /** Publishes a configuration in the public namespace. */
  async setConfig(group: string, dataId: string, content: string): Promise<void> {
    if (this.line === "3") {
      const params = { dataId, groupName: group, content, namespaceId: "public" };
      await this.must({ method: "POST", path: "/v3/admin/cs/config", params });
    } else {
      await this.must({ method: "POST", path: "/v1/cs/configs", params: { dataId, group, content } });
    }
  }

  /** Asks a client that has a connection to make another one. @param id as {@link connectionIds} has it */
  async resetConnection(id: string): Promise<void> {
    const params = { connectionId: id, redirectAddress: "" };
    await this.must(
      this.line === "3"
        ? { method: "POST", path: "/v3/admin/core/loader/reloadClient", params }
        : { path: "/v2/core/loader/reloadClient", params },
    );
  }

  /** Ids of all connections over gRPC. */
  async connectionIds(): Promise<readonly string[]> {
    const path = this.line === "3" ? "/v3/admin/core/loader/current" : "/v2/core/loader/current";
    const text = await this.must({ path });
    return [...new Set([...text.matchAll(/"(\d+_127\.0\.0\.1_\d+)"/g)].map(([, id = ""]) => id))];
  }

  /** Makes a user that may read one namespace and nothing else. */
  async addReader(username: string, password: string, namespace: string): Promise<void> {
    const base = this.line === "3" ? "/v3/auth" : "/v1/auth";
    const [users, roles, permissions] = this.line === "3"
      ? ["user", "role", "permission"]
      : ["users", "roles", "permissions"];
    const role = `ROLE_${username}`;
    const post = (path: string, params: Readonly<Record<string, string>>) =>
      this.must({ method: "POST", path: `${base}/${path}`, params });
    await post(users, { username, password });
    await post(roles, { role, username });
    await post(permissions, { role, resource: `${namespace}:*:*`, action: "r" });
  }
}

/** Without it the tables are made with a wait for the disk each, and on a busy machine they aren't. */
const databaseFlag = "-Dderby.system.durability=test";

/** Storage of its own, and no configuration service: line 3 looks there for what to convert, before it elects anybody. */
const clusterFlags = ["-DembeddedStorage=true", "-Dnacos.functionMode=naming"];

/** For clients, for other servers, and for elections: what a server takes beside its port. */
export const nacosPortDistances = [1_000, 1_001, -1_000];

/** Starts a real Nacos server on loopback, with nothing registered. Needs `java` (>= 17) in PATH. */
export async function startNacos(options: NacosServerOptions): Promise<NacosServer> {
  return await patiently(() => startNacosOnce(options));
}

/** How often a server is started that had no patience with its own database. */
const nacosAttempts = 5;

/** On a busy machine opening the database takes longer than a time limit in Nacos, which then ends. */
async function patiently<Result>(start: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1;; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === nacosAttempts || !errorText(error).includes("Login timeout exceeded")) throw error;
    }
  }
}

async function startNacosOnce(options: NacosServerOptions): Promise<NacosServer> {
  const { line, password, cluster, heapMiB = line === "3" ? 512 : 384 } = options;
  const name: ServerName = `nacos-${line}`;
  const jars = useServer(name);
  const port = options.port ?? await freePortWith(nacosPortDistances);
  const consolePort = options.console === true ? await freePort() : undefined;
  const server = new NacosServer(name, line, port, consolePort);
  return await orDispose(server, async () => {
    const conf = join(server.folder, "conf");
    mkdirSync(conf);
    writeFileSync(join(conf, "application.properties"), `${properties(password !== undefined).join("\n")}\n`);
    if (cluster !== undefined) writeFileSync(join(conf, "cluster.conf"), `${cluster.members.join("\n")}\n`);
    // Elections in the database follow its tables.
    const elections = join(server.folder, "data", "protocol", "raft", "nacos_config");
    // Two jars have the same classes of Hessian, of which only these fit.
    const classPath = `${join(jars, "hessian-4.0.63.jar")}:${join(jars, "*")}`;
    await server.start({
      name,
      command: "java",
      args: [
        `-Xmx${heapMiB}m`,
        ...jvmFlags(name),
        databaseFlag,
        `-Dnacos.standalone=${cluster === undefined}`,
        ...(cluster === undefined ? [] : clusterFlags),
        `-Dnacos.home=${server.folder}`,
        `-Duser.home=${server.folder}`,
        ...(line === "3" ? lineThreeFlags(port, consolePort) : []),
        "-cp",
        classPath,
        ...(line === "3"
          ? ["meshregistry.test.NacosServer"]
          : ["com.alibaba.nacos.Nacos", `--server.port=${port}`]),
        `--spring.config.additional-location=file:${conf}/`,
      ],
      ready: async () => {
        if (existsSync(elections)) cluster?.onDatabase();
        return await isReady(server, password);
      },
    });
    return server;
  });
}

async function isReady(server: NacosServer, password: string | undefined): Promise<boolean> {
  const path = server.line === "3" ? "/v3/admin/core/state/readiness" : "/v1/ns/operator/metrics";
  const { status, text } = await server.call({ path });
  if (status !== 200 || (server.line === "2" && !text.includes("UP"))) return false;
  if (server.consoleUrl !== undefined && !(await fetch(`${server.consoleUrl}/v3/console/server/state`)).ok) {
    return false;
  }
  // Users are known some seconds later.
  return password === undefined || await server.logIn(password);
}

function lineThreeFlags(port: number, consolePort: number | undefined): readonly string[] {
  return [
    `-Dnacos.server.main.port=${port}`,
    `-Dnacos.deployment.type=${consolePort === undefined ? "server" : "merged"}`,
    ...(consolePort === undefined ? [] : [`-Dnacos.console.port=${consolePort}`]),
  ];
}

function properties(hasAuth: boolean): readonly string[] {
  const secret = Buffer.from("a secret of thirty-two bytes, or more").toString("base64");
  return [
    "nacos.inetutils.ip-address=127.0.0.1",
    "server.address=127.0.0.1",
    "server.tomcat.accesslog.enabled=false",
    "server.tomcat.basedir=${nacos.home}/tomcat",
    "server.error.include-message=ALWAYS",
    "spring.jmx.enabled=false",
    "spring.main.banner-mode=off",
    "nacos.core.auth.system.type=nacos",
    `nacos.core.auth.enabled=${hasAuth}`,
    `nacos.core.auth.admin.enabled=${hasAuth}`,
    `nacos.core.auth.console.enabled=${hasAuth}`,
    "nacos.core.auth.server.identity.key=server",
    "nacos.core.auth.server.identity.value=identity",
    `nacos.core.auth.plugin.nacos.token.secret.key=${secret}`,
  ];
}
