import { readOnce } from "../../../shared/collector/read-once.ts";
import { eurekaServersOf } from "../../../shared/config/mod.ts";
import type { EurekaSource } from "../../../shared/config/mod.ts";
import { errorText, isMeshError, MeshError } from "../../../shared/runtime/errors.ts";
import { ApplicationSplitter } from "../client/application-splitter.ts";
import type { EurekaAnswer } from "../client/client.ts";
import { decodeApplication } from "../client/decode.ts";
import type { EurekaApplication, InvalidRecord } from "../client/decode.ts";
import type { EurekaReader } from "../view/cluster.ts";
import { eureka } from "../registry.ts";
import { EurekaView } from "../view/eureka-view.ts";
import { jsonFault } from "../../../shared/runtime/json-fault.ts";
import type {
  Conversion,
  ConversionConfig,
  ConvertSource,
} from "../../../shared/collector/dry-run/convert-source.ts";

/**
 * Converts an answer of `/apps`, `/apps/delta` or `/apps/NAME`, or a bare array of applications, as the collector
 * would after a complete read.
 * @throws MeshError `protocol-violation` if it is none of these.
 */
async function convertEureka(
  input: string,
  loaded: ConversionConfig,
  signal: AbortSignal,
): Promise<Conversion> {
  const { eurekaSource } = loaded.config;
  const malformed: InvalidRecord[] = [];
  const applications = readApplications(input, (record) => malformed.push(record));
  const servers = eurekaServersOf(eurekaSource);
  const answer: EurekaAnswer = { applications, invalidRecords: new Map(), hash: undefined, server: 0 };
  const reader: EurekaReader = {
    server: 0,
    fetchAll: () => Promise.resolve(answer),
    fetchDelta: () => Promise.resolve({ ...answer, applications: [] }),
  };
  // The input is one answer of one cluster.
  const source: EurekaSource = { ...eurekaSource, servers: servers.slice(0, 1) };
  const read = await readOnce(
    (context) => new EurekaView(source, context, 0, () => reader),
    loaded,
    "Eureka",
    signal,
  );
  return {
    manifests: read.manifests,
    invalidRecords: [
      ...malformed,
      ...Array.from(read.invalidRecords, ([path, reason]) => ({ path, reason })),
    ],
    notes: servers.length > 1
      ? [`the configuration has ${servers.length} clusters; the input counts as an answer of the first one`]
      : [],
  };
}

/** Eureka, for `meshctl convert`. */
export const eurekaConvertSource: ConvertSource = {
  section: "eurekaSource",
  convert: convertEureka,
  convertAnew: async (loaded, running, signal) => {
    const { eurekaSource: { requestTimeout, maxResponseBytes } } = running.config;
    const servers = [...eurekaServersOf(running.config.eurekaSource)];
    const source = { ...loaded.config.eurekaSource, servers, requestTimeout, maxResponseBytes };
    const read = await readOnce((context) => eureka.open(source, context), loaded, "Eureka", signal);
    const invalidRecords = Array.from(read.invalidRecords, ([path, reason]) => ({ path, reason }));
    return { manifests: read.manifests, invalidRecords, notes: [] };
  },
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
    return jsonFault(input, error);
  }
}
