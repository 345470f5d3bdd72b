import type { ShareReader } from "../../../shared/collector/registry.ts";
import type { Unit } from "../../../shared/collector/unit.ts";
import type { NacosSource, Profile } from "../../../shared/config/mod.ts";
import { normalizedServiceName } from "../../../shared/conversion/instance-service.ts";
import { isDubboMetadata } from "../../../shared/dubbo/applications/application-node.ts";
import type { NacosInstance, ServiceName } from "../../../shared/nacos/nacos.ts";
import { parseDubboName } from "../conversion/dubbo-names.ts";

/**
 * Whether replicas may read a share of the services each. Not where the instances of one service may be entries of any
 * name (`serviceNaming`, `instanceMetaRelabel`), where one entry is made of all services (`mockServiceEntryName`), or
 * where Sidecars are made of all consumers.
 */
export function readsShares(source: NacosSource, profile: Profile): boolean {
  const { mockServiceEntryName, serviceNaming, instanceMetaRelabel, dubbo } = source;
  return mockServiceEntryName === "" && (serviceNaming?.items ?? []).length === 0 &&
    (instanceMetaRelabel?.items ?? []).length === 0 &&
    (profile === "slime" || !dubbo.enabled || !dubbo.enableDubboSidecar);
}

/**
 * Which services this replica reads: those whose unit it owns, and Dubbo's applications, whose instances tell only
 * when they are read which interfaces they offer.
 */
export class ServiceShares implements ShareReader {
  readonly #hasDubbo: boolean;
  readonly #onChange: () => void;
  #owns: (unit: Unit) => boolean = () => true;
  /** Services by unit of which nothing is known yet. */
  readonly #unread = new Map<Unit, Set<string>>();

  /** `onChange` is called when {@link keeps} may have other results. */
  constructor(source: NacosSource, profile: Profile, onChange: () => void) {
    this.#hasDubbo = profile === "istio" && source.dubbo.enabled;
    this.#onChange = onChange;
  }

  follow(owns: (unit: Unit) => boolean): void {
    this.#owns = owns;
    this.#onChange();
  }

  knows(unit: Unit): boolean {
    return !this.#unread.has(unit);
  }

  /** Units of services of which nothing is known yet. */
  get unreadUnits(): Iterable<Unit> {
    return this.#unread.keys();
  }

  /** True if this replica reads the service. */
  keeps(service: ServiceName, instances: readonly NacosInstance[]): boolean {
    return this.#owns(this.#unitOf(service)) ||
      (this.#hasDubbo && instances.some(({ metadata }) => isDubboMetadata(metadata)));
  }

  /** Notes whether a service has been read. `key`: what tells it apart from all others. */
  note(service: ServiceName, key: string, isUnread: boolean): void {
    const unit = this.#unitOf(service);
    const unread = this.#unread.get(unit);
    if (!isUnread) {
      if (unread?.delete(key) === true && unread.size === 0) this.#unread.delete(unit);
    } else if (unread === undefined) this.#unread.set(unit, new Set([key]));
    else unread.add(key);
  }

  /** The unit that a service's name means; its instances may belong to others, too. */
  #unitOf({ name }: ServiceName): Unit {
    const dubbo = this.#hasDubbo ? parseDubboName(name) : undefined;
    return dubbo === undefined ? `service/${normalizedServiceName(name)}` : `interface/${dubbo.interface}`;
  }
}
