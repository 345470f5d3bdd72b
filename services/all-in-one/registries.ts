import type { RegistryKind } from "../../shared/collector/registry.ts";

/** Every registry that has a collector. They are loaded when they are needed: what isn't configured costs nothing. */
export const registries = {
  eureka: async (): Promise<RegistryKind> => (await import("../eureka-collector/registry.ts")).eureka,
  nacos: async (): Promise<RegistryKind> => (await import("../nacos-collector/registry.ts")).nacos,
  zookeeper: async (): Promise<RegistryKind> => (await import("../zk-collector/registry.ts")).zookeeper,
  kubernetes: async (): Promise<RegistryKind> => (await import("../k8s-collector/registry.ts")).kubernetes,
  files: async (): Promise<RegistryKind> => (await import("../k8s-collector/files/registry.ts")).files,
} as const;

/** The name of a registry that has a collector. */
export type RegistryName = keyof typeof registries;

/** True for the registries that have a collector. */
export function isCollected(name: string): name is RegistryName {
  return Object.hasOwn(registries, name);
}
