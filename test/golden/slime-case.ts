import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eurekaConvertSource } from "../../services/eureka-collector/dry-run/convert-eureka.ts";
import { zookeeperConvertSource } from "../../services/zk-collector/dry-run/convert-zookeeper.ts";
import { stageManifests } from "../../services/meshctl/commands/convert/output-stage.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import type { LoadedConfig } from "../../shared/config/mod.ts";
import type { Manifest } from "../../shared/model/manifest.ts";

/** A case of `test/data/slime-diff`: slime's configuration and environment. */
export async function loadCase(folder: string): Promise<LoadedConfig> {
  const envFile = join(folder, "env.json");
  const env: Record<string, string> = existsSync(envFile) ? JSON.parse(await readFile(envFile, "utf8")) : {};
  return loadConfig(await readFile(join(folder, "config.json"), "utf8"), { env, fileName: "config.json" });
}

/** What would be served of a registry's answer, in the form in which slime's output is stored. */
export async function servedOf(input: string, loaded: LoadedConfig): Promise<ServedResource[]> {
  const source = loaded.config.eurekaSource.enabled ? eurekaConvertSource : zookeeperConvertSource;
  const { manifests } = await source.convert(input, loaded, new AbortController().signal);
  return asServed(manifests, loaded);
}

/** A resource without what the wire doesn't tell apart: times, API version, an empty list from an absent one. */
export type ServedResource = ReturnType<typeof comparable>;

/** Manifests of collectors after the output stage, sorted by kind, namespace and name. */
export function asServed(manifests: readonly Manifest[], { config }: LoadedConfig): ServedResource[] {
  return stageManifests(manifests, config.profile).filter(({ served }) => served)
    .map(({ manifest }) => comparable(manifest));
}

function comparable({ kind, metadata, spec }: Manifest) {
  const { name, namespace, labels = {}, annotations = {} } = metadata;
  const served = Object.entries(annotations).filter(([key]) => !key.startsWith("meshregistry.io/"));
  const filled = Object.entries(spec).filter(([, value]) => !Array.isArray(value) || value.length > 0);
  return {
    kind,
    namespace,
    name,
    labels,
    annotations: Object.fromEntries(served),
    spec: Object.fromEntries(filled),
  };
}
