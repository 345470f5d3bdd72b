import type { ServiceName } from "../../nacos/nacos.ts";
import { watchKey } from "../../nacos/wire/service-key.ts";
import type { SimulatedRegistry } from "./registry.ts";

/** Whether a service is one of a fuzzy watch's pattern, `namespace>>group>>service` with `*` at either end of a part. */
export function matchesPattern(pattern: string, namespace: string, { group, name }: ServiceName): boolean {
  const [ofNamespace, ofGroup = "", ofName = ""] = pattern.split(">>");
  return ofNamespace === namespace && matchesPart(ofGroup, group) && matchesPart(ofName, name);
}

function matchesPart(pattern: string, text: string): boolean {
  const [atStart, atEnd] = [pattern.startsWith("*"), pattern.endsWith("*")];
  const part = pattern.replace(/^\*/, "").replace(/\*$/, "");
  if (atStart && atEnd) return text.includes(part);
  if (atStart) return text.endsWith(part);
  return atEnd ? text.startsWith(part) : text === part;
}

/** Keys of all services of a pattern; those without instances are among them, as long as they are listed. */
export function keysMatching(registry: SimulatedRegistry, pattern: string): readonly string[] {
  const [namespace = ""] = pattern.split(">>");
  return registry.services(namespace)
    .filter((service) => matchesPattern(pattern, namespace, service))
    .map((service) => watchKey(namespace, service));
}
