import type { z } from "zod";
import { pathText } from "./config-issue.ts";
import type { KeyPath } from "./config-issue.ts";
import { compareCodePoints } from "../istio/mod.ts";
import { nearest } from "./nearest.ts";
import { elementOf, isList, isObject, keysOf } from "./schema/schema-walk.ts";
import { slimeName } from "./slime/slime-names.ts";

/** Something about a key, by its path as written. */
export interface KeyFinding {
  readonly written: KeyPath;
  readonly message: string;
}

/** Unknown keys that are named; a file of another kind may have thousands. */
const namedUnknownKeys = 20;

/** A file's data under our own keys. */
export interface MatchedKeys {
  /** The data: our keys only, nothing that leaves a default. */
  readonly value: unknown;
  readonly unknown: readonly KeyFinding[];
  /** Keys that are given more than once in different case. */
  readonly repeated: readonly KeyFinding[];
  /** True if the file gives this key. */
  has(path: KeyPath): boolean;
  /** A path of ours as the file writes it; keys that the file doesn't give are spelled as it would. */
  writtenPath(path: KeyPath): KeyPath;
}

/**
 * Brings data under our keys. `exact` takes keys as they are; otherwise slime's rules hold: keys in any case, of two
 * equal ones the one that sorts last wins (slime's configuration goes through a protobuf Struct, which is sorted; objects
 * merge), and null empties lists and maps and leaves anything else at its default. In our own file null leaves every
 * default.
 */
export function matchKeys(schema: z.core.$ZodType, data: unknown, exact: boolean): MatchedKeys {
  const unknown: KeyFinding[] = [];
  let unknownKeys = 0;
  const repeated: KeyFinding[] = [];
  const writtenPaths = new Map<string, KeyPath>();

  function match(of: z.core.$ZodType, value: unknown, path: KeyPath, written: KeyPath): unknown {
    writtenPaths.set(JSON.stringify(path), written);
    const keys = keysOf(of);
    if (keys !== undefined && isObject(value)) return matchObject(keys, value, path, written);
    const element = elementOf(of);
    if (element === undefined) return value;
    if (Array.isArray(value)) {
      return value.map((item: unknown, index) =>
        match(element, valueOf(element, item), [...path, index], [...written, index])
      );
    }
    if (!isObject(value) || isList(of)) return value;
    return Object.fromEntries(
      Object.entries(value).map((
        [key, item],
      ) => [key, match(element, valueOf(element, item), [...path, key], [...written, key])]),
    );
  }

  /** An element of a list or a map; null where nothing is meant by it stays, and is found to be no value. */
  function valueOf(of: z.core.$ZodType, item: unknown): unknown {
    return item === null ? whatNullMeans(of, exact) ?? null : item;
  }

  function matchObject(
    keys: Readonly<Record<string, z.core.$ZodType>>,
    value: Record<string, unknown>,
    path: KeyPath,
    written: KeyPath,
  ): Record<string, unknown> {
    const names = new Map(Object.keys(keys).map((key) => [exact ? key : key.toLowerCase(), key]));
    const result: Record<string, unknown> = {};
    const seen = new Set<string>();
    const entries = Object.entries(value);
    if (!exact) entries.sort(([a], [b]) => compareCodePoints(a, b));
    for (const [given, item] of entries) {
      const key = names.get(exact ? given : given.toLowerCase());
      const of = key === undefined ? undefined : keys[key];
      if (key === undefined || of === undefined) {
        if (++unknownKeys > namedUnknownKeys) continue;
        const spelled = exact ? Object.keys(keys) : Object.keys(keys).map(slimeName);
        unknown.push({ written: [...written, given], message: unknownKey(given, spelled, written) });
        continue;
      }
      if (seen.has(key)) {
        repeated.push({
          written: [...written, given],
          message:
            "this key is given twice in different case; the one that sorts last wins (lower case is after " +
            "upper case), so remove the other",
        });
      }
      seen.add(key);
      const filled = item === null ? whatNullMeans(of, exact) : item;
      if (filled === undefined) continue;
      const matched = match(of, filled, [...path, key], [...written, given]);
      result[key] = mergeOver(result[key], matched);
    }
    return result;
  }

  const value = match(schema, data, [], []);
  if (unknownKeys > namedUnknownKeys) {
    unknown.push({ written: [], message: `and ${unknownKeys - namedUnknownKeys} more unknown keys` });
  }
  return {
    value,
    unknown,
    repeated,
    has: (path) => writtenPaths.has(JSON.stringify(path)),
    writtenPath: (path) => {
      for (let length = path.length; length >= 0; length--) {
        const found = writtenPaths.get(JSON.stringify(path.slice(0, length)));
        if (found === undefined) continue;
        const rest = path.slice(length);
        return [...found, ...rest.map((step) => exact || typeof step === "number" ? step : slimeName(step))];
      }
      return path;
    },
  };
}

/** Go sets lists and maps to nil on null, and leaves whatever else there is. */
function whatNullMeans(of: z.core.$ZodType, exact: boolean): unknown {
  if (exact || elementOf(of) === undefined) return undefined;
  return isList(of) ? [] : {};
}

function mergeOver(under: unknown, over: unknown): unknown {
  if (!isObject(under) || !isObject(over)) return over;
  const result = { ...under };
  for (const [key, value] of Object.entries(over)) result[key] = mergeOver(result[key], value);
  return result;
}

function unknownKey(given: string, known: readonly string[], parent: KeyPath): string {
  const like = nearest(given, known);
  if (like !== undefined) return `unknown key; did you mean ${JSON.stringify(like)}?`;
  const where = parent.length === 0 ? "the top level" : pathText(parent);
  return `unknown key; ${where} has ${known.join(", ")}`;
}
