import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startFakeKube } from "./fake-kube.ts";
import type { FakeKube } from "./fake-kube.ts";
import { useServer } from "./find.ts";
import { freePort } from "./free-port.ts";
import { accepts, orDispose, ServerProcess } from "./server-process.ts";

/** Which stock istiod: the newest commit, or one shortly before 1.22. */
export type IstiodVersion = "latest" | "1.22";

/** An entry of `configSources` in the mesh configuration. */
export interface ConfigSource {
  readonly address: string;
  readonly tlsSettings?: Readonly<Record<string, unknown>>;
}

/** How to run an istiod. */
export interface IstiodOptions {
  readonly version: IstiodVersion;
  /**
   * Its configuration sources, e.g. `127.0.0.1:16010`; `xds://` is put before an address without a scheme. Or whole ones,
   * as in its mesh configuration.
   */
  readonly mcpAddresses: readonly (string | ConfigSource)[];
  /** More lines of the mesh configuration (YAML). */
  readonly meshConfig?: string;
  /** Environment variables, e.g. `REVISION`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where it listens with its debug API, for who has to know that before it starts; default: a free port. */
  readonly httpPort?: number;
}

/** One configuration object as `/debug/configz` shows it. */
export interface StoredConfig {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** The version that our server gave it. */
  readonly version: string;
  readonly spec: unknown;
}

/** A running istiod. Its ports stay the same over restarts. */
export class Istiod extends ServerProcess {
  readonly version: IstiodVersion;
  /** Debug API and readiness. */
  readonly httpPort: number;
  /** xDS without TLS, where sidecars connect. */
  readonly grpcPort: number;
  /** Prometheus metrics. */
  readonly monitoringPort: number;
  readonly #kube: FakeKube | undefined;

  constructor(version: IstiodVersion, ports: readonly [number, number, number], kube: FakeKube | undefined) {
    super(`istiod-${version}`);
    this.version = version;
    [this.httpPort, this.grpcPort, this.monitoringPort] = ports;
    this.#kube = kube;
  }

  /** True once istiod has the whole configuration from every source and serves proxies. */
  async ready(): Promise<boolean> {
    // Without a Kubernetes client the old one never says that it is ready; it listens once it is.
    if (this.version === "1.22") return await accepts(this.grpcPort);
    const response = await fetch(`http://127.0.0.1:${this.httpPort}/ready`, {
      signal: AbortSignal.timeout(5_000),
    });
    await response.body?.cancel();
    return response.ok && await accepts(this.grpcPort);
  }

  /** The JSON answer of a page below `/debug`, e.g. `endpointz` or `syncz`. */
  async debug(page: string): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.httpPort}/debug/${page}`);
    if (!response.ok) throw new Error(`istiod answered /debug/${page} with ${response.status}`);
    return await response.json();
  }

  /** The configuration that istiod has accepted from its sources, optionally of one kind (`ServiceEntry`). */
  async configz(kind?: string): Promise<readonly StoredConfig[]> {
    const answer = await this.debug("configz");
    if (!Array.isArray(answer)) {
      throw new Error("istiod answered /debug/configz with something that is no list");
    }
    return answer.map(storedConfig).filter((config) => kind === undefined || config.kind === kind);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.#kube?.[Symbol.asyncDispose]();
  }
}

/**
 * Starts a stock istiod on loopback, with nothing but our configuration sources. These **must listen already**: istiod
 * ends if none can be reached, and is not ready before all have answered.
 */
export async function startIstiod(options: IstiodOptions): Promise<Istiod> {
  const command = useServer(`istiod-${options.version}`);
  const kube = options.version === "latest" ? await startFakeKube() : undefined;
  const ports = [options.httpPort ?? await freePort(), await freePort(), await freePort()] as const;
  const istiod = new Istiod(options.version, ports, kube);
  return await orDispose(istiod, async () => {
    const meshFile = join(istiod.folder, "mesh.yaml");
    writeFileSync(meshFile, meshConfig(options));
    const args = [
      "discovery",
      ...kubeFlags(istiod.folder, kube),
      `--meshConfig=${meshFile}`,
      "--networksConfig=/dev/null",
      `--httpAddr=127.0.0.1:${istiod.httpPort}`,
      `--grpcAddr=127.0.0.1:${istiod.grpcPort}`,
      `--monitoringAddr=127.0.0.1:${istiod.monitoringPort}`,
      `--ctrlz_port=${await freePort()}`,
      "--secureGRPCAddr=",
      "--httpsAddr=",
      "--keepaliveMaxServerConnectionAge=24h",
    ];
    const env = {
      POD_NAME: "istiod-test",
      POD_NAMESPACE: "istio-system",
      ENABLE_CA_SERVER: "false",
      PILOT_CERT_PROVIDER: "none",
      CLUSTER_ID: "Kubernetes",
      ...options.env,
    };
    await istiod.start({
      name: `istiod ${options.version}`,
      command,
      args,
      env,
      ready: () => istiod.ready(),
    });
    return istiod;
  });
}

/** JSON is YAML, and quotes any address safely. */
function meshConfig({ mcpAddresses, meshConfig = "" }: IstiodOptions): string {
  const sources = mcpAddresses.map((source) => {
    if (typeof source !== "string") return source;
    return { address: source.includes("://") ? source : `xds://${source}` };
  });
  return [
    'accessLogFile: ""',
    "trustDomain: cluster.local",
    "rootNamespace: istio-system",
    `configSources: ${JSON.stringify(sources)}`,
    meshConfig,
  ].join("\n");
}

function kubeFlags(folder: string, kube: FakeKube | undefined): string[] {
  if (kube === undefined) return ["--registries="];
  const file = join(folder, "kubeconfig");
  const kubeconfig = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server: `http://127.0.0.1:${kube.port}` } }],
    users: [{ name: "test", user: {} }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    "current-context": "test",
  };
  writeFileSync(file, JSON.stringify(kubeconfig));
  return ["--registries=Kubernetes", `--kubeconfig=${file}`];
}

function storedConfig(value: unknown): StoredConfig {
  const object = record(value);
  const metadata = record(object["metadata"]);
  const text = (field: unknown) => (typeof field === "string" ? field : "");
  return {
    kind: text(object["kind"]),
    namespace: text(metadata["namespace"]),
    name: text(metadata["name"]),
    version: text(metadata["resourceVersion"]),
    spec: object["spec"],
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
