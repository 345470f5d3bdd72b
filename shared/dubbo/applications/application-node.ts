import { z } from "zod";
import { canonicalAddress } from "../../istio/mod.ts";
import { normalizedServiceName } from "../../conversion/instance-service.ts";
import { lenientFlag, lenientNumber, lenientPort } from "./lenient-fields.ts";
import type { ApplicationNode, InvalidRecord } from "../conversion/registry-records.ts";

/** An instance of a Dubbo 3 application. What it offers is known by its revision, not by its node. */
export interface DubboInstance {
  readonly kind: "dubbo";
  /** Path of its node. */
  readonly path: string;
  readonly application: string;
  /** IPv4 or IPv6 address without brackets, or host name. */
  readonly host: string;
  /** Of the preferred protocol. */
  readonly port: number;
  /** Hash of all that the instance offers; {@link offersNothing} otherwise. */
  readonly revision: string;
  /** Where its metadata are: in ZooKeeper (`remote`), or with the instance itself. */
  readonly storage: "local" | "remote";
  /** Version of the service that tells them: `1.0.0`, or `2.0.0` for gRPC. */
  readonly metadataVersion: string;
  /** `dubbo.endpoints`: the port of each protocol. */
  readonly ports: ReadonlyMap<string, number>;
  /** Parameters of the URL of that service; undefined if the node doesn't tell. */
  readonly metadataService: Readonly<Record<string, string>> | undefined;
  /** All metadata of the instance. */
  readonly metadata: Readonly<Record<string, string>>;
  /** False if Curator's own flag switches the instance off. */
  readonly enabled: boolean;
}

/** An instance of a Spring Cloud application, or of anything else that registers in Curator's form. */
export interface SpringInstance {
  readonly kind: "spring";
  /** Path of its node. */
  readonly path: string;
  /**
   * The application, in the form that groups: lower case, `-` for `_`. It may have slashes inside, none at its ends.
   */
  readonly name: string;
  /** As it is registered. */
  readonly registeredName: string;
  readonly id: string;
  /** IPv4 or IPv6 address without brackets, or host name. */
  readonly host: string;
  /** Plain HTTP; undefined if there is none. */
  readonly port: number | undefined;
  /** HTTPS; clients prefer it. */
  readonly sslPort: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** When it was registered, in milliseconds since 1970; 0 if it doesn't say. */
  readonly registeredAtMs: number;
  /** `instance_status` in upper case; `UP` where it is absent. */
  readonly status: string;
  /** False if Curator's own flag switches the instance off. */
  readonly enabled: boolean;
}

/** The revision of an instance that exports no service. */
export const offersNothing = "0";

const text = z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]);

/** Curator's ServiceInstance, as far as anybody here looks. Java writes `@class` into the payload, Go doesn't. */
const CuratorInstance = z.object({
  name: z.string().min(1),
  id: z.string().optional(),
  address: z.string().min(1),
  port: lenientPort.nullish(),
  sslPort: lenientPort.nullish(),
  enabled: lenientFlag.optional(),
  registrationTimeUTC: lenientNumber.nullish().catch(undefined),
  payload: z.object({ metadata: z.record(z.string(), z.unknown()).nullish() }).nullish(),
});

const Endpoints = z.array(z.object({ port: lenientPort, protocol: z.string() }));
const Parameters = z.record(z.string(), text);

/**
 * Decodes the node of an application's instance. Undefined for a node that is none: a directory (of a Spring name with
 * slashes) has no content, or an address that Curator put there. A node that should be one and can't be used is
 * reported.
 */
export function decodeApplicationNode(
  node: ApplicationNode,
  report: (invalid: InvalidRecord) => void,
): DubboInstance | SpringInstance | undefined {
  const json = parseObject(node.data);
  if (json === undefined) {
    if (node.data[0] === 0x7b) report({ path: node.path, reason: "its content is no JSON" });
    return undefined;
  }
  const decoded = CuratorInstance.safeParse(json);
  if (!decoded.success) {
    report({
      path: node.path,
      reason: `it is no instance as Curator writes them: ${whatIsWrong(decoded.error)}`,
    });
    return undefined;
  }
  const instance = decoded.data;
  const metadata = textsOf(instance.payload?.metadata ?? {});
  if (!isDubboMetadata(metadata)) return toSpring(node.path, instance, metadata, report);
  const { name: application, address, port } = instance;
  const registered = { path: node.path, application, address, port: port ?? undefined };
  return dubboInstance({ ...registered, enabled: instance.enabled !== false }, metadata, report);
}

