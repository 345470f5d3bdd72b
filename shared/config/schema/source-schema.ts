import { z } from "zod";
import { Location } from "../../model/manifest.ts";
import { duration, flag, section, text, textMap, texts, uint32 } from "./fields.ts";

/** What all four sources have in common: slime's SourceArgs, in the order of its struct (which `/args` shows). */

/** One condition of a Kubernetes label selector. */
const LabelRequirement = section({
  key: text().describe("Label key that the condition is about"),
  operator: text().describe("`In`, `NotIn`, `Exists` or `DoesNotExist`"),
  values: texts().describe("Values for In and NotIn"),
});

/** A Kubernetes label selector's keys, inlined into whoever has one. `matchLabels: {}` matches everything. */
export const labelSelectorShape = {
  matchLabels: z.record(z.string(), z.string()).optional().describe("Labels that must all be there"),
  matchExpressions: z.array(LabelRequirement).optional().describe("Conditions that must all hold"),
};

/** Chooses instances by label and address; the two conditions are ANDed. */
export const EndpointSelector = section({
  ...labelSelectorShape,
  excludeIpRanges: section({
    ips: texts().describe("Addresses to leave out"),
    cidrs: texts().describe("Address ranges to leave out"),
  }).optional().describe("Instances to leave out by address"),
});
/** See {@link EndpointSelector}. */
export type EndpointSelector = z.output<typeof EndpointSelector>;

/** Chooses services by label; `invert` turns the list into a deny list. */
export const ServiceSelector = section({
  ...labelSelectorShape,
  invert: flag().describe("Turns the match round: a deny list"),
});
/** See {@link ServiceSelector}. */
export type ServiceSelector = z.output<typeof ServiceSelector>;

/** How the service name of an instance is put together. */
export const ServiceNaming = section({
  sep: text().describe("Text between the parts"),
  items: z.array(section({
    kind: text().describe("`$` (of the instance), `meta` (its metadata) or `static`"),
    value: text().describe(
      "`service`, `ip` or `port` for `$`; a metadata key for `meta`; the text for `static`",
    ),
  })).default([]).describe("The parts of the name, in order"),
});
/** See {@link ServiceNaming}. */
export type ServiceNaming = z.output<typeof ServiceNaming>;

/** How instance metadata is rewritten before conversion. */
export const InstanceMetaRelabel = section({
  items: z.array(section({
    key: text().describe("Metadata key to read"),
    targetKey: text().describe("Metadata key to write"),
    overwrite: flag().describe("Replace a value that is already there"),
    createdWithValue: text().describe("Value to use when `key` is absent; empty: skip"),
    valuesMapping: textMap().describe("Replacement by value; others are copied"),
  })).default([]).describe("Steps, each working on the result of those before it"),
});
/** See {@link InstanceMetaRelabel}. */
export type InstanceMetaRelabel = z.output<typeof InstanceMetaRelabel>;

/** Where services belong, and who sees them; for those that are chosen by host or label. */
export const ServicePlacement = section({
  ...labelSelectorShape,
  invert: flag().describe("Turns the match round: for all others"),
  hosts: texts().describe("Hosts that this is for, `*.domain` among them; empty: all"),
  location: Location.optional().describe("In place of the source's; absent: that"),
  exportTo: texts().describe("In place of the source's; empty: that"),
});
/** See {@link ServicePlacement}. */
export type ServicePlacement = z.output<typeof ServicePlacement>;

/** Extra metadata for one ServiceEntry. */
const AdditionalMeta = section({ annotations: textMap(), labels: textMap() });

const ServiceHostAlias = section({
  host: text().describe("Host as converted"),
  aliases: texts().describe("Hosts to add"),
});

/** The defaults in which the sources differ. */
interface SourceDefaults {
  readonly refreshPeriod: string;
  readonly labelPatch: boolean;
  readonly svcProtocol: string;
  readonly svcPort: number;
  readonly instancePortAsSvcPort: boolean;
  readonly defaultServiceNs: string;
  readonly resourceNs: string;
}

/** The keys of slime's SourceArgs with the defaults of one source. */
export function sourceShape(defaults: SourceDefaults) {
  return {
    enabled: flag().describe(
      "Read this registry; in our own file an address or a server enables it, unless this says otherwise",
    ),
    waitTime: duration("0").describe(
      "If above 0: serve without this source this long after the start, even if it hasn't been read yet",
    ),
    refreshPeriod: duration(defaults.refreshPeriod).describe("Period of complete reads"),
    gatewayModel: flag().describe("Deprecated switch for gateways; sets several other keys, see below"),
    labelPatch: flag(defaults.labelPatch).describe("Lay pod labels over endpoint labels"),
    genericProtocol: flag().describe("Port protocol GENERIC, port name `generic-<svcProtocol>`"),
    svcProtocol: text(defaults.svcProtocol).describe("Port protocol"),
    svcPort: uint32(defaults.svcPort).describe("Service port; 0: none"),
    instancePortAsSvcPort: flag(defaults.instancePortAsSvcPort).describe(
      "Offer every instance port as a service port",
    ),
    defaultServiceNs: text(defaults.defaultServiceNs).describe(
      "Namespace part of the host for instances without `k8sNs` (only with `nsHost`)",
    ),
    resourceNs: text(defaults.resourceNs).describe("Namespace of the generated resources"),
    endpointSelectors: z.array(EndpointSelector).default([]).describe("Instances to take; ORed; empty: all"),
    servicedEndpointSelectors: z.record(z.string(), z.array(EndpointSelector)).default({}).describe(
      "Instances to take, by service name",
    ),
    emptyEpSelectorsExcludeAll: flag().describe("No selector means no instance"),
    alwaysUseSourceScopedEpSelectors: flag().describe(
      "`endpointSelectors` hold beside `servicedEndpointSelectors`",
    ),
    mockServiceName: text().describe("Host of the entry that merges all ports"),
    mockServiceEntryName: text().describe("Name of the entry that merges all ports; empty: none"),
    mockServiceMergeInstancePort: flag().describe("Merge instance ports into it"),
    mockServiceMergeServicePort: flag().describe("Merge service ports into it"),
    serviceNaming: ServiceNaming.optional().describe("Computes the service name of each instance"),
    serviceHostAliases: z.array(ServiceHostAlias).default([]).describe("Extra hosts"),
    serviceAdditionalMetas: z.record(z.string(), AdditionalMeta).default({}).describe(
      "Extra labels and annotations, by ServiceEntry name",
    ),
    instanceMetaRelabel: InstanceMetaRelabel.optional().describe("Rewrites instance metadata"),
    enableEmptyProtection: flag().describe("Keep the endpoints of a service that lost its last one"),
    allowLoopback: flag().describe(
      "Take instances at 127.0.0.1, `::1` or `localhost`, where every proxy finds itself; for tests on one host",
    ),
    region: text().describe(
      "Locality: region of instances that name a zone and no region; empty: that of a cloud's zone, else none",
    ),
    location: Location.optional().describe(
      "`MESH_EXTERNAL` or `MESH_INTERNAL`; absent: Istio's default, the former",
    ),
    exportTo: texts().describe("Namespaces that see the services: names, `.` (their own) or `*`; empty: all"),
    servicePlacements: z.array(ServicePlacement).default([]).describe(
      "`location` and `exportTo` of some services; the first that matches holds",
    ),
  };
}
