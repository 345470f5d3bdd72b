import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";
import { resources } from "../../shared/kubernetes/kubernetes.ts";
import type { Resource } from "../../shared/kubernetes/kubernetes.ts";
import { apiVersionOf, kinds } from "../../shared/simulators/kubernetes/objects.ts";
import type { KindName, Metadata, ObjectKinds } from "../../shared/simulators/kubernetes/objects.ts";
import { useServer } from "./find.ts";
import { freePort } from "./free-port.ts";
import { orDispose, ServerProcess } from "./server-process.ts";

/** How to run an API server. */
export interface KubeApiServerOptions {
  /** Default: a free one. */
  readonly port?: number;
  /**
   * Also run Kubernetes' controllers for Deployments, StatefulSets, EndpointSlices, namespaces and service accounts, and
   * what passes for a scheduler and a kubelet on two nodes. Without them objects are what a test writes.
   */
  readonly controllers?: boolean;
  /** Further flags of kube-apiserver, e.g. `--feature-gates=WatchList=false`. */
  readonly flags?: readonly string[];
}

/** Who a kubeconfig is for; `collector` has only what RBAC objects of the test grant to the user `collector`. */
export type KubeUser = "admin" | "admin-token" | "collector";

/** What the API server answered to a request of {@link KubeApiServer.request}. */
export interface KubeResponse {
  readonly status: number;
  readonly body: string;
}

/** A running API server with its etcd. Port, objects and credentials stay the same over restarts. */
export class KubeApiServer extends ServerProcess {
  readonly port: number;

  constructor(port: number) {
    super("kube-apiserver");
    this.port = port;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** The authority of its certificate, PEM. */
  get ca(): string {
    return this.#file("ca.crt");
  }

  /** Path of a kubeconfig, which names other files beside it. */
  kubeconfigFile(user: KubeUser): string {
    return join(this.folder, `${user}.kubeconfig`);
  }

  /** A kubeconfig that needs no files, as a Secret has it; `port` is that of a proxy. */
  kubeconfig(user: KubeUser, port: number = this.port): string {
    const base64 = (file: string) => Buffer.from(this.#file(file)).toString("base64");
    const credentials = user === "admin"
      ? { "client-certificate-data": base64("admin.crt"), "client-key-data": base64("admin.key") }
      : { token: `${user}${user === "collector" ? "-token" : ""}` };
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [{
        name: "test",
        cluster: { server: `https://127.0.0.1:${port}`, "certificate-authority-data": base64("ca.crt") },
      }],
      users: [{ name: user, user: credentials }],
      contexts: [{ name: "test", context: { cluster: "test", user } }],
    });
  }

  /** Creates or replaces an object of a kind that collectors read. @throws Error if the server refuses it */
  async set<Kind extends KindName>(kind: Kind, object: ObjectKinds[Kind]): Promise<void> {
    const path = pathOf(kind, object.metadata.namespace);
    const body = { apiVersion: apiVersionOf(kind), kind: kinds[kind], ...object };
    const created = await this.request("POST", path, body);
    if (created.status === 409) {
      // Without a version it replaces whatever is there.
      await this.expect("PUT", `${path}/${object.metadata.name}`, await this.#replacing(kind, object));
    } else if (created.status >= 300) throw refusal("POST", path, created);
    if ((kind === "pods" || kind === "namespaces") && "status" in object && object.status !== undefined) {
      await this.expect("PUT", `${path}/${object.metadata.name}/status`, await this.#replacing(kind, object));
    }
  }

  /** Deletes an object, at once; nothing happens if there is none. @throws Error if the server refuses it */
  async delete(kind: KindName, { name, namespace }: Pick<Metadata, "name" | "namespace">): Promise<void> {
    const path = `${pathOf(kind, namespace)}/${name}?gracePeriodSeconds=0`;
    const response = await this.request("DELETE", path);
    if (response.status >= 300 && response.status !== 404) throw refusal("DELETE", path, response);
  }

  /** Sends a request as the administrator. */
  async request(method: string, path: string, body?: unknown): Promise<KubeResponse> {
    return await this.requestAs("admin-token", method, path, body);
  }

  /** Sends a request with a token. */
  async requestAs(token: string, method: string, path: string, body?: unknown): Promise<KubeResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<KubeResponse>();
    const request = httpsRequest(`${this.url}${path}`, {
      method,
      ca: this.ca,
      agent: false,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
      response.once("error", reject);
    });
    request.once("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
    return await promise;
  }

  /** Sends a request as the administrator; returns the body. @throws Error unless the status is 2xx */
  async expect(method: string, path: string, body?: unknown): Promise<string> {
    const response = await this.request(method, path, body);
    if (response.status >= 300) throw refusal(method, path, response);
    return response.body;
  }

  /** Runs kubectl as the administrator; returns its output. @throws Error with its message if it fails */
  async kubectl(...args: readonly string[]): Promise<string> {
    const command = useServer("kube-apiserver");
    const all = ["kubectl", "--kubeconfig", this.kubeconfigFile("admin"), ...args];
    const { stdout } = await promisify(execFile)(command, all, { maxBuffer: 2 ** 28 });
    return stdout;
  }

  /** Applies one object, or a `List` of them, as kubectl does. @throws Error with the server's message */
  async apply(manifest: object): Promise<void> {
    const file = join(this.folder, "manifest.json");
    writeFileSync(file, JSON.stringify(manifest));
    await this.kubectl("apply", "--server-side", "-f", file);
  }

  /** The object with the version that is there now. */
  async #replacing<Kind extends KindName>(kind: Kind, object: ObjectKinds[Kind]): Promise<unknown> {
    const path = `${pathOf(kind, object.metadata.namespace)}/${object.metadata.name}`;
    const current: unknown = JSON.parse(await this.expect("GET", path));
    const { uid, resourceVersion } = fields(fields(current)["metadata"]);
    const metadata = { ...object.metadata, uid, resourceVersion };
    // What the server has given to a Service can't be taken away.
    const { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } = fields(fields(current)["spec"]);
    const given = kind === "services" ? { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } : {};
    const spec = { ...given, ...fields("spec" in object ? object.spec : undefined) };
    return {
      apiVersion: apiVersionOf(kind),
      kind: kinds[kind],
      ...object,
      metadata,
      ...("spec" in object && { spec }),
    };
  }

  #file(name: string): string {
    return readFileSync(join(this.folder, name), "utf8");
  }
}

/** Starts an API server on loopback and waits until it is ready. Needs the server `kube-apiserver`. */
export async function startKubeApiServer(options: KubeApiServerOptions = {}): Promise<KubeApiServer> {
  const command = useServer("kube-apiserver");
  const server = new KubeApiServer(options.port ?? await freePort());
  const { folder, port } = server;
  return await orDispose(server, async () => {
    await server.start({
      name: "kube-apiserver",
      command,
      args: [
        "serve",
        "--dir",
        folder,
        "--port",
        String(port),
        ...(options.controllers === true ? ["--controllers"] : []),
        "--",
        ...(options.flags ?? []),
      ],
      // The file of an earlier run is removed before anything is served.
      ready: async () =>
        (await server.request("GET", "/readyz")).status === 200 && existsSync(join(folder, "ready")),
    });
    return server;
  });
}

function pathOf(kind: KindName, namespace: string | undefined): string {
  const { group, version, plural }: Resource = resources[kind];
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}

function refusal(method: string, path: string, { status, body }: KubeResponse): Error {
  return new Error(`the API server answered ${method} ${path} with ${status}: ${body.slice(0, 2_000)}`);
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
