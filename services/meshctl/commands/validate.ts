import { readFile } from "node:fs/promises";
import process from "node:process";
import { buffer as readAll } from "node:stream/consumers";
import { parseAllDocuments } from "yaml";
import { inProfile, validateManifest } from "../../../shared/istio/mod.ts";
import { Manifest, resourceKinds } from "../../../shared/model/manifest.ts";
import { errorText } from "../../../shared/runtime/errors.ts";
import { decodeText } from "../../../shared/runtime/read-text.ts";

/** Where a command prints to. */
interface Output {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

const usage = `Usage: meshctl validate FILE…

Applies the rules of a stock istiod to ServiceEntry and Sidecar manifests, offline, and those
of Envoy to endpoints (E1: the aggregator would leave the endpoint out). A file holds YAML
documents, JSON, a JSON array or a Kubernetes List; - is standard input. Other kinds are
skipped. A manifest without a namespace counts as one in "default".

One line per finding: FILE: KIND NAMESPACE/NAME: PATH: MESSAGE [rule RULE]
Warnings do not make a manifest invalid; a file without any manifest is an error.

Exit code: 0 without errors, 1 with errors, 2 if a file can't be read or the command
line is wrong.
`;

/** What came out of all files. */
interface Tally {
  checked: number;
  skipped: number;
  errors: number;
  warnings: number;
}

/** One thing to print about a manifest. */
interface Finding {
  readonly severity: "error" | "warning";
  readonly path: string;
  readonly message: string;
  /** What stands in brackets at the end of the line: `rule S4`, or `shape` for what isn't a manifest at all. */
  readonly source: string;
}

/**
 * The command `meshctl validate`: `args` are what follows its name. Answers the exit code: 0 without errors, 1 with
 * errors, 2 if a file can't be read or the command line is wrong.
 */
export async function validate(args: readonly string[], io: Output): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    io.stdout(usage);
    return 0;
  }
  const option = args.find((arg) => arg.startsWith("-") && arg !== "-");
  if (option !== undefined || args.length === 0) {
    io.stderr(option === undefined ? usage : `unknown option ${option}; validate has no options\n\n${usage}`);
    return 2;
  }
  const tally: Tally = { checked: 0, skipped: 0, errors: 0, warnings: 0 };
  let unreadable = false;
  for (const file of args) {
    const content = await readInput(file, io);
    if (content === undefined) unreadable = true;
    else if (!validateText(file, content, tally, io)) {
      io.stderr(`${file}: there is no manifest in it\n`);
      tally.errors++;
    }
  }
  io.stdout(summary(tally));
  if (unreadable) return 2;
  return tally.errors > 0 ? 1 : 0;
}

async function readInput(file: string, io: Output): Promise<string | undefined> {
  try {
    const text = decodeText(file === "-" ? await readAll(process.stdin) : await readFile(file));
    if (text !== undefined) return text;
    io.stderr(`Cannot read ${file}: it isn't text (UTF-8)\n`);
    return undefined;
  } catch (error) {
    io.stderr(`Cannot read ${file}: ${errorText(error)}\n`);
    return undefined;
  }
}

