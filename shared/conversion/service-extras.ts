import type { NacosSource } from "../config/mod.ts";

/** Labels and annotations from the configuration. */
export interface ExtraMetadata {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What a configuration adds to single entries. */
export interface ServiceExtras {
  /** Further hosts of the entry that has this very host. */
  readonly aliasesOf: (host: string) => readonly string[];
  /** Further metadata of the entry of this name. */
  readonly metadataOf: (entryName: string) => ExtraMetadata;
}

const none: ExtraMetadata = { labels: {}, annotations: {} };

/** Compiles `ServiceHostAliases` (of several for one host the last counts, as in slime) and `ServiceAdditionalMetas`. */
export function serviceExtras(
  { serviceHostAliases, serviceAdditionalMetas }: Pick<
    NacosSource,
    "serviceHostAliases" | "serviceAdditionalMetas"
  >,
): ServiceExtras {
  const aliases = new Map(serviceHostAliases.map(({ host, aliases: added }) => [host, added]));
  const metadata = new Map(Object.entries(serviceAdditionalMetas));
  return {
    aliasesOf: (host) => aliases.get(host) ?? [],
    metadataOf: (name) => metadata.get(name) ?? none,
  };
}
