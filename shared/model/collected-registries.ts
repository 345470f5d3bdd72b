/**
 * The registries that have a collector. The aggregator refuses a configured source of any other registry, because
 * waiting for it would mean never to be ready.
 */
export const collectedRegistries: ReadonlySet<string> = new Set([
  "eureka",
  "nacos",
  "zookeeper",
  "kubernetes",
  "files",
]);
