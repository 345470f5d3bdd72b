import type { Config } from "./schema.ts";

/**
 * Slime's Rectify: keys that set other keys. To be called once, on decoded data: slime calls it again on every
 * dynamic reload, which turns `consumerPath: "-"` (none) back into `/consumers`.
 */
export function rectify(config: Config): Config {
  return {
    ...config,
    zookeeperSource: rectifyZookeeper(config.zookeeperSource),
    eurekaSource: rectifyEureka(config.eurekaSource),
    nacosSource: config.nacosSource.enabled ? rectifyNacos(config.nacosSource) : config.nacosSource,
  };
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
