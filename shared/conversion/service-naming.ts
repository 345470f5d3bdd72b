import type { ServiceNaming } from "../config/mod.ts";

/** What a service's name can be made of. */
export interface NamingParts {
  readonly service: string;
  readonly group: string;
  readonly namespace: string;
  readonly ip: string;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The name of the service that an instance belongs to. */
export type Naming = (instance: NamingParts) => string;

/**
 * Compiles `ServiceNaming`: the items, joined. A metadata key that an instance lacks is empty. Undefined if there is
 * nothing to do.
 */
export function serviceNaming(options: ServiceNaming | undefined): Naming | undefined {
  if (options === undefined) return undefined;
  const parts = options.items.map(({ kind, value }) => partOf(kind, value));
  return (instance) => parts.map((part) => part(instance)).join(options.sep);
}

/** What is neither of these is refused when the configuration is read. */
function partOf(kind: string, value: string): Naming {
  if (kind === "static") return () => value;
  if (kind === "meta") {
    return ({ metadata }) => Object.hasOwn(metadata, value) ? metadata[value] ?? "" : "";
  }
  switch (value) {
    case "service":
      return ({ service }) => service;
    case "group":
      return ({ group }) => group;
    case "namespace":
      return ({ namespace }) => namespace;
    case "ip":
      return ({ ip }) => ip;
    default:
      return ({ port }) => String(port);
  }
}
