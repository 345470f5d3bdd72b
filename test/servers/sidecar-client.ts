import { create } from "@bufbuild/protobuf";
import { setTimeout as sleep } from "node:timers/promises";
import { NodeSchema } from "../../protos/gen/envoy/config/core/v3/base_pb.ts";
import { openDelta, openSotw } from "./sidecar-stream.ts";
import type { SidecarStream, XdsMessage } from "./sidecar-stream.ts";
import { SidecarView } from "./sidecar-view.ts";
import type { XdsType } from "./sidecar-view.ts";

export type { XdsMessage, XdsType };

/** How a sidecar connects. */
export interface SidecarOptions {
  /** istiod's plain xDS address, e.g. `127.0.0.1:15010`. */
  readonly address: string;
  /** Present proxies speak delta (the default). */
  readonly protocol?: "delta" | "sotw";
  /** Namespace of the pretended pod; default `default`. */
  readonly namespace?: string;
}

/** A lost stream is opened again after this time. */
const reconnectMs = 200;

/**
 * Behaves like one sidecar proxy towards istiod: asks for clusters and listeners, then for the endpoints and routes that
 * these name, acknowledges everything, keeps what it has while the connection is lost, and connects again.
 */
export class Sidecar implements AsyncDisposable {
  /** Every answer since the start or the last {@link forget}, in the order of arrival. */
  #messages: XdsMessage[] = [];
  readonly #view = new SidecarView();
  readonly #options: SidecarOptions;
  #stream: SidecarStream | undefined;
  #closed = false;
  #streams = 0;
  #onChange = new Set<() => void>();

  constructor(options: SidecarOptions) {
    this.#options = options;
    this.#connect();
  }

  /** Every answer since the start or the last {@link forget}. */
  get messages(): readonly XdsMessage[] {
    return this.#messages;
  }

  /** How many streams have been opened; more than one means that the connection was lost. */
  get streams(): number {
    return this.#streams;
  }

  /** Number of answers per type since the start or the last {@link forget}. */
  counts(): Readonly<Record<XdsType, number>> {
    const counts = { CDS: 0, EDS: 0, LDS: 0, RDS: 0 };
    for (const { type } of this.#messages) counts[type]++;
    return counts;
  }

  /** Starts counting anew; what the sidecar holds stays. */
  forget(): void {
    this.#messages = [];
  }

  /** Names of the clusters it holds, e.g. `outbound|80||orders.example`. */
  clusters(): readonly string[] {
    return this.#view.names("CDS");
  }

  /** Where requests to a cluster may go, each `address:port`, sorted; `undefined` while that is not known. */
  endpointsOf(cluster: string): readonly string[] | undefined {
    return this.#view.endpointsOf(cluster);
  }

  /** The same by host and port of a service. */
  endpointsOfHost(host: string, port: number): readonly string[] | undefined {
    return this.endpointsOf(`outbound|${port}||${host}`);
  }

  /** Those of {@link endpointsOfHost} that are called with Istio's mTLS. */
  mutualTlsOfHost(host: string, port: number): readonly string[] {
    return this.#view.mutualTlsOf(`outbound|${port}||${host}`);
  }

  /** Waits until `condition` holds, looking after every answer. Rejects with `what` and the counts if it never does. */
  async until(what: string, condition: () => boolean, timeoutMs = 60_000): Promise<void> {
    const changed = Promise.withResolvers<void>();
    const look = () => condition() && changed.resolve();
    this.#onChange.add(look);
    const late = setTimeout(() => {
      const counts = JSON.stringify(this.counts());
      changed.reject(
        new Error(`the sidecar did not see ${what} within ${timeoutMs} ms; messages: ${counts}`),
      );
    }, timeoutMs);
    try {
      look();
      await changed.promise;
    } finally {
      clearTimeout(late);
      this.#onChange.delete(look);
    }
  }

  /** Waits until nothing has come for `quietMs` (istiod gathers changes for 100 ms before it pushes). */
  async quiet(quietMs = 1_000): Promise<void> {
    for (;;) {
      const seen = this.#messages.length;
      await sleep(quietMs);
      if (this.#messages.length === seen) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#stream?.close();
    await Promise.resolve();
  }

  #connect(): void {
    this.#streams++;
    const { address, protocol = "delta", namespace = "default" } = this.#options;
    const open = protocol === "delta" ? openDelta : openSotw;
    this.#stream = open({
      address,
      node: create(NodeSchema, {
        id: `sidecar~10.0.0.9~probe.${namespace}~${namespace}.svc.cluster.local`,
        cluster: `probe.${namespace}`,
        metadata: {
          NAMESPACE: namespace,
          NAME: "probe",
          ISTIO_VERSION: "1.31.0",
          LABELS: { app: "probe" },
          INTERCEPTION_MODE: "REDIRECT",
          MESH_ID: "cluster.local",
        },
      }),
      view: this.#view,
      onMessage: (message) => {
        this.#messages.push(message);
        for (const look of this.#onChange) look();
      },
      onEnd: () => {
        if (!this.#closed) setTimeout(() => this.#closed || this.#connect(), reconnectMs).unref();
      },
    });
  }
}

/** Connects a sidecar; it needs no answer to exist, so this does not wait. */
export function connectSidecar(options: SidecarOptions): Sidecar {
  return new Sidecar(options);
}
