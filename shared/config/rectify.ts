import type { Config } from "./schema/schema.ts";

/**
 * Slime's Rectify: keys that set other keys. To be called once, on decoded data: slime calls it again on every
 * dynamic reload, which turns `consumerPath: "-"` (none) back into `/consumers`.
 */
export function rectify(config: Config): Config {
  const nacos = (source: Config["nacosSource"]) => source.enabled ? rectifyNacos(source) : source;
  return {
    ...config,
    zookeeperSource: rectifyZookeeper(config.zookeeperSource),
    zookeeperSources: mapValues(config.zookeeperSources, rectifyZookeeper),
    eurekaSource: rectifyEureka(config.eurekaSource),
    eurekaSources: mapValues(config.eurekaSources, rectifyEureka),
    nacosSource: nacos(config.nacosSource),
    nacosSources: mapValues(config.nacosSources, nacos),
  };
}

function mapValues<Value>(named: Readonly<Record<string, Value>>, change: (value: Value) => Value) {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [name, change(value)]));
}

function rectifyZookeeper(source: Config["zookeeperSource"]): Config["zookeeperSource"] {
  const consumerPath = source.consumerPath === "" && !source.gatewayModel
    ? "/consumers"
    : source.consumerPath;
  return {
    ...source,
    consumerPath: consumerPath === "-" ? "" : consumerPath,
    ...(source.gatewayModel
      ? { svcPort: 80, instancePortAsSvcPort: false, hostSuffix: ".dubbo", enableDubboSidecar: false }
      : {}),
  };
}

/** What GatewayModel means to Eureka and Nacos. */
const gateway = { instancePortAsSvcPort: false, k8sDomainSuffix: false };

function rectifyEureka(source: Config["eurekaSource"]): Config["eurekaSource"] {
  return {
    ...source,
    ...(source.gatewayModel ? gateway : {}),
    ...(source.nsfEureka ? { enableProjectCode: true, appSuffix: "nsf" } : {}),
  };
}

function rectifyNacos(source: Config["nacosSource"]): Config["nacosSource"] {
  return {
    ...source,
    ...(source.gatewayModel ? gateway : {}),
    ...(source.nsfNacos ? { enableProjectCode: true, domSuffix: "nsf" } : {}),
  };
}
