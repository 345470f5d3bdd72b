import { unexpected } from "../config-issue.ts";
import type { KeyPath } from "../config-issue.ts";
import type { Config } from "../schema/schema.ts";
import { always } from "./contradiction.ts";
import type { Contradiction } from "./contradiction.ts";

const registries: ReadonlySet<string> = new Set(["eureka", "nacos", "zookeeper", "kubernetes", "files"]);

/** Finds names in `conflicts` that can't be those of sources, and patterns that can't match a host as they are meant. */
export function checkConflicts({ conflicts }: Config): Contradiction[] {
  return [
    ...checkOrder(["conflicts", "order"], conflicts.order),
    ...conflicts.hosts.flatMap(({ pattern, order }, index) => [
      ...checkPattern(["conflicts", "hosts", index, "pattern"], pattern),
      ...checkOrder(["conflicts", "hosts", index, "order"], order),
    ]),
  ];
}

function checkOrder(path: KeyPath, order: readonly string[]): Contradiction[] {
  return order.flatMap((name, index) => {
    const [registry = "", ...source] = name.split("/");
    const place = [...path, index];
    if (!registries.has(registry) || source.length > 1 || source[0] === "") {
      const expected = `a registry (${[...registries].join(", ")}) or "registry/source"`;
      return [always(place, unexpected(expected, name, place))];
    }
    if (order.indexOf(name) === index) return [];
    return [always(place, `expected each source once, found "${name}" a second time; remove it`)];
  });
}

function checkPattern(path: KeyPath, pattern: string): Contradiction[] {
  if (/^(?:\*[^*\s]*|[^*\s]+\*?)$/.test(pattern)) return [];
  const expected = 'a host, or one with "*" as its first or last character';
  return [always(path, unexpected(expected, pattern, path))];
}
