import type { ConversionEnvironment, NacosSource, Profile } from "../../../shared/config/mod.ts";
import { endpointSelection } from "../../../shared/conversion/endpoint-selection.ts";
import type { EndpointFilter } from "../../../shared/conversion/endpoint-selection.ts";
import { instanceRelabel } from "../../../shared/conversion/instance-relabel.ts";
import type { Relabel } from "../../../shared/conversion/instance-relabel.ts";
import type { InstanceServiceRules } from "../../../shared/conversion/instance-service.ts";
import { protocolWord } from "../../../shared/conversion/port-protocol.ts";
import { serviceExtras } from "../../../shared/conversion/service-extras.ts";
import { serviceNaming } from "../../../shared/conversion/service-naming.ts";
import type { Naming } from "../../../shared/conversion/service-naming.ts";
import { servicePlacement } from "../../../shared/conversion/service-placement.ts";

/** How services of Nacos become ServiceEntries: the options of a source, compiled. */
export interface NacosRules {
  readonly profile: Profile;
  /** What Nacos' services have in common with those of other registries. */
  readonly service: InstanceServiceRules;
  /** Metadata keys under which an instance gets where it is from; empty: none. */
  readonly metaKeys: { readonly registryId: string; readonly namespace: string; readonly group: string };
  readonly relabel: Relabel | undefined;
  readonly naming: Naming | undefined;
  /** The filter of a service, by the names under which it may have selectors of its own. */
  readonly filterOf: (...serviceNames: readonly string[]) => EndpointFilter;
  /** Empty: none. */
  readonly hostnameMetaKey: string;
  readonly portMetaKeys: readonly { readonly key: string; readonly scheme: string }[];
}

/** Compiles a source's options; once, because {@link NacosRules} are used for each service. */
export function nacosRules(
  source: NacosSource,
  profile: Profile,
  environment: ConversionEnvironment,
): NacosRules {
  return {
    profile,
    service: {
      ...source,
      registry: "nacos",
      profile,
      environment,
      nameSuffix: source.domSuffix,
      place: servicePlacement(source),
      extras: serviceExtras(source),
    },
    metaKeys: {
      registryId: environment.registryIdMetaKey,
      namespace: source.metaKeyNamespace,
      group: source.metaKeyGroup,
    },
    relabel: instanceRelabel(source.instanceMetaRelabel),
    naming: serviceNaming(source.serviceNaming),
    filterOf: endpointSelection(source),
    hostnameMetaKey: source.hostnameMetaKey,
    portMetaKeys: source.portMetaKeys.map(({ key, protocol }) => (
      { key, scheme: protocolWord(protocol) ?? "tcp" }
    )),
  };
}
