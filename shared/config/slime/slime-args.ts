import type { z } from "zod";
import { formatGoDuration } from "../schema/duration.ts";
import { ConfigSchema } from "../schema/schema.ts";
import type { Config } from "../schema/schema.ts";
import { elementOf, isDuration, isObject, keysOf } from "../schema/schema-walk.ts";
import { ownKeys, slimeName } from "./slime-names.ts";

/** JSON as slime's `/args` shows it. */
export type SlimeArgs = { readonly [key: string]: unknown };

/**
 * A configuration as slime's `/args` prints it: slime's keys in the order of its struct, durations as Go writes them,
 * zero values left out. Our own keys are not in it. Mask secrets first (`toSlimeArgs(maskSecrets(config))`).
 */
export function toSlimeArgs(config: Config): SlimeArgs {
  return printObject(keysOf(ConfigSchema) ?? {}, config, "");
}

function printObject(
  keys: Readonly<Record<string, z.core.$ZodType>>,
  value: Record<string, unknown>,
  path: string,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(keys)) {
    const below = path === "" ? key : `${path}.${key}`;
    const item = value[key];
    if (ownKeys.has(below) || isZero(schema, item)) continue;
    result[slimeName(key)] = print(schema, item, below);
  }
  return result;
}

/** Objects are pointers in slime: one that is there is printed, even when all in it is zero. */
function isZero(schema: z.core.$ZodType, value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isObject(value)) return keysOf(schema) === undefined && Object.keys(value).length === 0;
  return value === undefined || value === "" || value === 0 || value === false;
}

function print(schema: z.core.$ZodType, value: unknown, path: string): unknown {
  if (isDuration(schema) && typeof value === "number") return formatGoDuration(value);
  const keys = keysOf(schema);
  if (keys !== undefined && isObject(value)) return printObject(keys, value, path);
  const element = elementOf(schema);
  if (element === undefined) return value;
  if (Array.isArray(value)) return value.map((item) => print(element, item, path));
  if (!isObject(value)) return value;
  // Go prints maps sorted by key.
  return Object.fromEntries(
    Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map((
      [key, item],
    ) => [key, print(element, item, path)]),
  );
}
