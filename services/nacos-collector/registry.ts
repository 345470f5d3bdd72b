import type { RegistryKind } from "../../shared/collector/registry.ts";
import { enabledSources } from "../../shared/config/mod.ts";
import type { NacosSource } from "../../shared/config/mod.ts";
import { openNacos } from "../../shared/nacos/open-nacos.ts";
import { usualBeliefTimes } from "./view/belief.ts";
import type { BeliefTimes } from "./view/belief.ts";
import { nacosOptions, sharedNacosOptions } from "./client/nacos-options.ts";
import { NacosView } from "./view/nacos-view.ts";

/** Nacos, as the collectors' frame sees it. */
export const nacos: RegistryKind<NacosSource> = nacosBelieving(usualBeliefTimes);

/** The same, with other times after which it believes what it doubts. */
export function nacosBelieving(times: BeliefTimes): RegistryKind<NacosSource> {
  return {
    name: "nacos",
    title: "Nacos",
    service: "nacos-collector",
    purpose: "Reads Nacos and publishes its services as ServiceEntries to the entry log in NATS.",
    httpAddress: "127.0.0.1:8084",
    configKey: "nacosSource",
    sourcesOf: (config) => enabledSources(config, "nacosSource"),
    patchesLabels: ({ labelPatch }) => labelPatch,
    dryRunThread: new URL("./dry-run/worker.ts", import.meta.url),
    open: async (source, context) => {
      const shared = await sharedNacosOptions(source, context.environment.nacosClientHeaders);
      return new NacosView(source, (server) => openNacos(nacosOptions(server, shared)), context, times);
    },
  };
}
