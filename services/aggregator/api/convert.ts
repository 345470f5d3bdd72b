import { ConvertRequest } from "../../../shared/api/convert.ts";
import type { Converted } from "../../../shared/api/convert.ts";
import type { ConversionFailure } from "../../../shared/model/dry-run.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import type { ApiOptions } from "./api-options.ts";
import { compare } from "./compare.ts";
import { sourceNamed } from "./held-preview.ts";
import { firstIssue, Refusal } from "./operation.ts";

/** So many unusable records are listed. */
const maxInvalidRecords = 1000;

/**
 * Has a collector convert a registry's answer, or what its registry has now, and compares the result with what the source has published. Publishes
 * nothing.
 * @throws Refusal for a body of another form, an answer that can't be read or costs too much, and without a collector
 */
export async function convert(body: unknown, options: ApiOptions): Promise<Converted> {
  const request = ConvertRequest.safeParse(body);
  if (!request.success) throw new Refusal(400, firstIssue(request.error, "body"));
  const { answer, configuration } = request.data;
  const source = sourceNamed(request.data.source, options);
  const key = sourceKey(source.registry, source.source);
  const result = await options.collectors.dryRun(source, {
    ...(answer === undefined ? {} : { input: asText(answer, "answer") }),
    ...(configuration === undefined ? {} : { configuration: asText(configuration, "configuration") }),
  });
  if ("failed" in result) throw refusals[result.failed](key);
  if ("failure" in result) throw new Refusal(statuses[result.failure.why], result.failure.text);
  const { manifests, invalidRecords, notes } = result.conversion;
  return {
    ...await compare({ source: key, manifests: [...manifests] }, options),
    invalidRecords: invalidRecords.slice(0, maxInvalidRecords).map((each) => ({ ...each })),
    moreInvalidRecords: Math.max(0, invalidRecords.length - maxInvalidRecords),
    notes: [...notes],
  };
}

/** JSON within the body as text. @throws Refusal for what is nested too deeply to be written */
function asText(value: unknown, key: string): string {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value);
  } catch {
    throw new Refusal(400, `${key}: is nested too deeply`);
  }
}

const statuses = { input: 400, cost: 413, other: 503 } as const satisfies Record<
  ConversionFailure["why"],
  Refusal["status"]
>;

const alone = "meshctl convert --diff needs none";

const refusals = {
  "too-large": () =>
    new Refusal(413, `the answer is too large for a message to the collector: give a part of it; ${alone}`),
  "no-answer": (key: string) =>
    new Refusal(503, `the collector of ${key} doesn't answer; one of an earlier version can't. ${alone}`),
  "no-collector": (key: string) => new Refusal(503, `no collector of ${key} is alive; ${alone}`),
} as const;
