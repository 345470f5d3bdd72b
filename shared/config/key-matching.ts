import type { z } from "zod";
import { pathText } from "./config-issue.ts";
import type { KeyPath } from "./config-issue.ts";
import { nearest } from "./nearest.ts";
import { elementOf, isList, isObject, keysOf } from "./schema-walk.ts";
import { slimeName } from "./slime-names.ts";

/** Something about a key, by its path as written. */
export interface KeyFinding {
  readonly written: KeyPath;
  readonly message: string;
}

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
 * Brings data under our keys. `exact` takes keys as they are; otherwise Go's rules for JSON hold: keys in any case,
 * the later of two equal ones wins (objects merge), and null empties lists and maps and leaves anything else at its
 * default. In our own file null leaves every default.
 */
export function matchKeys(schema: z.core.$ZodType, data: unknown, exact: boolean): MatchedKeys {
  const unknown: KeyFinding[] = [];
  const repeated: KeyFinding[] = [];
  const writtenPaths = new Map<string, KeyPath>();

  function match(of: z.core.$ZodType, value: unknown, path: KeyPath, written: KeyPath): unknown {
    writtenPaths.set(JSON.stringify(path), written);
    const keys = keysOf(of);
    if (keys !== undefined && isObject(value)) return matchObject(keys, value, path, written);
    const element = elementOf(of);
    if (element === undefined) return value;
    if (Array.isArray(value)) {
      return value.map((item: unknown, index) => match(element, item, [...path, index], [...written, index]));
    }
    if (!isObject(value) || isList(of)) return value;
    return Object.fromEntries(
      Object.entries(value).map((
        [key, item],
      ) => [key, match(element, item, [...path, key], [...written, key])]),
    );
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
    for (const [given, item] of Object.entries(value)) {
      const key = names.get(exact ? given : given.toLowerCase());
      const of = key === undefined ? undefined : keys[key];
      if (key === undefined || of === undefined) {
        const spelled = exact ? Object.keys(keys) : Object.keys(keys).map(slimeName);
        unknown.push({ written: [...written, given], message: unknownKey(given, spelled, written) });
        continue;
      }
      if (seen.has(key)) {
        repeated.push({
          written: [...written, given],
          message: "this key is given twice in different case; the later one wins, so remove the other",
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
