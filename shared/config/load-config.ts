import type { z } from "zod";
import { MeshError } from "../runtime/errors.ts";
import { formatIssue, pathText, unexpected } from "./config-issue.ts";
import type { ConfigIssue, KeyPath } from "./config-issue.ts";
import { contradictionsOf } from "./checks/contradictions.ts";
import { obstaclesOf } from "./checks/runnable.ts";
import { readConversionEnvironment } from "./conversion-environment.ts";
import type { ConversionEnvironment, Environment } from "./conversion-environment.ts";
import { underlyingDefaults } from "./schema/defaults.ts";
import { findBlock } from "./file-shape.ts";
import type { ConfigBlock, FileShape } from "./file-shape.ts";
import { matchKeys } from "./key-matching.ts";
import type { MatchedKeys } from "./key-matching.ts";
import { rectify } from "./rectify.ts";
import { ConfigSchema } from "./schema/schema.ts";
import type { Config } from "./schema/schema.ts";
import {
  keysWithoutEffect,
  patchesWithoutPods,
  unsaid,
  variablesWithoutEffect,
  withoutEffectMessage,
} from "./checks/without-effect.ts";

/** What a text of configuration is read with. */
export interface LoadOptions {
  /** Environment variables: some of slime's are defaults of keys, others go into `environment`. */
  readonly env: Environment;
  /** The name of the text in messages. */
  readonly fileName: string;
  /** True: what keeps services from running by it is an error, too; see {@link obstaclesOf}. */
  readonly toRun?: boolean;
}

/** A configuration that is in order. */
export interface LoadedConfig {
  /** Every default filled in, rectified. Frozen, and so is all below it. */
  readonly config: Config;
  /** What environment variables say about conversion. */
  readonly environment: ConversionEnvironment;
  /** What kind of file it was. */
  readonly shape: FileShape;
  /** What a user should know, but nothing that keeps us from starting. To be logged with {@link formatIssue}. */
  readonly warnings: readonly ConfigIssue[];
}

/** All that can be said about a text of configuration. `loaded` is there if nothing in it is wrong. */
export interface ConfigReport {
  readonly loaded?: LoadedConfig;
  readonly errors: readonly ConfigIssue[];
  readonly warnings: readonly ConfigIssue[];
}

/**
 * Reads a configuration: our own file, a slime module file, or a ConfigMap or SlimeBoot that holds one; YAML or JSON.
 * Throws a {@link MeshError} `configuration` that lists everything that is wrong, one per line.
 */
export function loadConfig(text: string, options: LoadOptions): LoadedConfig {
  const { loaded, errors } = inspectConfig(text, options);
  if (loaded === undefined) {
    const lines = errors.map((error) => `  ${formatIssue(error)}`).join("\n");
    throw new MeshError("configuration", `configuration ${options.fileName} can't be used:\n${lines}`);
  }
  return loaded;
}

/** As {@link loadConfig}, but answers errors and warnings instead of throwing. */
export function inspectConfig(text: string, { env, fileName, toRun = false }: LoadOptions): ConfigReport {
  const found = findBlock(text, fileName);
  if ("issues" in found) return { errors: found.issues, warnings: [] };
  const { block } = found;
  const exact = block.shape === "own";
  const matched = matchKeys(ConfigSchema, block.data ?? {}, exact);
  const asWritten = (written: KeyPath, message: string): ConfigIssue => issueIn(block, written, message);
  const issue = (path: KeyPath, message: string) => asWritten(matched.writtenPath(path), message);

  const unknown = matched.unknown.map(({ written, message }) => asWritten(written, message));
  const decoded = decode(underlyingDefaults(matched.value, exact, env));
  const errors = decoded.problems.map(({ path, message }) => issue(path, message));
  const warnings = [
    ...(block.data === undefined && !exact
      ? [asWritten([], "there is nothing here, so every source is off")]
      : []),
    ...matched.repeated.map(({ written, message }) => asWritten(written, message)),
    ...withoutEffect(matched, block.shape).map(({ path, message }) => issue(path, message)),
    ...block.remarks,
    ...variablesWithoutEffect(env).map((message): ConfigIssue => ({ path: "", message })),
  ];
  (exact ? errors : warnings).push(...unknown);

  const config = decoded.config === undefined ? undefined : rectify(decoded.config);
  if (config !== undefined && !exact) {
    warnings.push(...unsaid(config, matched).map(({ path, message }) => issue(path, message)));
  }
  if (config !== undefined) {
    warnings.push(...patchesWithoutPods(config, matched).map(({ path, message }) => issue(path, message)));
  }
  const contradictions = config === undefined
    ? []
    : [...contradictionsOf(config), ...(toRun ? obstaclesOf(config) : [])];
  for (const { path, message, error } of contradictions) {
    if (decoded.problems.some((problem) => isWithin(path, problem.path))) continue;
    (error === "always" || (exact && error === "own") ? errors : warnings).push(issue(path, message));
  }
  if (config === undefined || errors.length > 0) {
    return { errors: inOrder(errors), warnings: inOrder(warnings) };
  }
  const loaded: LoadedConfig = {
    config: deepFreeze(config),
    environment: readConversionEnvironment(env),
    shape: block.shape,
    warnings: inOrder(warnings),
  };
  return { loaded, errors: [], warnings: loaded.warnings };
}

