import { enabledSources, readsClusters } from "../../shared/config/mod.ts";
import type { K8sSource } from "../../shared/config/mod.ts";
import type { RegistryKind } from "../../shared/collector/registry.ts";
import { KubernetesView } from "./view/kubernetes-view.ts";

/** Kubernetes, as the collectors' frame sees it. */
export const kubernetes: RegistryKind<K8sSource> = {
  name: "kubernetes",
  title: "Kubernetes",
  service: "k8s-collector",
  purpose:
    "Reads Services of Kubernetes clusters and publishes them as ServiceEntries to the entry log in NATS.",
  httpAddress: "127.0.0.1:8085",
  configKey: "k8sSource",
  sourcesOf: (config) => enabledSources(config, "k8sSource").filter(({ options }) => readsClusters(options)),
  dryRunThread: new URL("./dry-run/worker.ts", import.meta.url),
  open: async (source, context) => {
    const view = new KubernetesView(source, context);
    await view.open();
    return view;
  },
};
