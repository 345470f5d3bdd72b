import { eurekaServersOf } from "../../shared/config/mod.ts";
import type { LoadedConfig } from "../../shared/config/mod.ts";
import { MockService } from "../../shared/conversion/mock-service.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { errorText, isMeshError, MeshError } from "../../shared/runtime/errors.ts";
import { ApplicationSplitter } from "../eureka-collector/application-splitter.ts";
import type { ClusterApplication } from "../eureka-collector/convert.ts";
import { convertService, eurekaRules, serviceKey } from "../eureka-collector/convert.ts";
import { decodeApplication } from "../eureka-collector/decode.ts";
import type { EurekaApplication, InvalidRecord } from "../eureka-collector/decode.ts";
import { RegistryView } from "../eureka-collector/registry-view.ts";
import type { Conversion, ConvertSource } from "./convert-source.ts";

// This file is the documented exception to «no service imports another»: a dry run has to be the collector's own code.

/**
 * Converts an answer of `/apps`, `/apps/delta` or `/apps/NAME`, or a bare array of applications, as the collector
 * would on a complete read.
 * @throws MeshError `protocol-violation` if it is none of these.
 */
export function convertEureka(input: string, { config, environment }: LoadedConfig): Conversion {
  const { eurekaSource, profile } = config;
  const invalidRecords: InvalidRecord[] = [];
  const applications = readApplications(input, (record) => invalidRecords.push(record));
  const servers = eurekaServersOf(eurekaSource);
  const registryId = servers[0]?.registryId ?? "";
  const view = new RegistryView();
  view.replace(applications);

  const byKey = new Map<string, ClusterApplication[]>();
  for (const [name, instances] of view.applications) {
    const key = serviceKey(name);
    const application = { registryId, instances: instances.values() };
    const group = byKey.get(key);
    if (group === undefined) byKey.set(key, [application]);
    else group.push(application);
  }
  const rules = eurekaRules(eurekaSource, profile, environment);
  const mock = MockService.of(eurekaSource, "eureka", profile, environment.istioRevision);
  const manifests: ServiceEntryManifest[] = [];
  for (const [key, group] of byKey) {
    for (const manifest of convertService(key, group, rules)) {
      mock?.add(manifest);
      manifests.push(manifest);
    }
  }
  if (mock !== undefined) manifests.push(mock.manifest());
  const notes = servers.length > 1
    ? [`the configuration has ${servers.length} clusters; the input counts as an answer of the first one`]
    : [];
  return { manifests, invalidRecords, notes };
}

/** Eureka, for `meshctl convert`. */
export const eurekaConvertSource: ConvertSource = {
  convert: convertEureka,
  isEnabled: ({ config }) => config.eurekaSource.enabled,
  // The address is never asked, but a source without one is a mistake everywhere else.
  defaultConfig: JSON.stringify({
    eurekaSource: { enabled: true, address: ["http://localhost:8761/eureka"] },
  }),
};

function readApplications(input: string, report: (record: InvalidRecord) => void): EurekaApplication[] {
  const applications: EurekaApplication[] = [];
  const splitter = new ApplicationSplitter((value) => {
    const application = decodeApplication(value, report);
    if (application !== undefined) applications.push(withoutDeleted(application));
  }, Number.POSITIVE_INFINITY);
  try {
    splitter.write(Buffer.from(input));
    splitter.end();
  } catch (error) {
    const place = isMeshError(error, "protocol-violation") ? placeOrRemedy(input) : undefined;
    if (place === undefined) throw error;
    throw new MeshError("protocol-violation", `${errorText(error)}: ${place}`, { cause: error });
  }
  return applications;
}

/** In a delta, an instance that is named only because it is gone. */
function withoutDeleted({ name, instances }: EurekaApplication): EurekaApplication {
  return { name, instances: instances.filter(({ action }) => action !== "DELETED") };
}

/** What JSON's own parser says, with line and column, or what to do; undefined if the text is JSON, or anything. */
function placeOrRemedy(input: string): string | undefined {
  if (/^\s*</.test(input)) return "ask for JSON, with curl -H 'Accept: application/json'";
  if (!/^\s*[[{]/.test(input)) return undefined;
  try {
    JSON.parse(input);
    return undefined;
  } catch (error) {
    const text = errorText(error);
    if (/line \d+/.test(text)) return text;
    const lines = input.trimEnd().split("\n");
    return `${text} (line ${lines.length} column ${(lines.at(-1) ?? "").length + 1})`;
  }
}