interface Problem {
  readonly path: KeyPath;
  readonly message: string;
}

/**
 * Checks data against the schema. What is wrong in it is replaced by its default, so that contradictions elsewhere
 * are found in the same run.
 */
function decode(data: unknown): { readonly config?: Config; readonly problems: readonly Problem[] } {
  const first = ConfigSchema.safeParse(data, { error: expectationOf, reportInput: true });
  if (first.success) return { config: first.data, problems: [] };
  const problems = first.error.issues.map((issue): Problem => {
    const { path, message, input } = issue;
    const keys = path.map((step) => typeof step === "number" ? step : String(step));
    // Text in the place of a section may be one of its secrets, without the key that would tell.
    const found = typeof input === "string" && issue.code === "invalid_type" && isSection(issue.expected)
      ? `expected ${message}, found text`
      : unexpected(message, input, keys);
    return { path: keys, message: found };
  });
  const second = ConfigSchema.safeParse(problems.reduce((rest, { path }) => without(rest, path), data));
  return second.success ? { config: second.data, problems } : { problems };
}

function isSection(expected: string): boolean {
  return expected === "object" || expected === "record";
}

/** What a value should have been, in words; schemas that know better say it themselves. */
function expectationOf(issue: z.core.$ZodRawIssue): string {
  if (issue.code === "invalid_type") return typeNames.get(issue.expected) ?? issue.expected;
  if (issue.code === "too_small") return `a number of at least ${issue.minimum}`;
  if (issue.code === "too_big") return `a number of at most ${issue.maximum}`;
  if (issue.code === "invalid_value") return issue.values.map((value) => JSON.stringify(value)).join(" or ");
  return "another value";
}

const typeNames: ReadonlyMap<string, string> = new Map([
  ["string", "text (put it in quotes)"],
  ["boolean", "true or false"],
  ["int", "a whole number"],
  ["number", "a number"],
  ["array", "a list"],
  ["object", "an object"],
  ["record", "an object"],
]);

/** `value` without the key at `path`; a list that would lose an item goes as a whole. */
function without(value: unknown, path: KeyPath): unknown {
  const [step, ...rest] = path;
  if (typeof step !== "string" || typeof value !== "object" || value === null || Array.isArray(value)) {
    return undefined;
  }
  const entries = Object.entries(value).flatMap(([key, item]) => {
    if (key !== step) return [[key, item]];
    const left = without(item, rest);
    return left === undefined ? [] : [[key, left]];
  });
  return Object.fromEntries(entries);
}

/** True if one path lies within the other. */
function isWithin(path: KeyPath, other: KeyPath): boolean {
  const length = Math.min(path.length, other.length);
  return path.slice(0, length).every((step, index) => step === other[index]);
}

function withoutEffect(matched: MatchedKeys, shape: FileShape): Problem[] {
  return keysWithoutEffect.flatMap((key) => {
    const path = key.path.split(".");
    return matched.has(path) ? [{ path, message: withoutEffectMessage(key, shape) }] : [];
  });
}

function issueIn(block: ConfigBlock, written: KeyPath, message: string): ConfigIssue {
  const place = block.placeOf(written);
  return { path: pathText([...block.path, ...written]), message, ...(place === undefined ? {} : { place }) };
}

/** In the order of the text. */
function inOrder(issues: readonly ConfigIssue[]): readonly ConfigIssue[] {
  return issues.toSorted((a, b) =>
    (a.place?.line ?? 0) - (b.place?.line ?? 0) || (a.place?.column ?? 0) - (b.place?.column ?? 0)
  );
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) deepFreeze(item);
  }
  return value;
}