function summary({ checked, skipped, errors, warnings }: Tally): string {
  const counts = [count(errors, "error"), count(warnings, "warning")];
  if (skipped > 0) counts.push(`${skipped} skipped`);
  return `${count(checked, "manifest")} checked: ${counts.join(", ")}\n`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** False if the text holds nothing at all. */
function validateText(file: string, content: string, tally: Tally, io: Output): boolean {
  let position = 0;
  let isEmpty = true;
  for (const { value, faults } of documentsOf(content)) {
    for (const fault of faults) {
      isEmpty = false;
      tally.errors++;
      io.stdout(`${file}: ${fault} [syntax]\n`);
    }
    for (const resource of resourcesOf(value)) validateResource(file, resource, ++position, tally, io);
  }
  return !isEmpty || position > 0;
}

interface ParsedDocument {
  readonly value: unknown;
  /** Why it can't be read, with line and column; `value` is then undefined. */
  readonly faults: readonly string[];
}

/** JSON goes through the much faster JSON parser; what isn't quite JSON is left to YAML, whose messages are better. */
function documentsOf(content: string): readonly ParsedDocument[] {
  if (/^\s*[[{]/.test(content)) {
    try {
      return [{ value: JSON.parse(content), faults: [] }];
    } catch {
      // Several JSON documents in one file, or a mistake.
    }
  }
  return parseAllDocuments(content).map((document) => {
    const faults = document.errors.map((error) => error.message.trim());
    if (faults.length > 0) return { value: undefined, faults };
    try {
      return { value: document.toJS(), faults };
    } catch (error) {
      // Aliases that lead nowhere, or that would unfold to millions of nodes.
      return { value: undefined, faults: [errorText(error)] };
    }
  });
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The resources of a document: arrays and Kubernetes Lists unfolded, empty documents left out. */
function resourcesOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(resourcesOf);
  if (isObject(value) && Array.isArray(value["items"]) && String(value["kind"]).endsWith("List")) {
    return value["items"].flatMap(resourcesOf);
  }
  return [value];
}

function validateResource(file: string, resource: unknown, position: number, tally: Tally, io: Output): void {
  const label = labelOf(resource, position);
  if (isObject(resource) && isForeign(resource)) {
    tally.skipped++;
    io.stdout(`${file}: ${label}: skipped: ${String(resource["apiVersion"])} has no rules here\n`);
    return;
  }
  tally.checked++;
  for (const { severity, path, message, source } of findingsOf(resource)) {
    if (severity === "error") tally.errors++;
    else tally.warnings++;
    const place = path === "" ? "" : `${path}: `;
    io.stdout(
      `${file}: ${label}: ${severity === "warning" ? "warning: " : ""}${place}${message} [${source}]\n`,
    );
  }
}

/** `Kind namespace/name`, or the position in the file of what has no name. */
function labelOf(resource: unknown, position: number): string {
  const fields = isObject(resource) ? resource : {};
  const metadata = isObject(fields["metadata"]) ? fields["metadata"] : {};
  const kind = typeof fields["kind"] === "string" ? fields["kind"] : "resource";
  const { name, namespace } = metadata;
  if (typeof name !== "string") return `${kind} number ${position}`;
  return `${kind} ${typeof namespace === "string" && namespace !== "" ? namespace : "default"}/${name}`;
}

/** True for a Kubernetes resource of another kind: it has a kind and an API version, and they aren't ours. */
function isForeign(resource: Fields): boolean {
  const { kind, apiVersion } = resource;
  if (typeof kind !== "string" || typeof apiVersion !== "string") return false;
  return !resourceKinds.some((known) => known === kind) || !apiVersion.startsWith("networking.istio.io/");
}

function findingsOf(resource: unknown): Finding[] {
  const parsed = Manifest.safeParse(withNamespace(resource));
  if (!parsed.success) {
    return parsed.error.issues.map(({ path, message }) => ({
      severity: "error",
      path: pathText(path),
      message,
      source: "shape",
    }));
  }
  // What Envoy minds is told of endpoints only that istiod takes.
  const violations = validateManifest(parsed.data);
  const isValid = violations.every(({ severity }) => severity !== "error");
  const all = isValid ? [...violations, ...inProfile(parsed.data, "istio").leftOut] : violations;
  const findings: Finding[] = all.map(({ severity, path, message, rule }) => ({
    severity,
    path,
    message,
    source: `rule ${rule}`,
  }));
  for (
    const path of unknownFields(isObject(resource) ? resource["spec"] : undefined, parsed.data.spec, ["spec"])
  ) {
    const message = "meshregistry doesn't know this field, so it was not checked";
    findings.push({ severity: "warning", path: pathText(path), message, source: "shape" });
  }
  return findings;
}

/** What kubectl does with a manifest that names no namespace. */
function withNamespace(resource: unknown): unknown {
  if (!isObject(resource) || !isObject(resource["metadata"])) return resource;
  const { namespace } = resource["metadata"];
  if (namespace !== undefined && namespace !== null && namespace !== "") return resource;
  return { ...resource, metadata: { ...resource["metadata"], namespace: "default" } };
}

type Path = readonly PropertyKey[];

/** `["spec", "ports", 1, "a.b"]` as `spec.ports[1]["a.b"]`, the way the rules write it. */
function pathText(path: Path): string {
  let text = "";
  for (const step of path) {
    const name = String(step);
    if (typeof step === "number") text += `[${name}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(name)) text += text === "" ? name : `.${name}`;
    else text += `[${JSON.stringify(name)}]`;
  }
  return text;
}

/** Paths of what the schema left out while reading: fields of Istio that our model doesn't have, and misspelt ones. */
function unknownFields(given: unknown, known: unknown, path: Path): Path[] {
  if (Array.isArray(given) && Array.isArray(known)) {
    return given.flatMap((item, index) => unknownFields(item, known[index], [...path, index]));
  }
  if (!isObject(given) || !isObject(known)) return [];
  return Object.keys(given).flatMap((key) =>
    Object.hasOwn(known, key) ? unknownFields(given[key], known[key], [...path, key]) : [[...path, key]]
  );
}
