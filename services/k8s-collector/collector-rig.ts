import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { RunningSource } from "../../shared/collector/source-rig.ts";
import type { SourceRigOptions } from "../../shared/collector/source-rig.ts";
import type { SourceCollector } from "../../shared/collector/source-collector.ts";
import type { K8sSource } from "../../shared/config/mod.ts";
import type { RegistryKind } from "../../shared/collector/registry.ts";
import type { ClusterOptions } from "../../shared/kubernetes/kubernetes.ts";
import { openCluster } from "../../shared/kubernetes/open-cluster.ts";
import { Manifest } from "../../shared/model/manifest.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { readJson } from "../../shared/model/read-json.ts";
import { allSubjects } from "../../shared/model/subject.ts";
import type { EndpointSlice, SliceEndpoint } from "../../shared/simulators/kubernetes/objects.ts";
import { SimulatedKubernetes } from "../../shared/simulators/kubernetes/server.ts";
import type { SimulatedKubernetesOptions } from "../../shared/simulators/kubernetes/server.ts";
import { kubernetes } from "./registry.ts";
import { KubernetesView } from "./view/kubernetes-view.ts";

/** Long enough for a busy machine. */
export const patient = { timeout: 30_000, interval: 10 };

/** A simulated cluster that ends with the test. */
export class SimulatedCluster {
  readonly server: SimulatedKubernetes;
  readonly url: string;
  readonly #folder: string;

  private constructor(server: SimulatedKubernetes, url: string) {
    this.server = server;
    this.url = url;
    this.#folder = mkdtempSync(join(tmpdir(), "meshregistry-kubeconfig-"));
  }

  static async start(options: SimulatedKubernetesOptions = {}): Promise<SimulatedCluster> {
    const server = new SimulatedKubernetes(options);
    const cluster = new SimulatedCluster(server, await server.listen("127.0.0.1:0"));
    onTestFinished(async () => {
      rmSync(cluster.#folder, { recursive: true });
      await server[Symbol.asyncDispose]();
    });
    return cluster;
  }

  /** The text of a kubeconfig. */
  kubeconfig(token?: string): string {
    return this.server.kubeconfig(this.url, token === undefined ? {} : { token });
  }

  /** The path of a kubeconfig. */
  kubeconfigFile(token?: string): string {
    const path = join(this.#folder, "kubeconfig");
    writeFileSync(path, this.kubeconfig(token));
    return path;
  }

  /** Listens again after `server.stop()`. */
  async resume(): Promise<void> {
    await this.server.listen(new URL(this.url).host);
  }

  /** A Service of the namespace `shop` with the port 80, and one slice with these addresses. */
  service(
    name: string,
    addresses: readonly string[],
    annotations: Readonly<Record<string, string>> = {},
  ): void {
    this.server.set("services", {
      metadata: { namespace: "shop", name, annotations },
      spec: { type: "ClusterIP", ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    });
    this.slice(name, `${name}-1`, addresses);
  }

  /** A slice of a Service. */
  slice(service: string, name: string, endpoints: readonly (string | SliceEndpoint)[]): void {
    const slice: EndpointSlice = {
      metadata: { namespace: "shop", name, labels: { "kubernetes.io/service-name": service } },
      addressType: "IPv4",
      ports: [{ name: "http", port: 8080 }],
      endpoints: endpoints.map((each) => typeof each === "string" ? { addresses: [each] } : each),
    };
    this.server.set("endpointSlices", slice);
  }

  /** A pod of the namespace `shop`. */
  pod(name: string, labels: Readonly<Record<string, string>>, status: object = {}): void {
    this.server.set("pods", {
      metadata: { namespace: "shop", name, labels },
      spec: { nodeName: "n1", serviceAccountName: "orders" },
      status: { phase: "Running", ...status },
    });
  }
}

/** How a test's collector differs from the usual one. */
export interface CollectorRigOptions extends SourceRigOptions {
  /** Keys of `k8sSource`. */
  readonly source?: Readonly<Record<string, unknown>>;
  /** Maximum time without a byte in a stream, in milliseconds. */
  readonly silenceMs?: number;
}

/** Kubernetes with retries that are short enough to wait for. */
function impatient(more: Partial<ClusterOptions>): RegistryKind<K8sSource> {
  return {
    ...kubernetes,
    open: async (source, context) => {
      const view = new KubernetesView(
        source,
        context,
        (access, options) => openCluster(access, { ...options, maxRetryMs: 50, environment: {}, ...more }),
        { retryMs: 50, refreshMs: 200 },
      );
      await view.open();
      return view;
    },
  };
}

/** A collector that runs, on the real publisher. */
export class CollectorRig {
  readonly collector: SourceCollector;
  readonly running: RunningSource;

  private constructor(running: RunningSource) {
    this.running = running;
    this.collector = running.collector;
  }

  /** Starts a collector of clusters by their ids; it ends with the test. */
  static async start(
    clusters: Readonly<Record<string, SimulatedCluster>>,
    options: CollectorRigOptions = {},
  ): Promise<CollectorRig> {
    const kubeconfigs = Object.entries(clusters).map(([id, cluster]) => [id, cluster.kubeconfig()] as const);
    return await CollectorRig.startWith(Object.fromEntries(kubeconfigs), options);
  }

  /** The same, of clusters by their kubeconfigs. */
  static async startWith(
    kubeconfigs: Readonly<Record<string, string>>,
    { source, silenceMs, ...options }: CollectorRigOptions = {},
  ): Promise<CollectorRig> {
    const folder = mkdtempSync(join(tmpdir(), "meshregistry-kubeconfigs-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const listed = Object.entries(kubeconfigs).map(([id, text]) => {
      const kubeConfig = join(folder, id);
      writeFileSync(kubeConfig, text);
      return { id, kubeConfig };
    });
    const k8sSource = { clusters: listed, clusterWaitTime: "0", ...source };
    const rig = new CollectorRig(
      await RunningSource.start(
        impatient(silenceMs === undefined ? {} : { silenceMs }),
        { k8sSource },
        options,
      ),
    );
    onTestFinished(() => rig.stop());
    return rig;
  }

  #stopped: Promise<void> | undefined;

  async stop(): Promise<void> {
    this.#stopped ??= this.running[Symbol.asyncDispose]();
    await this.#stopped;
  }

  /** True once the first complete read is published. */
  get isReady(): boolean {
    return this.collector.isSettled;
  }

  /** What is published, by name. */
  async manifests(): Promise<Map<string, ServiceEntryManifest>> {
    const found = new Map<string, ServiceEntryManifest>();
    for await (const { data } of this.running.entryLog.readBack(allSubjects, new AbortController().signal)) {
      const parsed = Manifest.safeParse(readJson(data));
      if (parsed.data?.kind === "ServiceEntry") found.set(parsed.data.metadata.name, parsed.data);
    }
    return found;
  }

  /** Published addresses by name: `{orders: "10.0.0.1 10.1.0.1"}`. */
  async endpoints(): Promise<Record<string, string>> {
    return Object.fromEntries(
      Array.from(await this.manifests(), ([name, { spec: { endpoints = [] } }]) => [
        name,
        endpoints.map(({ address }) => address).join(" "),
      ]),
    );
  }
}