/** What a registry itself says of an instance of a Dubbo application, beside its metadata. */
export interface RegisteredInstance {
  /** Where it is in the registry. */
  readonly path: string;
  readonly application: string;
  readonly address: string;
  /** Undefined or 0: it doesn't say. */
  readonly port: number | undefined;
  /** False if it is switched off. */
  readonly enabled: boolean;
}

/** True for the metadata of an instance of a Dubbo 3 application. */
export function isDubboMetadata(metadata: Readonly<Record<string, string>>): boolean {
  return "dubbo.metadata.revision" in metadata || "dubbo.endpoints" in metadata;
}

/** Reads the metadata of an instance of a Dubbo 3 application; undefined if it has no port, which is reported. */
export function dubboInstance(
  { path, application, address, port, enabled }: RegisteredInstance,
  metadata: Readonly<Record<string, string>>,
  report: (invalid: InvalidRecord) => void,
): DubboInstance | undefined {
  const ports = endpointPorts(metadata["dubbo.endpoints"]);
  if (ports === undefined) report({ path, reason: "its dubbo.endpoints is no list of ports and protocols" });
  const [first] = ports?.values() ?? [];
  const main = usablePort(port) ?? first;
  if (main === undefined) {
    report({ path, reason: "it has no port" });
    return undefined;
  }
  return {
    kind: "dubbo",
    path,
    application,
    host: canonicalAddress(address),
    port: main,
    revision: metadata["dubbo.metadata.revision"] ?? offersNothing,
    storage: metadata["dubbo.metadata.storage-type"] === "remote" ? "remote" : "local",
    metadataVersion: metadata["meta-v"] ?? "1.0.0",
    ports: ports ?? new Map(),
    metadataService: serviceParameters(metadata["dubbo.metadata-service.url-params"]),
    metadata,
    enabled,
  };
}

function toSpring(
  path: string,
  instance: z.infer<typeof CuratorInstance>,
  metadata: Record<string, string>,
  report: (invalid: InvalidRecord) => void,
): SpringInstance | undefined {
  const plain = usablePort(instance.port);
  const secure = usablePort(instance.sslPort);
  const name = normalizedServiceName(instance.name.replace(/^\/+|\/+$/g, ""));
  if (plain === undefined && secure === undefined) report({ path, reason: "it has no port" });
  else if (name === "") report({ path, reason: "it has no name" });
  else {
    return {
      kind: "spring",
      path,
      name,
      registeredName: instance.name,
      id: instance.id ?? path.slice(path.lastIndexOf("/") + 1),
      host: withoutBrackets(instance.address),
      port: plain,
      sslPort: secure,
      metadata,
      registeredAtMs: instance.registrationTimeUTC ?? 0,
      status: (metadata["instance_status"] ?? "UP").toUpperCase(),
      enabled: instance.enabled !== false,
    };
  }
  return undefined;
}

/** Curator writes null for no port, others 0 or -1. */
function usablePort(given: number | null | undefined): number | undefined {
  return given === null || given === undefined || given === 0 ? undefined : given;
}

function endpointPorts(json: string | undefined): Map<string, number> | undefined {
  if (json === undefined) return new Map();
  const endpoints = Endpoints.safeParse(parseJson(json)).data;
  if (endpoints === undefined) return undefined;
  return new Map(
    endpoints.filter((endpoint) => endpoint.port > 0).map((endpoint) => [endpoint.protocol, endpoint.port]),
  );
}

/** Java writes the parameters; some releases of dubbo-go write them by protocol. */
function serviceParameters(json: string | undefined): Record<string, string> | undefined {
  if (json === undefined) return undefined;
  const value = parseJson(json);
  const plain = Parameters.safeParse(value).data;
  if (plain !== undefined) return plain;
  const [byProtocol] = Object.entries(z.record(z.string(), Parameters).safeParse(value).data ?? {});
  return byProtocol === undefined ? undefined : { protocol: byProtocol[0], ...byProtocol[1] };
}

/** Metadata are texts; what some client wrote as a number or a truth value is one, too. Others say nothing. */
function textsOf(record: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(record)) {
    const known = text.safeParse(value);
    if (known.success) texts[key] = known.data;
  }
  return texts;
}

function withoutBrackets(address: string): string {
  return address.startsWith("[") && address.endsWith("]") ? address.slice(1, -1) : address;
}

function whatIsWrong(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
}

function parseObject(data: Uint8Array): unknown {
  // Directories have an address or nothing: nothing to decode.
  if (data[0] !== 0x7b) return undefined;
  return parseJson(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8"));
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
