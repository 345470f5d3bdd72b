import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import type { ConfigIssue, KeyPath, Place } from "./config-issue.ts";
import { pathText } from "./config-issue.ts";
import { isObject, valueAt } from "./schema/schema-walk.ts";
import { moduleKeysWithoutEffect } from "./slime/module-keys.ts";
import { readYaml } from "./read-yaml.ts";
import type { YamlText } from "./read-yaml.ts";

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
  /** What is to be said of keys beside the block. */
  readonly remarks: readonly ConfigIssue[];
  /** The place of a key of the block, by its path as written. */
  placeOf(path: KeyPath): Place | undefined;
}

/** Longest configuration inside a ConfigMap after unpacking; Kubernetes allows 1 MiB packed. */
const maxUnpackedBytes = 4 * 1024 ** 2;

type Found = { readonly block: ConfigBlock } | { readonly issues: readonly ConfigIssue[] };

/** Finds the configuration in a text. Nothing is decoded yet. */
export function findBlock(text: string, fileName: string): Found {
  const read = readYaml(text, fileName, "go");
  if ("issues" in read) return read;
  const { yaml } = read;
  const root = yaml.value;
  if (!isObject(root)) return own(text, fileName);
  const { kind, apiVersion } = root;
  if (kind === "ConfigMap" || looksLikeConfigMap(root)) return inConfigMap(root, yaml, fileName);
  if (kind === "SlimeBoot") return inSlimeBoot(root, yaml);
  if (isModule(root)) return { block: moduleBlock(root, yaml, { shape: "slime-module" }) };
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
  return {
    block: { shape: "own", data: yaml.value, path: [], remarks: [], placeOf: (path) => yaml.placeOf(path) },
  };
}

/** A ConfigMap as people cut it out of one: slime's README leaves out the kind. */
function looksLikeConfigMap({ kind, data, binaryData }: Record<string, unknown>): boolean {
  return kind === undefined &&
    [data, binaryData].some((entries) => isObject(entries) && Object.keys(entries).some(isConfigKey));
}

function isConfigKey(key: string): boolean {
  return /^cfg(_|$)/.test(key);
}

/** Old modules have no kind and go by their name. */
function isModule(value: unknown): value is Record<string, unknown> {
  if (!isObject(value)) return false;
  const kind = value["kind"] ?? value["name"];
  return kind === "meshregistry" || (isObject(value["general"]) && value["kind"] === undefined);
}

/** Where a module stands. */
interface ModulePlace {
  readonly shape: FileShape;
  /** The way in the file to the text that holds the module, if that is not the file itself. */
  readonly outside?: KeyPath;
  /** The way to the module in that text. */
  readonly above?: KeyPath;
}

function moduleBlock(
  module: Record<string, unknown>,
  yaml: YamlText,
  { shape, outside = [], above = [] }: ModulePlace,
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
    remarks: remarksOn(module, (path, message) => {
      const place = yaml.placeOf([...above, ...path]);
      return { path: pathText([...outside, ...above, ...path]), message, ...(place && { place }) };
    }),
    placeOf: (path) => yaml.placeOf([...inside, ...path]),
  };
}

/** Keys of slime's framework that say something that is not done here. */
function remarksOn(
  module: Record<string, unknown>,
  issue: (path: KeyPath, message: string) => ConfigIssue,
): ConfigIssue[] {
  const remarks = [...moduleKeysWithoutEffect].flatMap(([name, reason]) => {
    const path = name.split(".");
    return valueAt(module, path) === undefined ? [] : [issue(path, `this key has no effect here: ${reason}`)];
  });
  if (module["enable"] === false) {
    remarks.push(
      issue(["enable"], "this key has no effect here: slime would not run the module, and it is run"),
    );
  }
  return remarks;
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
      if (!isConfigKey(key) || typeof value !== "string") continue;
      const path: KeyPath = [section, key];
      const text = section === "data" ? value : unpack(value);
      const places = section === "data" ? yaml.placesIn(path) : undefined;
      if (text === undefined) {
        issues.push(
          issueAt(
            path,
            `expected base64 of a gzip file of at most ${maxUnpackedBytes / 1024 ** 2} MiB; pack it again`,
            yaml,
          ),
        );
        continue;
      }
      // A packed text has no lines in the file: its places are those of the unpacked one.
      const read = readYaml(
        text,
        places === undefined ? `${fileName}#${section}.${key}` : fileName,
        "go",
        places,
      );
      if ("issues" in read) {
        issues.push(...read.issues.map((issue) => ({ ...issue, path: pathText(path) })));
      } else if (isModule(read.yaml.value)) {
        blocks.push(moduleBlock(read.yaml.value, read.yaml, { shape: "config-map", outside: path }));
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
    isModule(module)
      ? [moduleBlock(module, yaml, { shape: "slime-boot", above: ["spec", "module", index] })]
      : []
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
