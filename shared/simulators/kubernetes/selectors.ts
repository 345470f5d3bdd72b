import type { KindName } from "./objects.ts";
import type { StoredObject } from "./object-history.ts";

/** Whether a selection has an object. */
export type Selector = (object: StoredObject) => boolean;

/** Fields by which a real server selects, beside name and namespace. */
const fieldPaths: Partial<Record<KindName, readonly string[]>> = {
  pods: [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
  ],
  services: ["spec.clusterIP", "spec.type"],
  nodes: ["spec.unschedulable"],
  namespaces: ["status.phase"],
  secrets: ["type"],
};

/** Undefined for a text that is no selector of labels: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. */
export function labelSelector(text: string): Selector | undefined {
  const tests: ((labels: Readonly<Record<string, string>>) => boolean)[] = [];
  for (const part of text.split(/,(?![^(]*\))/).map((one) => one.trim())) {
    if (part === "") continue;
    const set = /^([^\s!=()]+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(part);
    const equality = /^([^\s!=()]+)\s*(==|=|!=)\s*([^\s!=()]*)$/.exec(part);
    const existence = /^(!?)([^\s!=()]+)$/.exec(part);
    if (set !== null) {
      const [, key = "", operator, list = ""] = set;
      const values = new Set(list.split(",").map((value) => value.trim()));
      tests.push((labels) => {
        const value = labels[key];
        return (value !== undefined && values.has(value)) === (operator === "in");
      });
    } else if (equality !== null) {
      const [, key = "", operator, value] = equality;
      tests.push((labels) => (labels[key] === value) === (operator !== "!="));
    } else if (existence !== null) {
      const [, not, key = ""] = existence;
      tests.push((labels) => Object.hasOwn(labels, key) === (not === ""));
    } else return undefined;
  }
  return ({ labels }) => tests.every((test) => test(labels));
}

/** Undefined for a text that is no selector of fields of this kind: `status.phase!=Failed,metadata.namespace!=a`. */
export function fieldSelector(kind: KindName, text: string): Selector | undefined {
  const tests: Selector[] = [];
  const known = new Set(["metadata.name", "metadata.namespace", ...(fieldPaths[kind] ?? [])]);
  for (const part of text.split(",").map((one) => one.trim())) {
    if (part === "") continue;
    const [, path = "", operator, value] = /^([^!=]+)(==|=|!=)(.*)$/.exec(part) ?? [];
    if (!known.has(path)) return undefined;
    tests.push((object) => (fieldText(object.json, path.split(".")) === value) === (operator !== "!="));
  }
  return (object) => tests.every((test) => test(object));
}

/** A field as text; `""` if it isn't there. */
function fieldText(value: unknown, path: readonly string[]): string {
  const [key, ...rest] = path;
  if (key === undefined) return typeof value === "string" ? value : JSON.stringify(value ?? "");
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return "";
  return fieldText(Reflect.get(value, key), rest);
}
