import { z } from "zod";
import { lenientPort } from "./lenient-fields.ts";
import { MeshError } from "../../runtime/errors.ts";

/** A service that an application offers. */
export interface OfferedService {
  /** The interface. */
  readonly name: string;
  /** Empty for none. */
  readonly group: string;
  /** Empty for none. */
  readonly version: string;
  readonly protocol: string;
  /** 0 if unknown: dubbo-go doesn't tell. */
  readonly port: number;
  /** The interface, maybe behind a context path. */
  readonly path: string;
  /** Those of the provider's URL, without what differs from process to process. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** What one revision of an application offers (Dubbo's MetadataInfo). */
export interface MetadataInfo {
  readonly application: string;
  /** Empty if it doesn't say. */
  readonly revision: string;
  readonly services: readonly OfferedService[];
}

const text = z.string().nullish().transform((value) => value ?? "");

const ServiceInfo = z.object({
  name: z.string().min(1),
  group: text,
  version: text,
  protocol: z.string().min(1),
  port: lenientPort.catch(0),
  path: text,
  params: z.record(z.string(), z.unknown()).nullish(),
});

const Info = z.object({
  app: text,
  revision: text,
  services: z.record(z.string(), z.unknown()).nullish(),
});

/** Dubbo's own services, which every application has. */
const internal: ReadonlySet<string> = new Set([
  "org.apache.dubbo.metadata.MetadataService",
  "org.apache.dubbo.metadata.MetadataServiceV2",
]);

/**
 * Decodes what Dubbo writes to `/dubbo/metadata/<app>/<revision>`. @throws MeshError invalid-record for anything else.
 */
export function decodeMetadataInfo(data: Uint8Array): MetadataInfo {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8"));
  } catch (cause) {
    throw new MeshError("invalid-record", "an application's metadata are no JSON", { cause });
  }
  return toMetadataInfo(json);
}

/**
 * Brings MetadataInfo, in whatever way it came, into one form; fields are those of the Java class, unknown ones are
 * passed over. @throws MeshError invalid-record if it or one of its services can't be used: half of an application
 * would look like services that are gone.
 */
export function toMetadataInfo(value: unknown): MetadataInfo {
  const info = Info.safeParse(value);
  if (!info.success) throw unusable(info.error);
  const services: OfferedService[] = [];
  for (const raw of Object.values(info.data.services ?? {})) {
    const service = ServiceInfo.safeParse(raw);
    if (!service.success) throw unusable(service.error);
    const { name, group, version, protocol, port, path, params } = service.data;
    if (internal.has(name)) continue;
    const parameters = textsOf(params ?? {});
    services.push({ name, group, version, protocol, port, path: path === "" ? name : path, parameters });
  }
  return { application: info.data.app, revision: info.data.revision, services };
}

function textsOf(params: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(params)) {
    if (typeof value === "string") texts[key] = value;
    else if (typeof value === "number" || typeof value === "boolean") texts[key] = String(value);
  }
  return texts;
}

function unusable(error: z.ZodError): MeshError {
  const [issue] = error.issues;
  const where = issue === undefined ? "" : `${issue.path.join(".")}: ${issue.message}`;
  return new MeshError("invalid-record", `an application's metadata aren't as Dubbo writes them: ${where}`);
}
