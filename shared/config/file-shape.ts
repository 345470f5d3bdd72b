import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import type { ConfigIssue, KeyPath, Place } from "./config-issue.ts";
import { pathText } from "./config-issue.ts";
import { isObject } from "./schema-walk.ts";
import { readYaml } from "./yaml-text.ts";
import type { YamlText } from "./yaml-text.ts";

/**
 * What a configuration file is: our own, slime's module file, a Kubernetes ConfigMap with one inside, or a SlimeBoot.
 */
export type FileShape = "own" | "slime-module" | "config-map" | "slime-boot";

/** The part of a file that is configuration. */
export interface ConfigBlock {
  readonly shape: FileShape;
  /** Our keys, or slime's RegistryArgs; undefined if there is nothing. */
  readonly data: unknown;
  /** Where the block stands, from the top of the file. */
  readonly path: KeyPath;
  /** The place of a key of the block, by its path as written. */
  placeOf(path: KeyPath): Place | undefined;
}

/** Longest configuration inside a ConfigMap after unpacking; Kubernetes allows 1 MiB packed. */
const maxUnpackedBytes = 64 * 1024 ** 2;

type Found = { readonly block: ConfigBlock } | { readonly issues: readonly ConfigIssue[] };

/** Finds the configuration in a text. Nothing is decoded yet. */
export function findBlock(text: string, fileName: string): Found {
  const read = readYaml(text, fileName, "go");
  if ("issues" in read) return read;
  const { yaml } = read;
  const root = yaml.value;
  if (!isObject(root)) return own(text, fileName);
  const { kind, apiVersion } = root;
  if (kind === "ConfigMap") return inConfigMap(root, yaml, fileName);
  if (kind === "SlimeBoot") return inSlimeBoot(root, yaml);
  if (isModule(root)) return { block: moduleBlock(root, yaml, "slime-module", [], []) };
  if (typeof kind === "string" && typeof apiVersion === "string") {
    const expected = "a ConfigMap or a SlimeBoot with a meshregistry module, a module file, or our own file";
    return problem(["kind"], `expected ${expected}, found a ${kind}`, yaml);
  }
  return own(text, fileName);
}

function own(text: string, fileName: string): Found {
  const read = readYaml(text, fileName, "strict");
  if ("issues" in read) return read;
  const { yaml } = read;
  return { block: { shape: "own", data: yaml.value, path: [], placeOf: (path) => yaml.placeOf(path) } };
}

/** Old modules have no kind and go by their name. */
function isModule(value: unknown): value is Record<string, unknown> {
  if (!isObject(value)) return false;
  const kind = value["kind"] ?? value["name"];
  return kind === "meshregistry" || (isObject(value["general"]) && value["kind"] === undefined);
}

/** `above` is the way to the module in its own text, `outside` the way to that text in the file. */
function moduleBlock(
  module: Record<string, unknown>,
  yaml: YamlText,
  shape: FileShape,
  outside: KeyPath,
  above: KeyPath,
): ConfigBlock {
  const general = module["general"];
  // Go reads this key like all others: in any case.
  const key = isObject(general)
    ? Object.keys(general).findLast((name) => name.toLowerCase() === "legacy") ?? "LEGACY"
    : "LEGACY";
  const inside: KeyPath = [...above, "general", key];
  return {
    shape,
    data: isObject(general) ? general[key] : undefined,
    path: [...outside, ...inside],
    placeOf: (path) => yaml.placeOf([...inside, ...path]),
  };
}

function inConfigMap(root: Record<string, unknown>, yaml: YamlText, fileName: string): Found {
  const blocks: ConfigBlock[] = [];
  const issues: ConfigIssue[] = [];
  const seen: string[] = [];
  for (const section of ["data", "binaryData"] as const) {
    const entries = root[section];
    if (!isObject(entries)) continue;
    for (const [key, value] of Object.entries(entries)) {
      seen.push(`${section}.${key}`);
      if (!/^cfg(_|$)/.test(key) || typeof value !== "string") continue;
      const path: KeyPath = [section, key];
      const text = section === "data" ? value : unpack(value);
      if (text === undefined) {
        issues.push(issueAt(path, "expected base64 of a gzip file; pack it again", yaml));
        continue;
      }
      const read = readYaml(text, `${fileName}#${section}.${key}`, "go");
      if ("issues" in read) {
        issues.push(...read.issues.map((issue) => ({ ...issue, path: pathText(path) })));
      } else if (isModule(read.yaml.value)) {
        blocks.push(moduleBlock(read.yaml.value, read.yaml, "config-map", path, []));
      }
    }
  }
  return theOnly(blocks, issues, yaml, `a key cfg or cfg_<name> with a meshregistry module${listed(seen)}`);
}

function listed(seen: readonly string[]): string {
  return seen.length === 0 ? " (there is no data)" : ` (there are ${seen.join(", ")})`;
}

function unpack(base64: string): string | undefined {
  const bytes = Buffer.from(base64, "base64");
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.length === 0 ? undefined : bytes.toString("utf8");
  try {
    return gunzipSync(bytes, { maxOutputLength: maxUnpackedBytes }).toString("utf8");
  } catch {
    return undefined;
  }
}

function inSlimeBoot(root: Record<string, unknown>, yaml: YamlText): Found {
  const spec = root["spec"];
  const modules: unknown = isObject(spec) ? spec["module"] : undefined;
  const blocks = (Array.isArray(modules) ? modules : []).flatMap((module: unknown, index) =>
    isModule(module) ? [moduleBlock(module, yaml, "slime-boot", [], ["spec", "module", index])] : []
  );
  return theOnly(blocks, [], yaml, "an item of kind meshregistry in spec.module");
}

function theOnly(
  blocks: readonly ConfigBlock[],
  issues: readonly ConfigIssue[],
  yaml: YamlText,
  expected: string,
): Found {
  const [block, second] = blocks;
  if (block === undefined) {
    return issues.length > 0 ? { issues } : problem([], `expected ${expected}, found none`, yaml);
  }
  if (second === undefined) return { block };
  const places = blocks.map((each) => pathText(each.path)).join(" and ");
  return problem(
    [],
    `expected one meshregistry module, found ${places}; put each into a file of its own`,
    yaml,
  );
}

function problem(path: KeyPath, message: string, yaml: YamlText): Found {
  return { issues: [issueAt(path, message, yaml)] };
}

function issueAt(path: KeyPath, message: string, yaml: YamlText): ConfigIssue {
  const place = yaml.placeOf(path);
  return { path: pathText(path), message, ...(place === undefined ? {} : { place }) };
}
