import { enabledSources } from "../../shared/config/mod.ts";
import type { EurekaSource } from "../../shared/config/mod.ts";
import { EurekaView } from "./view/eureka-view.ts";
import type { RegistryKind } from "../../shared/collector/registry.ts";

/** Eureka, as the collectors' frame sees it. */
export const eureka: RegistryKind<EurekaSource> = eurekaWaiting(30_000);

/** The same, waiting so long (in milliseconds) for a cluster that can't be read before it goes on with the others. */
export function eurekaWaiting(waitMs: number): RegistryKind<EurekaSource> {
  return {
    name: "eureka",
    title: "Eureka",
    service: "eureka-collector",
    purpose: "Reads Eureka and publishes its services as ServiceEntries to the entry log in NATS.",
    httpAddress: "127.0.0.1:8082",
    configKey: "eurekaSource",
    sourcesOf: (config) => enabledSources(config, "eurekaSource"),
    patchesLabels: ({ labelPatch }) => labelPatch,
    dryRunThread: new URL("./dry-run/worker.ts", import.meta.url),
    open: (source, context) => Promise.resolve(new EurekaView(source, context, waitMs)),
  };
}
