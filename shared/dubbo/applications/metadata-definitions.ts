import { z } from "zod";
import type { OfferedService } from "./metadata-info.ts";
import type { InvalidRecord } from "../conversion/registry-records.ts";

/** What is read of ZooKeeper for an approximation. */
export interface DefinitionAccess {
  /** Content of a node; undefined if there is none. */
  readonly readNode: (path: string) => Promise<Uint8Array | undefined>;
  /** Names of the children of a node; undefined if there is none. */
  readonly listChildren: (path: string) => Promise<readonly string[] | undefined>;
}

const Definition = z.object({ parameters: z.record(z.string(), z.string()) });

/** Parameters of the process that wrote a definition, which no provider's URL has. */
const ofTheProcess: ReadonlySet<string> = new Set([
  "anyhost",
  "background",
  "bind.ip",
  "bind.port",
  "executor-management-mode",
  "file-cache",
  "pid",
  "qos.enable",
  "register-mode",
  "timestamp",
]);

/** Requests sent to ZooKeeper before the answers of those before are awaited. */
const batch = 500;

/**
 * Which interfaces each application is mapped to: `/mapping/<interface>` names the applications that (ever) offered
 * it. Reads every mapping.
 */
export async function readMappings(root: string, access: DefinitionAccess): Promise<Map<string, string[]>> {
  const interfaces = await access.listChildren(`${root}/mapping`) ?? [];
  const found = new Map<string, string[]>();
  for (let start = 0; start < interfaces.length; start += batch) {
    const names = interfaces.slice(start, start + batch);
    const mappings = await Promise.all(names.map((name) => access.readNode(`${root}/mapping/${name}`)));
    for (const [index, mapping] of mappings.entries()) {
      const name = names[index];
      if (mapping === undefined || name === undefined) continue;
      for (const application of applicationsOf(mapping)) {
        const known = found.get(application);
        if (known === undefined) found.set(application, [name]);
        else known.push(name);
      }
    }
  }
  return found;
}

/**
 * What an application offers, guessed from its definitions of the interfaces that it is mapped to. Both are never
 * cleaned in ZooKeeper, and the last instance to write has its weight and tag there, so this is a union of all
 * revisions ever. Protocol and port are unknown. A definition that can't be used is reported and left out.
 */
export async function approximateServices(
  application: string,
  interfaces: readonly string[],
  root: string,
  access: DefinitionAccess,
  report: (invalid: InvalidRecord) => void,
): Promise<OfferedService[]> {
  const services: OfferedService[] = [];
  for (const name of interfaces) {
    // The mapping has the name as it is, metadata have it encoded.
    const path = `${root}/metadata/${encodeURIComponent(name)}`;
    services.push(...await definitionsBelow({ path, name, application, depth: 0 }, access, report));
  }
  return services;
}

/** The content of a mapping: names of applications, separated by commas. */
export function applicationsOf(mapping: Uint8Array): string[] {
  const text = Buffer.from(mapping.buffer, mapping.byteOffset, mapping.byteLength).toString("utf8");
  return text.split(",").map((name) => name.trim()).filter((name) => name !== "");
}

interface Place {
  readonly path: string;
  readonly name: string;
  readonly application: string;
  readonly depth: number;
}

/** `[version]/[group]/provider/<application>`: one or both may be missing, and one stands for both if they are equal. */
async function definitionsBelow(
  place: Place,
  access: DefinitionAccess,
  report: (invalid: InvalidRecord) => void,
): Promise<OfferedService[]> {
  const services: OfferedService[] = [];
  for (const child of await access.listChildren(place.path) ?? []) {
    const path = `${place.path}/${child}`;
    if (child === "provider") {
      const definition = `${path}/${place.application}`;
      const data = await access.readNode(definition);
      if (data === undefined) continue;
      const service = decodeDefinition(data, place.name);
      if (service === undefined) report({ path: definition, reason: "it is no definition of a service" });
      else services.push(service);
    } else if (child !== "consumer" && place.depth < 2) {
      services.push(...await definitionsBelow({ ...place, path, depth: place.depth + 1 }, access, report));
    }
  }
  return services;
}

function decodeDefinition(data: Uint8Array, interfaceName: string): OfferedService | undefined {
  const definition = Definition.safeParse(parseJson(data)).data;
  if (definition === undefined) return undefined;
  const parameters: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(definition.parameters)) {
    if (!ofTheProcess.has(key)) parameters[key] = value;
  }
  const name = parameters["interface"] ?? interfaceName;
  return {
    name,
    group: parameters["group"] ?? "",
    version: parameters["version"] ?? "",
    protocol: "",
    port: 0,
    path: parameters["path"] ?? name,
    parameters,
  };
}

function parseJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8"));
  } catch {
    return undefined;
  }
}
