import { request as httpsRequest } from "node:https";
import { expect, vi } from "vitest";
import { TcpProxy } from "../../shared/entry-log/jetstream/tcp-proxy-rig.ts";
import type { openCluster } from "../../shared/kubernetes/open-cluster.ts";
import { resources } from "../../shared/kubernetes/kubernetes.ts";
import type {
  ClusterOptions,
  KubernetesCluster,
  ReceivedObject,
  Reflector,
  ReflectorEvent,
  ResourceSelection,
} from "../../shared/kubernetes/kubernetes.ts";
import type {
  KindName,
  Metadata,
  ObjectKinds,
  Pod,
  Service,
} from "../../shared/simulators/kubernetes/objects.ts";

/** For polling: a loaded machine takes its time. */
export const patient = { timeout: 60_000, interval: 20 };

/** Who a kubeconfig of a suite's server is for. `nobody` has no rights, `stranger` a token that the server doesn't know. */
export type SuiteUser = "admin" | "certificate" | "nobody" | "stranger";

/** An API server of the suite's own, real or simulated. */
export interface KubernetesSuiteServer extends AsyncDisposable {
  readonly port: number;
  /** A kubeconfig that needs no files; `port` is that of a proxy. */
  kubeconfig(user: SuiteUser, port?: number): string;
  set<Kind extends KindName>(kind: Kind, object: ObjectKinds[Kind]): Promise<void>;
  delete(kind: KindName, metadata: Pick<Metadata, "name" | "namespace">): Promise<void>;
  /** From now on no version that was told before is known any more. Open watches end. */
  forgetVersions(): Promise<void>;
  /** From now on ServiceExports are served; before, their kind was unknown. */
  installServiceExports(): Promise<void>;
  /** Grants a kind to `nobody`. */
  grant(kind: KindName): Promise<void>;
  /** The response to the administrator's GET: the body of a list, or the first `lines` of a watch. */
  get(path: string, lines?: number): Promise<{ readonly status: number; readonly body: string }>;
}

/** What the suite keeps of an object. */
export interface Kept {
  readonly uid: string;
  readonly color: string;
}

/** A reflector with all that it told, and a copy made of nothing but that. */
export class Follower implements AsyncDisposable {
  readonly events: ReflectorEvent<Kept>[] = [];
  readonly copy = new Map<string, Kept>();
  readonly reflector: Reflector<Kept>;

