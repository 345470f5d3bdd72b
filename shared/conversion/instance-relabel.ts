import type { InstanceMetaRelabel } from "../config/mod.ts";

/** Rewrites an instance's metadata in place. */
export type Relabel = (metadata: Record<string, string>) => void;

/**
 * Compiles `InstanceMetaRelabel`: steps that work one on the result of the other. Each takes the value of a key, or
 * `createdWithValue` where there is none, maps it, and writes it to a key that is absent or may be overwritten.
 * Undefined if there is nothing to do.
 */
export function instanceRelabel(options: InstanceMetaRelabel | undefined): Relabel | undefined {
  const items = (options?.items ?? []).filter(({ key, targetKey }) =>
    key !== "" && targetKey !== "" && targetKey !== "__proto__"
  );
  if (items.length === 0) return undefined;
  return (metadata) => {
    for (const { key, targetKey, overwrite, createdWithValue, valuesMapping } of items) {
      const value = Object.hasOwn(metadata, key) ? metadata[key] : createdWithValue || undefined;
      if (value === undefined || (!overwrite && Object.hasOwn(metadata, targetKey))) continue;
      metadata[targetKey] = Object.hasOwn(valuesMapping, value) ? valuesMapping[value] ?? value : value;
    }
  };
}
