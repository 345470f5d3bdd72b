import { bookkeepingPrefix, emptySinceAnnotation } from "../../../../shared/model/annotations.ts";
import { interfaceOf, methodsAnnotation, serviceKeyOf } from "../../../../shared/dubbo/dubbo-service.ts";
import type { Config } from "../../../../shared/config/mod.ts";
import { compareCodePoints, normalizeForIstio, orderForSlime } from "../../../../shared/istio/mod.ts";
import type { Manifest, ServiceEntryManifest, ServiceEntrySpec } from "../../../../shared/model/manifest.ts";

/** A service as slime's `/zk` shows it. */
export interface ShownService {
  readonly ServiceEntry: ServiceEntrySpec;
  readonly Meta: {
    readonly Schema: null;
    readonly FullName: { readonly Namespace: string; readonly Name: string };
    readonly CreateTime: string | undefined;
    readonly Version: string;
    readonly Generation: 0;
    readonly Labels: Readonly<Record<string, string>>;
    readonly Annotations: Readonly<Record<string, string>>;
  };
}

/** Interfaces with their services by key (`interface:group:version`), both sorted. */
export type ShownInterfaces = readonly (readonly [name: string, services: Record<string, ShownService>])[];

/** Collects what `/zk` and `/zks` show: the services that have not lost all their providers, by interface. */
export class ZookeeperView {
  readonly #config: Config;
  readonly #versionOf: (subject: string) => string;
  readonly #interfaces = new Map<string, [key: string, service: ShownService][]>();

  /** `versionOf` answers the resource version under which a subject is served. */
  constructor(config: Config, versionOf: (subject: string) => string) {
    this.#config = config;
    this.#versionOf = versionOf;
  }

  /** Adds an entry of the stream. An emptied one leaves its interface without services, as in slime. */
  add(subject: string, manifest: Manifest): void {
    if (manifest.kind !== "ServiceEntry" || this.#isMock(manifest)) return;
    const name = interfaceOf(manifest);
    const services = this.#interfaces.get(name) ?? [];
    this.#interfaces.set(name, services);
    if (manifest.metadata.annotations?.[emptySinceAnnotation] !== undefined) return;
    services.push([serviceKeyOf(manifest), this.#shown(subject, manifest)]);
  }

  /** What was collected. */
  interfaces(): ShownInterfaces {
    return [...this.#interfaces].sort(byKey).map(([name, services]) => (
      [name, Object.fromEntries(services.sort(byKey))] as const
    ));
  }

  /** The entry of merged ports is no service of the registry. */
  #isMock({ metadata }: ServiceEntryManifest): boolean {
    const { mockServiceEntryName } = this.#config.zookeeperSource;
    return mockServiceEntryName !== "" && metadata.name === mockServiceEntryName;
  }

  #shown(subject: string, manifest: ServiceEntryManifest): ShownService {
    const { metadata, spec } = this.#config.profile === "istio"
      ? normalizeForIstio(manifest)
      : orderForSlime(manifest);
    const { namespace, name, creationTimestamp, labels = {}, annotations = {} } = metadata;
    const methods = annotations[methodsAnnotation];
    return {
      ServiceEntry: spec,
      Meta: {
        Schema: null,
        FullName: { Namespace: namespace, Name: name },
        CreateTime: creationTimestamp,
        Version: this.#versionOf(subject),
        Generation: 0,
        Labels: methods === undefined ? labels : { ...labels, methods },
        Annotations: Object.fromEntries(
          Object.entries(annotations).filter(([key]) => !key.startsWith(bookkeepingPrefix)),
        ),
      },
    };
  }
}

/** `/zks` without parameters: endpoints by service key, and how many services there are. */
export function endpointCounts(interfaces: ShownInterfaces): Record<string, number> {
  const counts = interfaces.flatMap(([, services]) =>
    Object.entries(services).map(([key, { ServiceEntry }]) =>
      [key, ServiceEntry.endpoints?.length ?? 0] as const
    )
  );
  return Object.fromEntries([...counts, ["count-iface", counts.length] as const].sort(byKey));
}

/** `/zks?iface=`: one interface with its services, or one service by its key, or nothing. */
export function servicesNamed(interfaces: ShownInterfaces, name: string): Record<string, unknown> {
  for (const [interfaceName, services] of interfaces) {
    if (interfaceName === name) return { [name]: services };
  }
  for (const [, services] of interfaces) {
    if (Object.hasOwn(services, name)) return { [name]: services[name] };
  }
  return {};
}

/** What Go's `strconv.ParseBool` takes for true. */
export function isTrueToGo(text: string | undefined): boolean {
  return text !== undefined && ["1", "t", "T", "true", "True", "TRUE"].includes(text);
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return compareCodePoints(a, b);
}
