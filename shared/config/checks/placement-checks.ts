import { isLabel } from "../../istio/mod.ts";
import { unexpected } from "../config-issue.ts";
import type { KeyPath } from "../config-issue.ts";
import type { Config } from "../schema/schema.ts";
import { always } from "./contradiction.ts";
import type { Contradiction } from "./contradiction.ts";

const sources = ["zookeeperSource", "eurekaSource", "nacosSource", "k8sSource"] as const;

/** Finds lists of namespaces in the enabled sources for which istiod would reject every entry. */
export function checkPlacements(config: Config): Contradiction[] {
  return sources.filter((name) => config[name].enabled).flatMap((name) => {
    const { exportTo, servicePlacements } = config[name];
    const lists: [KeyPath, readonly string[]][] = [[[name, "exportTo"], exportTo]];
    for (const [index, placement] of servicePlacements.entries()) {
      lists.push([[name, "servicePlacements", index, "exportTo"], placement.exportTo]);
    }
    return lists.flatMap(([path, targets]) => checkTargets(path, targets));
  });
}

function checkTargets(path: KeyPath, targets: readonly string[]): Contradiction[] {
  const alone = targets.find((target) => target === "*" || target === "~");
  if (alone !== undefined && targets.length > 1) {
    return [always(path, `expected "${alone}" alone, found it beside other namespaces; remove them, or it`)];
  }
  return targets.flatMap((target, index) => {
    if (target === "*" || target === "~" || target === "." || isLabel(target)) return [];
    const place = [...path, index];
    return [always(place, unexpected('the name of a namespace, ".", "*" or "~"', target, place))];
  });
}
