import type { RegistryKind } from "../../../shared/collector/registry.ts";
import { enabledSources, readsFiles } from "../../../shared/config/mod.ts";
import type { K8sSource } from "../../../shared/config/mod.ts";
import { FilesView } from "./files-view.ts";

/** ServiceEntries and Sidecars from files, as the collectors' frame sees them. Slime's `K8SSource` reads nothing else. */
export const files: RegistryKind<K8sSource> = {
  name: "files",
  title: "the folder of resources",
  service: "k8s-collector",
  purpose: "Reads ServiceEntries and Sidecars from files, and publishes them to the entry log in NATS.",
  httpAddress: "127.0.0.1:8085",
  configKey: "k8sSource",
  sourcesOf: (config) => enabledSources(config, "k8sSource").filter(({ options }) => readsFiles(options)),
  open: (source, context) => Promise.resolve(new FilesView(source, context)),
};
