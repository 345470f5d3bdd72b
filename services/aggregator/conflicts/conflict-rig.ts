import { ServiceEntrySpec } from "../../../shared/model/manifest.ts";
import type { ServiceEntryManifest, ServicePort, WorkloadEntry } from "../../../shared/model/manifest.ts";
import { encodeSubject } from "../../../shared/model/subject.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";
import { encodePrepared, prepareManifest } from "../output-stage/present.ts";

/** What a test says of an entry; everything has a default. */
export interface RigEntry {
  readonly registry?: string;
  readonly source?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly hosts?: readonly string[];
  readonly ports?: readonly ServicePort[];
  /** Addresses, or whole endpoints. */
  readonly endpoints?: readonly (string | WorkloadEntry)[];
  readonly spec?: Partial<ServiceEntryManifest["spec"]>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly createdAt?: string;
  readonly sequence?: number;
  readonly virtual?: readonly string[];
}

/** Port 80 with HTTP, as both registries of most tests have it. */
export const http80: ServicePort = { number: 80, protocol: "HTTP", name: "http-80" };

/** The subject of an entry. */
export function subjectOf(entry: RigEntry): string {
  const { registry = "eureka", source = "default", namespace = registry, name = "orders" } = entry;
  return encodeSubject({ kind: "ServiceEntry", registry, source, namespace, name });
}

/** An entry as the output stage makes it of a message. */
export function resourceOf(entry: RigEntry): CachedResource {
  const { registry = "eureka", source = "default", namespace = registry, name = "orders" } = entry;
  const { hosts = ["orders.shop"], ports = [http80], endpoints = ["10.0.0.1"], virtual = [] } = entry;
  const manifest: ServiceEntryManifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: {
      name,
      namespace,
      labels: { registry, ...entry.labels },
      creationTimestamp: entry.createdAt ?? "2026-01-01T00:00:00.000Z",
    },
    spec: {
      hosts: [...hosts],
      ports: [...ports],
      resolution: "STATIC",
      endpoints: endpoints.map((each) =>
        typeof each === "string"
          ? { address: each, ports: Object.fromEntries(ports.map((port) => [port.name, 8080])) }
          : each
      ),
      ...entry.spec,
    },
  };
  const id = { kind: "ServiceEntry", registry, source, namespace, name };
  const cursor = `s-${String(entry.sequence ?? 1).padStart(6, "0")}`;
  const { prepared, violations } = prepareManifest(subjectOf(entry), id, cursor, manifest, "istio");
  if (prepared === undefined) throw new Error(`not an entry: ${JSON.stringify(violations)}`);
  return encodePrepared(prepared, virtual);
}

/** A served resource, as clients read it. */
export interface ServedEntry {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly endpoints: readonly WorkloadEntry[];
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: string | undefined;
  readonly spec: ServiceEntryManifest["spec"];
}

/** Decodes a served resource. */
export function served(resource: CachedResource): ServedEntry {
  const { namespace, name, labels, creationTimestamp, spec } = decodeResource(
    "ServiceEntry",
    resource.framed,
  );
  const entry = ServiceEntrySpec.parse(spec);
  const { hosts, addresses = [], ports = [], endpoints = [] } = entry;
  return {
    name: `${namespace}/${name}`,
    hosts,
    addresses,
    ports,
    endpoints,
    labels,
    createdAt: creationTimestamp,
    spec: entry,
  };
}

/** `address port,…` of each endpoint, with the source that its label names. */
export function placesOf({ endpoints }: ServedEntry): readonly string[] {
  return endpoints.map(({ address, ports = {}, labels = {} }) => {
    const source = labels["meshregistry.io/source"];
    return `${address} ${Object.values(ports).join()}${source === undefined ? "" : ` ${source}`}`;
  });
}
