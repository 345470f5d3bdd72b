/** The registries whose collectors may get an account, by the token that their subjects have. */
export const registryTokens = ["eureka", "zookeeper", "nacos", "kubernetes"] as const;
export type RegistryToken = (typeof registryTokens)[number];

const leases = "MESH_ENTRIES_COLLECTORS";
const addresses = "MESH_ENTRIES_ADDRESSES";
const facts = "MESH_ENTRIES_FACTS";

/** The subjects that an aggregator publishes: requests to JetStream, and what it keeps in buckets. */
export function aggregatorSubjects(): readonly string[] {
  const reads = (stream: string, filter: string) => [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.CREATE.${stream}`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    `$JS.API.CONSUMER.CREATE.${stream}.*.${filter}`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
  ];
  return [
    ...reads("MESH_ENTRIES", "mesh.entries.>"),
    ...reads(facts, "mesh.facts.>"),
    `$KV.${addresses}.>`,
    ...reads(`KV_${addresses}`, `$KV.${addresses}.>`),
    `$KV.${leases}.release.>`,
    `$KV.${leases}.ask.>`,
    `$KV.${leases}.shards.>`,
    `$KV.${leases}.audit.>`,
    ...reads(`KV_${leases}`, `$KV.${leases}.>`),
  ];
}

/**
 * What the collectors of a registry write and follow: its own entries and leases. That of Kubernetes reads files, too, and
 * publishes what is known of pods.
 */
export function ownSubjects(registry: RegistryToken): readonly string[] {
  if (registry !== "kubernetes") return subjectsOf(registry);
  return [...subjectsOf(registry), ...subjectsOf("files"), "mesh.facts.>"];
}

function subjectsOf(registry: RegistryToken | "files"): readonly string[] {
  const entries = `mesh.entries.*.${registry}.>`;
  const own = `$KV.${leases}.*.${registry}.>`;
  return [
    entries,
    `$JS.API.CONSUMER.CREATE.MESH_ENTRIES.*.${entries}`,
    own,
    `$JS.API.CONSUMER.CREATE.KV_${leases}.*.${own}`,
  ];
}

type Shared = readonly (readonly [subject: string, isStream: boolean])[];

/** What reading a stream takes, but for following it: that names a filter. */
function readsOf(stream: string): Shared {
  return [
    [`$JS.API.STREAM.INFO.${stream}`, false],
    [`$JS.API.DIRECT.GET.${stream}`, true],
    [`$JS.API.CONSUMER.MSG.NEXT.${stream}.*`, true],
    [`$JS.API.CONSUMER.DELETE.${stream}.*`, false],
  ];
}

/** What every collector and every site asks, and whether the answer is a stream of messages. */
export const sharedSubjects: Shared = [
  ...["MESH_ENTRIES", facts, `KV_${leases}`].flatMap(readsOf),
  // Labels of pods are for the collectors of all registries.
  [`$JS.API.CONSUMER.CREATE.${facts}.*.mesh.facts.>`, false],
];

/** What every site does beyond that: its aggregator follows everything, and keeps addresses like any other. */
export const siteSubjects: Shared = [
  ...readsOf(`KV_${addresses}`),
  ["$JS.API.CONSUMER.CREATE.MESH_ENTRIES.*.mesh.entries.>", false],
  [`$JS.API.CONSUMER.CREATE.KV_${leases}.*.$KV.${leases}.>`, false],
  [`$JS.API.CONSUMER.CREATE.KV_${addresses}.*.$KV.${addresses}.>`, false],
  [`$KV.${leases}.shards.>`, false],
  [`$KV.${addresses}.>`, false],
];

/** What one site writes, whose sources, and cluster of pods, are named after it. */
export function ownSiteSubjects(site: string): readonly string[] {
  return [
    `mesh.entries.*.*.${site}.>`,
    `mesh.facts.*.${site}.>`,
    // Leases, questions and answers; requests to release have no further token.
    `$KV.${leases}.*.*.${site}.>`,
    `$KV.${leases}.release.*.${site}`,
  ];
}
