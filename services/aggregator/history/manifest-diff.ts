import type { Difference } from "../../../shared/api/history.ts";

/** More differences than this aren't listed: a person wouldn't read them. */
const maxDifferences = 200;

/** What two resources differ in; `left` is how many more differences there are. */
export interface ManifestDiff {
  readonly differences: Difference[];
  readonly left: number;
}

/**
 * Compares two manifests, or parts of such. Lists have no order: their items are told apart by what names them, an
 * endpoint by its address and ports, a port by its name, a text by itself. So an endpoint that comes is one difference.
 * `undefined` is a manifest that isn't there.
 */
export function diffManifests(before: unknown, after: unknown): ManifestDiff {
  const all = [...differencesIn(before, after, "")];
  return { differences: all.slice(0, maxDifferences), left: Math.max(all.length - maxDifferences, 0) };
}

function* differencesIn(before: unknown, after: unknown, path: string): Generator<Difference> {
  const [fieldsBefore, fieldsAfter] = [fieldsOf(before), fieldsOf(after)];
  if (
    fieldsBefore === undefined || fieldsAfter === undefined || Array.isArray(before) !== Array.isArray(after)
  ) {
    if (JSON.stringify(before) !== JSON.stringify(after)) {
      yield { path, before: before ?? null, after: after ?? null };
    }
    return;
  }
  for (const key of new Set([...fieldsBefore.keys(), ...fieldsAfter.keys()])) {
    const below = Array.isArray(after) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    yield* differencesIn(fieldsBefore.get(key), fieldsAfter.get(key), below);
  }
}

/** The parts of an object or a list, by what names them; undefined for what has no parts. */
function fieldsOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  const fields = new Map<string, unknown>();
  for (const [index, item] of value.entries()) {
    const name = nameOf(item) ?? String(index);
    fields.set(fields.has(name) ? `${name} #${index}` : name, item);
  }
  return fields;
}

function nameOf(item: unknown): string | undefined {
  if (typeof item !== "object" || item === null) return String(item);
  if ("address" in item) {
    const ports = "ports" in item && typeof item.ports === "object" ? Object.values(item.ports ?? {}) : [];
    return [String(item.address), ...new Set(ports.map(String))].join(":");
  }
  return "name" in item ? String(item.name) : undefined;
}