  constructor(
    cluster: KubernetesCluster,
    selection: ResourceSelection,
    trim: (object: ReceivedObject) => Kept | undefined = keep,
  ) {
    this.reflector = cluster.reflect(selection, { trim, onEvent: (event) => this.#onEvent(event) });
  }

  /** Waits for the first complete read. */
  async synced(): Promise<this> {
    await this.reflector.synced(AbortSignal.timeout(60_000));
    return this;
  }

  /** The events of a type so far. */
  told<Type extends ReflectorEvent<Kept>["type"]>(type: Type) {
    return this.events.filter((event): event is Extract<ReflectorEvent<Kept>, { type: Type }> =>
      event.type === type
    );
  }

  /** Colors by key: what the copy has. */
  get colors(): Record<string, string> {
    return Object.fromEntries([...this.copy].map(([key, { color }]) => [key, color]));
  }

  /** Waits until the copy is this. Not by `expect.poll`, which is of one test: some run at once. */
  async has(colors: Readonly<Record<string, string>>): Promise<void> {
    await vi.waitFor(() => expect(this.colors).toEqual(colors), patient);
    expect(new Map(this.reflector.objects)).toEqual(this.copy);
  }

  /** Waits until at least `times` events of a type came. */
  async saw(type: ReflectorEvent<Kept>["type"], times = 1): Promise<void> {
    await vi.waitFor(() => expect(this.told(type).length).toBeGreaterThanOrEqual(times), patient);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reflector[Symbol.asyncDispose]();
  }

  #onEvent(event: ReflectorEvent<Kept>): void {
    this.events.push(event);
    switch (event.type) {
      case "set":
        expect(event.before).toEqual(this.copy.get(event.key));
        this.copy.set(event.key, event.object);
        break;
      case "deleted":
        expect(event.before).toEqual(this.copy.get(event.key));
        this.copy.delete(event.key);
        break;
      case "read-ended":
        for (const [key, { object }] of event.set) this.copy.set(key, object);
        for (const key of event.lost.keys()) this.copy.delete(key);
        break;
      case "read-started":
      case "failed":
      case "invalid":
      case "silent":
        break;
    }
  }
}

/** Keeps uid and the label `color`. */
export function keep({ uid, json }: ReceivedObject): Kept {
  const { labels } = record(json["metadata"]);
  const { color } = record(labels);
  return { uid, color: typeof color === "string" ? color : "" };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** What all tests of a suite share: a server, and clusters of it that are closed with it. */
export class SuiteContext implements AsyncDisposable {
  readonly #start: () => Promise<KubernetesSuiteServer>;
  readonly #open: typeof openCluster;
  readonly #disposables = new AsyncDisposableStack();
  #server: KubernetesSuiteServer | undefined;

  constructor(start: () => Promise<KubernetesSuiteServer>, open: typeof openCluster) {
    this.#start = start;
    this.#open = open;
  }

  get server(): KubernetesSuiteServer {
    if (this.#server === undefined) throw new TypeError("the suite has not begun");
    return this.#server;
  }

  async begin(): Promise<void> {
    this.#server = this.#disposables.use(await this.#start());
  }

  /** Opens the server, through a proxy if `port` is that of one. */
  async open(options: Partial<ClusterOptions> & { user?: SuiteUser; port?: number } = {}) {
    const { user = "admin", port, ...rest } = options;
    const text = this.server.kubeconfig(user, port);
    return await this.#open({ kind: "untrusted", text }, {
      name: "suite",
      maxRetryMs: 500,
      environment: {},
      ...rest,
    });
  }

  /** Makes a namespace with a name of its own. */
  async namespace(name: string): Promise<string> {
    await this.server.set("namespaces", { metadata: { name } });
    return name;
  }

  /** Creates or changes a Service in a color. */
  async paint(namespace: string, name: string, color: string): Promise<void> {
    await this.server.set("services", service(namespace, name, color));
  }

  async remove(namespace: string, name: string): Promise<void> {
    await this.server.delete("services", { namespace, name });
  }

  /** A proxy before the server. */
  async proxy(): Promise<{ readonly proxy: TcpProxy; readonly port: number }> {
    const proxy = await TcpProxy.start(this.server.port);
    return { proxy, port: Number(new URL(proxy.url).port) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disposables.disposeAsync();
  }
}

/** All Services of a namespace. */
export const servicesOf = (namespace: string): ResourceSelection => ({
  resource: resources.services,
  namespace,
});

export function service(namespace: string, name: string, color: string): Service {
  return {
    metadata: { namespace, name, labels: { color } },
    spec: { ports: [{ name: "http", port: 80 }], selector: { app: name } },
  };
}

/** A pod on a node, in a phase. */
export function pod(namespace: string, name: string, phase: "Running" | "Succeeded"): Pod {
  return {
    metadata: { namespace, name, labels: { color: phase } },
    spec: { nodeName: "node-1", containers: [{ name: "app", image: "app:1" }] },
    status: { phase },
  };
}

/** The response to a GET with a token: all of it, or its first `lines`. */
export async function getWithToken(
  url: string,
  ca: string,
  token: string,
  lines?: number,
): Promise<{ readonly status: number; readonly body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const headers = { authorization: `Bearer ${token}` };
  const request = httpsRequest(url, { ca, agent: false, headers }, (response) => {
    let body = "";
    const done = () => resolve({ status: response.statusCode ?? 0, body });
    response.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
      if (lines === undefined || body.split("\n").length <= lines) return;
      response.destroy();
      done();
    });
    response.once("end", done);
    response.once("error", reject);
  });
  request.once("error", reject);
  request.end();
  return await promise;
}
