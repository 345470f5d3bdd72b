import type { ConversionEnvironment, Profile, ZookeeperSource } from "../../config/mod.ts";
import type { LabelRules } from "../../conversion/endpoint-labels.ts";
import { endpointSelection } from "../../conversion/endpoint-selection.ts";
import type { EndpointFilter } from "../../conversion/endpoint-selection.ts";
import { instanceRelabel } from "../../conversion/instance-relabel.ts";
import type { Relabel } from "../../conversion/instance-relabel.ts";
import { portProtocol } from "../../conversion/port-protocol.ts";
import type { PortProtocol } from "../../conversion/port-protocol.ts";
import { servicePlacement } from "../../conversion/service-placement.ts";
import type { Place } from "../../conversion/service-placement.ts";
import { methodBalancing } from "./method-labels.ts";

/** How interfaces become ServiceEntries: the options of a source with Dubbo's services, compiled. */
export interface DubboRules {
  readonly registry: "nacos" | "zookeeper";
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
  /** Takes providers and instances at loopback addresses. */
  readonly allowLoopback: boolean;
  /** The region of Spring Cloud instances that have a zone and tell no region; empty for none. */
  readonly region: string;
  /** Writes `location` and `exportTo`. */
  readonly place: Place;
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

/** The options that {@link DubboRules} are compiled from. */
export type DubboOptions = Pick<
  ZookeeperSource,
  | "svcProtocol"
  | "genericProtocol"
  | "svcPort"
  | "instancePortAsSvcPort"
  | "resourceNs"
  | "ignoreLabel"
  | "singleAppService"
  | "methodLbServiceSelectors"
  | "hostSuffix"
  | "allowLoopback"
  | "region"
  | "location"
  | "exportTo"
  | "servicePlacements"
  | "endpointSelectors"
  | "servicedEndpointSelectors"
  | "emptyEpSelectorsExcludeAll"
  | "alwaysUseSourceScopedEpSelectors"
  | "instanceMetaRelabel"
>;

/** The rules of a ZooKeeper source. */
export function zookeeperRules(
  source: ZookeeperSource,
  profile: Profile,
  environment: ConversionEnvironment,
): DubboRules {
  return dubboRules(source, { registry: "zookeeper", root: source.registryRootNode, profile, environment });
}

/** Compiles a source's options; once, because {@link DubboRules} are used for each interface. */
export function dubboRules(
  source: DubboOptions,
  { registry, root, profile, environment }: Pick<
    DubboRules,
    "registry" | "root" | "profile" | "environment"
  >,
): DubboRules {
  const relabelled = [
    ...(source.instanceMetaRelabel?.items ?? []).map(({ targetKey }) => targetKey),
    ...environment.endpointRelabelItems.map(({ to }) => to),
  ];
  return {
    registry,
    profile,
    environment,
    labelRules: { ...environment, profile, cleansInstanceId: profile === "istio" },
    root,
    ownProtocol: portProtocol(source.svcProtocol, source.genericProtocol, profile),
    svcPort: source.svcPort,
    instancePortAsSvcPort: source.instancePortAsSvcPort,
    resourceNs: source.resourceNs,
    hostSuffix: source.hostSuffix,
    singleAppService: source.singleAppService,
    allowLoopback: source.allowLoopback,
    region: source.region,
    place: servicePlacement(source),
    ignoredParameters: new Set(source.ignoreLabel),
    filterOf: endpointSelection(source),
    relabel: instanceRelabel(source.instanceMetaRelabel),
    identityIsRelabelled: relabelled.some((key) => identityLabels.has(key)),
    balancesByMethod: methodBalancing(source.methodLbServiceSelectors),
  };
}
