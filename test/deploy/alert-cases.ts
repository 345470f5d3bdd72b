/** A state of affairs in which one alert has to fire: what Prometheus reads, and what the alert says. */
export interface AlertCase {
  readonly alert: string;
  /** Series in promtool's notation, one value a minute. */
  readonly series: Readonly<Record<string, string>>;
  /** When it has to fire. */
  readonly at: string;
  /** Until when it mustn't, because it waits (`for`); absent: it fires at once. */
  readonly notYet?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly severity: "critical" | "warning";
  readonly summary: string;
  readonly description: string;
}

const eureka = 'registry="eureka",source="default"';
const ofEureka = { registry: "eureka", source: "default" };
const stays = "What was published stays served; changes of the registry don't arrive.";
const late = (share: string) =>
  `${share} of changes were not acknowledged within one second, or were refused.`;

/** 100 changes a minute, of which so many are acknowledged in time. */
function changes(inTime: number): Readonly<Record<string, string>> {
  return {
    'meshregistry_change_to_ack_seconds_bucket{dialect="delta",le="1"}': `0+${inTime}x6000`,
    'meshregistry_change_to_ack_seconds_count{dialect="delta"}': "0+100x6000",
    'meshregistry_xds_nacks_total{type_url="networking.istio.io/v1/ServiceEntry"}': "0x6000",
  };
}

/** A gauge that has the value from the beginning on. */
function gauge(name: string, labels: string, value: number): Readonly<Record<string, string>> {
  return { [`${name}{${labels}}`]: `${value}x200` };
}

/** For each alert of `deploy/monitoring`, one state in which it fires. */
export const alertCases: readonly AlertCase[] = [
  {
    alert: "MeshregistryChangesLateFast",
    series: changes(80),
    at: "5m",
    notYet: "2m",
    labels: {},
    severity: "critical",
    summary: "Changes reach istiod too late, a month of budget goes in two days",
    description: late("20%"),
  },
  {
    alert: "MeshregistryChangesLateSteady",
    series: changes(92),
    at: "20m",
    notYet: "10m",
    labels: {},
    severity: "critical",
    summary: "Changes reach istiod too late, a month of budget goes in five days",
    description: late("8%"),
  },
  {
    alert: "MeshregistryChangesLateSlow",
    series: changes(96),
    at: "70m",
    notYet: "50m",
    labels: {},
    severity: "warning",
    summary: "Changes reach istiod too late, a month of budget goes in ten days",
    description: late("4%"),
  },
  {
    alert: "MeshregistryChangesLateCreeping",
    series: changes(98),
    at: "200m",
    notYet: "170m",
    labels: {},
    severity: "warning",
    summary: "Changes reach istiod too late, the month's budget is being used up",
    description: late("2%"),
  },
  {
    alert: "MeshregistryRegistryUnreachable",
    series: gauge("meshregistry_registry_reachable", 'source="eureka"', 0),
    at: "3m",
    notYet: "1m",
    labels: { source: "eureka" },
    severity: "warning",
    summary: "A collector can't read eureka",
    description: "What it published stays served.",
  },
  {
    alert: "MeshregistrySourceUnreadable",
    series: gauge("meshregistry_source_readable", eureka, 0),
    at: "3m",
    notYet: "1m",
    labels: ofEureka,
    severity: "critical",
    summary: "No live collector can read eureka/default",
    description: stays,
  },
  {
    alert: "MeshregistrySourceWithoutCollector",
    series: gauge("meshregistry_source_collectors", `${eureka},state="live"`, 0),
    at: "2m",
    notYet: "0m",
    labels: { ...ofEureka, state: "live" },
    severity: "critical",
    summary: "No collector of eureka/default gives a sign of life",
    description: stays,
  },
  {
    alert: "MeshregistrySourceStale",
    series: gauge("meshregistry_source_read_age_seconds", eureka, 330),
    at: "2m",
    notYet: "0m",
    labels: ofEureka,
    severity: "warning",
    summary: "eureka/default was last read well 5m 30s ago",
    description: "Take several times the source's refreshPeriod as the limit.",
  },
  {
    alert: "MeshregistrySourceUnsynced",
    series: gauge("meshregistry_source_synced", eureka, 0),
    at: "6m",
    notYet: "4m",
    labels: ofEureka,
    severity: "warning",
    summary: "eureka/default has not been read completely",
    description: "Until its waitTime is over clients wait for it; after that they are served without it.",
  },
  {
    alert: "MeshregistryLossesHeld",
    series: gauge("meshregistry_held_service_entries", 'source="eureka"', 3),
    at: "0m",
    labels: { source: "eureka" },
    severity: "critical",
    summary: "The guard holds back the loss of 3 resources",
    description: "Find out whether they are really gone, then release the loss or repair the registry.",
  },
  {
    alert: "MeshregistryLossesHeld",
    series: gauge("meshregistry_aggregator_held_resources", eureka, 4),
    at: "0m",
    labels: ofEureka,
    severity: "critical",
    summary: "The guard holds back the loss of 4 resources",
    description: "Find out whether they are really gone, then release the loss or repair the registry.",
  },
  {
    alert: "MeshregistryMembersUnsettled",
    series: gauge("meshregistry_term_unsettled_members", 'source="eureka"', 2),
    at: "6m",
    notYet: "4m",
    labels: { source: "eureka" },
    severity: "warning",
    summary: "2 replicas haven't published their share of eureka",
    description: "The source gets no sync marker, so new aggregators wait.",
  },
  {
    alert: "MeshregistryResourcesRejected",
    series: gauge("meshregistry_rejected_resources", "", 1),
    at: "6m",
    notYet: "4m",
    labels: {},
    severity: "warning",
    summary: "1 resources aren't served as they are",
    description: "Istio's rules or their form forbid it.",
  },
  {
    alert: "MeshregistryClientRefuses",
    series: { 'meshregistry_xds_nacks_total{type_url="networking.istio.io/v1/ServiceEntry"}': "0x5 1x20" },
    at: "8m",
    notYet: "5m",
    labels: { type_url: "networking.istio.io/v1/ServiceEntry" },
    severity: "warning",
    summary: "A client refused networking.istio.io/v1/ServiceEntry",
    description: "It keeps what it had.",
  },
  {
    alert: "MeshregistryClientSilent",
    series: { 'meshregistry_xds_dropped_clients_total{reason="ack-timeout"}': "0x5 1x20" },
    at: "8m",
    notYet: "5m",
    labels: { reason: "ack-timeout" },
    severity: "warning",
    summary: "A client was sent away: ack-timeout",
    description: "It didn't acknowledge in time, or fell too far behind; it connects anew.",
  },
  {
    alert: "MeshregistryNoIstiod",
    series: {
      ...gauge("meshregistry_xds_clients", 'dialect="delta"', 0),
      ...gauge("meshregistry_xds_clients", 'dialect="none"', 1),
    },
    at: "6m",
    notYet: "4m",
    labels: {},
    severity: "critical",
    summary: "No client is connected to any aggregator",
    description: "istiod keeps what it has, and learns of no change.",
  },
  {
    alert: "MeshregistrySurplusSources",
    series: gauge("meshregistry_xds_surplus_sources", "", 2),
    at: "61m",
    notYet: "59m",
    labels: {},
    severity: "warning",
    summary: "An istiod has 2 more sources than there are shards",
    description: "It may show deleted services.",
  },
  {
    alert: "MeshregistryLogUnreadable",
    series: gauge("meshregistry_entry_log_readable", "", 0),
    at: "3m",
    notYet: "1m",
    labels: {},
    severity: "critical",
    summary: "The entry log can't be read",
    description: "Changes don't arrive; served entries stay.",
  },
  {
    alert: "MeshregistryResourcesUnconfirmed",
    series: gauge("meshregistry_unconfirmed_resources", eureka, 12),
    at: "11m",
    notYet: "9m",
    labels: ofEureka,
    severity: "warning",
    summary: "12 resources of eureka/default weren't published again since the entry log was reset",
    description: "They stay served.",
  },
  {
    alert: "MeshregistryServesFromDisk",
    series: gauge("meshregistry_served_state_age_seconds", "", 60),
    at: "2m",
    notYet: "0m",
    labels: {},
    severity: "warning",
    summary: "An aggregator serves the state on its disk",
    description: "NATS can't be reached.",
  },
  {
    alert: "MeshregistryInvalidRecords",
    series: { 'meshregistry_invalid_records_total{source="eureka"}': "0x5 2x20" },
    at: "8m",
    notYet: "5m",
    labels: { source: "eureka" },
    severity: "warning",
    summary: "Records of eureka can't be used",
    description: "The collector's debug page names them.",
  },
  {
    alert: "MeshregistryNoVirtualAddress",
    series: gauge("meshregistry_virtual_addresses", 'state="denied"', 7),
    at: "6m",
    notYet: "4m",
    labels: { state: "denied" },
    severity: "warning",
    summary: "7 hosts have no virtual address of their own",
    description: "State: denied.",
  },
  {
    alert: "MeshregistryHostsUnmergeable",
    series: gauge("meshregistry_host_conflicts", 'outcome="unmergeable"', 2),
    at: "11m",
    notYet: "9m",
    labels: { outcome: "unmergeable" },
    severity: "warning",
    summary: "2 hosts are in several registries and can't be merged",
    description: "Some of their endpoints aren't served.",
  },
];

