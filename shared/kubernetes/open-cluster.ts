import { openAccess } from "./access/open-access.ts";
import type { CredentialSource } from "./access/credential-source.ts";
import { proxyFromEnvironment } from "./http/proxy-choice.ts";
import { Transport } from "./http/transport.ts";
import type {
  ClusterAccess,
  ClusterOptions,
  KubernetesCluster,
  Reflector,
  ReflectorOptions,
  RequestKind,
  ResourceSelection,
} from "./kubernetes.ts";
import { ApiReflector } from "./reflector/api-reflector.ts";
import type { ReflectorContext } from "./reflector/reflector-context.ts";

const defaults = {
  responseTimeoutMs: 30_000,
  silenceMs: 90_000,
  watchMs: 300_000,
  pageSize: 500,
  maxObjectBytes: 64 * 1024 * 1024,
  maxRetryMs: 30_000,
} as const;

/**
 * Opens a cluster: finds its address and credentials, and sends nothing yet. The first reflector finds out whether the
 * cluster can be reached.
 * @throws MeshError `configuration` if the user's kubeconfig (or our pod) is at fault, `invalid-record` if an `untrusted`
 * kubeconfig is; both name the key.
 */
export async function openCluster(
  access: ClusterAccess,
  options: ClusterOptions,
): Promise<KubernetesCluster> {
  const environment = options.environment ?? process.env;
  return new ApiCluster(await openAccess(access, options.name, { environment }), options);
}

class ApiCluster implements KubernetesCluster {
  readonly name: string;
  readonly server: string;
  readonly requests: Record<RequestKind, number> = { list: 0, watchList: 0, watch: 0 };
  readonly #transport: Transport;
  readonly #context: Omit<ReflectorContext, "ended">;
  readonly #stop = new AbortController();
  readonly #reflectors = new Set<AsyncDisposable>();
  #refusesWatchList = false;

  constructor(source: CredentialSource, options: ClusterOptions) {
    this.name = options.name;
    this.server = withoutCredentials(source.server);
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    const settings = { ...defaults, ...given };
    const proxy = source.proxy ?? proxyFromEnvironment(source.server, options.environment ?? process.env);
    const { responseTimeoutMs } = settings;
    this.#transport = new Transport(source, { responseTimeoutMs, proxy });
    this.#context = {
      ...settings,
      cluster: options.name,
      signal: this.#stop.signal,
      get: (kind, path, signal) => {
        this.requests[kind]++;
        return this.#transport.get(path, kind === "list", signal);
      },
      unauthorized: () => source.refused(),
      refusesWatchList: () => this.#refusesWatchList,
      watchListRefused: () => (this.#refusesWatchList = true),
    };
  }

  reflect<T>(selection: ResourceSelection, options: ReflectorOptions<T>): Reflector<T> {
    const reflector = new ApiReflector(selection, options, {
      ...this.#context,
      ended: () => this.#reflectors.delete(reflector),
    });
    this.#reflectors.add(reflector);
    return reflector;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#reflectors].map((reflector) => reflector[Symbol.asyncDispose]()));
    this.#reflectors.clear();
    this.#transport.close();
  }
}

function withoutCredentials(server: URL): string {
  return `${server.origin}${server.pathname.replace(/\/$/, "")}`;
}
