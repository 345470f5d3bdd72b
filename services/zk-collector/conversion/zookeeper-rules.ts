import type { ConversionEnvironment, Profile, ZookeeperSource } from "../../../shared/config/mod.ts";
import type { LabelRules } from "../../../shared/conversion/endpoint-labels.ts";
import { endpointSelection } from "../../../shared/conversion/endpoint-selection.ts";
import type { EndpointFilter } from "../../../shared/conversion/endpoint-selection.ts";
import { instanceRelabel } from "../../../shared/conversion/instance-relabel.ts";
import type { Relabel } from "../../../shared/conversion/instance-relabel.ts";
import { portProtocol } from "../../../shared/conversion/port-protocol.ts";
import type { PortProtocol } from "../../../shared/conversion/port-protocol.ts";
import { methodBalancing } from "./method-labels.ts";

/** How interfaces become ServiceEntries: the options of a ZooKeeper source, compiled. */
export interface ZookeeperRules {
  readonly profile: Profile;
  readonly environment: ConversionEnvironment;
  readonly labelRules: LabelRules;
  /** `registryRootNode`, for naming nodes in reports. */
  readonly root: string;
  /** What `svcProtocol` makes of a `dubbo://` provider. */
  readonly ownProtocol: PortProtocol;
  readonly svcPort: number;
  readonly instancePortAsSvcPort: boolean;
  readonly resourceNs: string;
  readonly hostSuffix: string;
  readonly singleAppService: boolean;
  /** Parameters that become no labels. */
  readonly ignoredParameters: ReadonlySet<string>;
  /** The filter of a service, by the names under which it may have selectors of its own. */
  readonly filterOf: (...serviceNames: readonly string[]) => EndpointFilter;
  readonly relabel: Relabel | undefined;
  /** The configuration writes group or version labels anew: they decide then, not the URL. */
  readonly identityIsRelabelled: boolean;
  readonly balancesByMethod: (serviceLabels: Readonly<Record<string, string>>) => boolean;
}

const identityLabels: ReadonlySet<string> = new Set(["group", "default.group", "version", "default.version"]);

/** Compiles a source's options; once, because {@link ZookeeperRules} are used for each interface. */
export function zookeeperRules(
  source: ZookeeperSource,
  profile: Profile,
  environment: ConversionEnvironment,
): ZookeeperRules {
  const relabelled = [
    ...(source.instanceMetaRelabel?.items ?? []).map(({ targetKey }) => targetKey),
    ...environment.endpointRelabelItems.map(({ to }) => to),
  ];
  return {
    profile,
    environment,
    labelRules: { ...environment, profile },
    root: source.registryRootNode,
    ownProtocol: portProtocol(source.svcProtocol, source.genericProtocol, profile),
    svcPort: source.svcPort,
    instancePortAsSvcPort: source.instancePortAsSvcPort,
    resourceNs: source.resourceNs,
    hostSuffix: source.hostSuffix,
    singleAppService: source.singleAppService,
    ignoredParameters: new Set(source.ignoreLabel),
    filterOf: endpointSelection(source),
    relabel: instanceRelabel(source.instanceMetaRelabel),
    identityIsRelabelled: relabelled.some((key) => identityLabels.has(key)),
    balancesByMethod: methodBalancing(source.methodLbServiceSelectors),
  };
}