/** What an installation that is well shows: no alert may fire. */
export const healthy: Readonly<Record<string, string>> = {
  ...changes(100),
  ...gauge("meshregistry_registry_reachable", 'source="eureka"', 1),
  ...gauge("meshregistry_source_readable", eureka, 1),
  ...gauge("meshregistry_source_collectors", `${eureka},state="live"`, 1),
  ...gauge("meshregistry_source_collectors", `${eureka},state="lost"`, 0),
  ...gauge("meshregistry_source_read_age_seconds", eureka, 30),
  ...gauge("meshregistry_source_synced", eureka, 1),
  ...gauge("meshregistry_held_service_entries", 'source="eureka"', 0),
  ...gauge("meshregistry_aggregator_held_resources", eureka, 0),
  ...gauge("meshregistry_term_unsettled_members", 'source="eureka"', 0),
  ...gauge("meshregistry_rejected_resources", "", 0),
  ...gauge("meshregistry_xds_dropped_clients_total", 'reason="ack-timeout"', 3),
  ...gauge("meshregistry_xds_clients", 'dialect="delta"', 1),
  ...gauge("meshregistry_xds_clients", 'dialect="none"', 0),
  ...gauge("meshregistry_xds_surplus_sources", "", 0),
  ...gauge("meshregistry_entry_log_readable", "", 1),
  ...gauge("meshregistry_unconfirmed_resources", eureka, 0),
  ...gauge("meshregistry_served_state_age_seconds", "", 0),
  ...gauge("meshregistry_invalid_records_total", 'source="eureka"', 5),
  ...gauge("meshregistry_virtual_addresses", 'state="claimed"', 9),
  ...gauge("meshregistry_virtual_addresses", 'state="denied"', 0),
  ...gauge("meshregistry_host_conflicts", 'outcome="merged"', 2),
  ...gauge("meshregistry_host_conflicts", 'outcome="unmergeable"', 0),
};
