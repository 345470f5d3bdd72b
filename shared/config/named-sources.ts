import type { Config } from "./schema/schema.ts";

/**
 * A registry may have several sources: a company with two data centres has two ensembles. Each stands under its name
 * in `<section>s` (`zookeeperSources: {shanghai: {…}, beijing: {…}}`), the one in the section itself is called
 * `default`. Rules about a source are written for the section: {@link asOnlySource} puts a named one in its place.
 */
export const sourceSections = ["eurekaSource", "nacosSource", "zookeeperSource", "k8sSource"] as const;

/** A section that holds one source. */
export type SourceSection = (typeof sourceSections)[number];

/** The section that holds the named sources beside it. */
export function namedSection<Section extends SourceSection>(section: Section): `${Section}s` {
  return `${section}s`;
}

/** One source of a registry with its name. */
export interface NamedOptions<Section extends SourceSection> {
  readonly name: string;
  readonly options: Config[Section];
}

/** The enabled sources of a registry: `default` first, the named ones in the order of the file. */
export function enabledSources<Section extends SourceSection>(
  config: Config,
  section: Section,
): readonly NamedOptions<Section>[] {
  const own: NamedOptions<Section>[] = [{ name: "default", options: config[section] }];
  return [...own, ...namedSources(config, section)].filter(({ options }) => options.enabled);
}

/** The named sources of a registry, in the order of the file. */
export function namedSources<Section extends SourceSection>(
  config: Config,
  section: Section,
): readonly NamedOptions<Section>[] {
  const { eurekaSources, nacosSources, zookeeperSources, k8sSources } = config;
  const named: { readonly [Each in SourceSection]: Readonly<Record<string, Config[Each]>> } = {
    eurekaSource: eurekaSources,
    nacosSource: nacosSources,
    zookeeperSource: zookeeperSources,
    k8sSource: k8sSources,
  };
  return Object.entries(named[section]).map(([name, options]) => ({ name, options }));
}

/** The configuration with one source in the place of the section's own, and no other source of any registry. */
export function asOnlySource<Section extends SourceSection>(
  config: Config,
  section: Section,
  options: Config[Section],
): Config {
  return {
    ...config,
    eurekaSource: { ...config.eurekaSource, enabled: false },
    nacosSource: { ...config.nacosSource, enabled: false },
    zookeeperSource: { ...config.zookeeperSource, enabled: false },
    k8sSource: { ...config.k8sSource, enabled: false },
    eurekaSources: {},
    nacosSources: {},
    zookeeperSources: {},
    k8sSources: {},
    [section]: options,
  };
}
