import type { ConversionEnvironment } from "../config/mod.ts";
import type { Profile } from "../model/profile.ts";
import { safeHost } from "../istio/mod.ts";
import type { ServiceEntryManifest, ServicePort } from "../model/manifest.ts";
import { networkingApiVersion } from "../model/manifest.ts";
import { serviceLabels } from "./service-labels.ts";
import { servicePlacement } from "./service-placement.ts";
import type { Place, PlacementOptions } from "./service-placement.ts";

/** The options of a source that ask for a port-merging entry. */
export interface MockServiceOptions extends PlacementOptions {
  readonly mockServiceName: string;
  readonly mockServiceEntryName: string;
  readonly mockServiceMergeInstancePort: boolean;
  readonly mockServiceMergeServicePort: boolean;
  readonly resourceNs: string;
}

/**
 * One entry without endpoints that has the ports of all services of a source, so that sidecars listen on all of them
 * (`MockServiceName`). Ports are only ever added: taking one away would take a listener away.
 */
export class MockService {
  readonly #options: MockServiceOptions;
  readonly #host: string;
  readonly #labels: Record<string, string>;
  readonly #profile: Profile;
  readonly #place: Place;
  readonly #ports = new Map<number, ServicePort>();
  #grew = true;

  private constructor(
    options: MockServiceOptions,
    host: string,
    labels: Record<string, string>,
    profile: Profile,
  ) {
    this.#options = options;
    this.#host = host;
    this.#labels = labels;
    this.#profile = profile;
    this.#place = servicePlacement(options);
  }

  /** Undefined if the source has no `MockServiceEntryName`. */
  static of(
    options: MockServiceOptions,
    registry: string,
    profile: Profile,
    { istioRevision, seLabelSelectorKeys }: Pick<
      ConversionEnvironment,
      "istioRevision" | "seLabelSelectorKeys"
    >,
  ): MockService | undefined {
    if (options.mockServiceEntryName === "") return undefined;
    const host = profile === "istio" ? safeHost(options.mockServiceName) : options.mockServiceName;
    const labels = {
      registry,
      // Entries of interfaces have that label, and slime's has it too.
      ...(registry === "zookeeper" ? { path: options.mockServiceName } : {}),
      ...(istioRevision === "" ? {} : { "istio.io/rev": istioRevision }),
      // Without endpoints this is `$host` alone.
      ...serviceLabels(seLabelSelectorKeys, [], [host], profile),
    };
    return new MockService(options, host, labels, profile);
  }

  /** True if ports came since the last {@link manifest}. */
  get grew(): boolean {
    return this.#grew && this.isPublishable;
  }

  /** False while there is nothing that an istiod takes: slime's patched one takes an entry without ports, others don't. */
  get isPublishable(): boolean {
    return this.#ports.size > 0 || this.#profile === "slime";
  }

  /**
   * True if a service's entry has this entry's name and namespace. As in slime, this one takes its place: callers have
   * listeners for its ports. (Without ports, where it isn't published, it takes nobody's.)
   */
  replaces({ metadata }: ServiceEntryManifest): boolean {
    const { mockServiceEntryName, resourceNs } = this.#options;
    return metadata.name === mockServiceEntryName && metadata.namespace === resourceNs && this.isPublishable;
  }

  /** Takes over a service's ports, unless it is one that has this entry's name. */
  add({ metadata, spec }: ServiceEntryManifest): void {
    if (metadata.name === this.#options.mockServiceEntryName) return;
    const protocols = new Map<string, string | undefined>();
    for (const port of spec.ports ?? []) {
      protocols.set(port.name, port.protocol);
      if (this.#options.mockServiceMergeServicePort) this.#addPort(port);
    }
    if (!this.#options.mockServiceMergeInstancePort) return;
    for (const endpoint of spec.endpoints ?? []) {
      for (const [name, number] of Object.entries(endpoint.ports ?? {})) {
        this.#addPort({ number, protocol: protocols.get(name), name: `${name}-${number}` });
      }
    }
  }

  #addPort(port: ServicePort): void {
    if (this.#ports.has(port.number)) return;
    this.#ports.set(port.number, port);
    this.#grew = true;
  }

  /** The entry as it is now. */
  manifest(): ServiceEntryManifest {
    this.#grew = false;
    const { mockServiceEntryName, resourceNs } = this.#options;
    return this.#place({
      apiVersion: networkingApiVersion,
      kind: "ServiceEntry",
      metadata: { name: mockServiceEntryName, namespace: resourceNs, labels: { ...this.#labels } },
      spec: {
        hosts: [this.#host],
        ports: [...this.#ports.values()].sort((a, b) => a.number - b.number),
        resolution: "STATIC",
      },
    });
  }
}
