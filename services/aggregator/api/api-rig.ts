import type { z } from "zod";
import type { LogRecord } from "../../../shared/entry-log/entry-log.ts";
import type { ServiceEntrySpec } from "../../../shared/model/manifest.ts";
import { encodeSubject } from "../../../shared/model/subject.ts";
import type { AggregatorOptions } from "../aggregator.ts";
import { start } from "../aggregator-rig.ts";
import { markerRecord } from "../ingest/ingest-rig.ts";

/** What a test says of a published entry; everything has a default. */
export interface PublishedEntry {
  readonly registry?: string;
  readonly namespace?: string;
  readonly hosts?: readonly string[];
  readonly addresses?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly endpointLabels?: Readonly<Record<string, string>>;
  readonly spec?: Partial<ServiceEntrySpec>;
}

/** The subject of an entry that {@link recordOf} publishes. */
export function subjectOf(
  name: string,
  { registry = "eureka", namespace = "shop" }: PublishedEntry = {},
): string {
  return encodeSubject({ kind: "ServiceEntry", registry, source: "default", namespace, name });
}

/** An entry as a collector would publish it. */
export function recordOf(name: string, entry: PublishedEntry = {}): LogRecord {
  const { namespace = "shop", hosts = [`${name}.shop`], addresses = ["10.0.0.1"], endpointLabels = {} } =
    entry;
  const manifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace, labels: entry.labels ?? {} },
    spec: {
      hosts,
      ports: [{ number: 80, protocol: "HTTP", name: "http-80" }],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      endpoints: addresses.map((address) => ({
        address,
        ports: { "http-80": 8080 },
        labels: endpointLabels,
      })),
      ...entry.spec,
    },
  };
  return { subject: subjectOf(name, entry), data: Buffer.from(JSON.stringify(manifest)) };
}

/** An aggregator that has read its source, with these entries, and a client of its API; `options` as of {@link start}. */
export async function startApi(
  records: readonly LogRecord[] = [],
  file: Readonly<Record<string, unknown>> = {},
  options: Partial<AggregatorOptions> = {},
) {
  const started = await start(file, options);
  await started.publish(...records, markerRecord());
  await started.aggregator.gate.opened;
  const { url } = started.aggregator.http;
  const request = async (path: string, headers: Record<string, string> = {}, method = "GET") =>
    await fetch(`${url}/api/v1${path}`, { headers, method });
  return {
    ...started,
    url,
    request,
    /** An answer in the form of its schema: one that has more or less fails the test. */
    ask: async <Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> => {
      const response = await request(path);
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text}`);
      const answer = schema.parse(JSON.parse(text));
      if (JSON.stringify(sorted(answer)) !== JSON.stringify(sorted(JSON.parse(text)))) {
        throw new Error(`${path} answered with more than its schema tells: ${text}`);
      }
      return answer;
    },
  };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, each]) => [key, sorted(each)]),
  );
}
