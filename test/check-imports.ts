import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

/** The parts of a collector that turn an answer of a registry into manifests, and how it reads its options. */
const pureCollectorCode =
  /^services\/[^/]+-collector\/(?:convert|decode|application-splitter|registry-view|zookeeper-options)[^/]*\.ts$/;

/**
 * The direction of imports: services → shared → protos.
 *
 * - No service imports another one, except that `all-in-one` is all of them in one process, and that `meshctl convert`
 *   runs what the collectors do with an answer: splitting, decoding, the registry's view and conversion; and that it
 *   connects as they do.
 * - Tests may import anything, and nothing else imports a test. Tests are everything below `test/`, and anywhere else
 *   `*.test.ts` and `*-rig.ts` (what several tests beside the code share).
 */
export function importViolation(file: string, target: string): string | undefined {
  if (isTest(file)) return undefined;
  if (isTest(target)) return "only tests may import tests and what is below test/";
  const [from, fromService] = layerOf(file);
  const [to, toService] = layerOf(target);
  if (from === "protos" && to !== "protos") return "protos imports nothing of ours";
  if (from === "shared" && to === "services") return "shared must not import a service";
  if (to !== "services" || fromService === toService || fromService === "all-in-one") return undefined;
  if (fromService === "meshctl" && pureCollectorCode.test(target)) return undefined;
  return from === "services" ? "a service must not import another service" : undefined;
}

/** Checks all sources below `root`; answers one line for each import in the wrong direction. */
export function findImportViolations(root: string): readonly string[] {
  const packages = workspacePackages(root);
  const violations: string[] = [];
  for (const file of ["services", "shared", "protos", "test"].flatMap((folder) => sources(root, folder))) {
    for (const specifier of importsOf(readFileSync(join(root, file), "utf8"))) {
      const target = resolve(file, specifier, packages);
      const reason = target === undefined ? undefined : importViolation(file, target);
      if (reason !== undefined) violations.push(`${file}: imports ${specifier}: ${reason}`);
    }
  }
  return violations;
}

/** What a source imports or re-exports, statically or not. */
export function importsOf(text: string): readonly string[] {
  const statement = /^\s*(?:import|export)\s(?:[^"';]*?\sfrom\s*)?["']([^"']+)["']/gm;
  const call = /\bimport\(\s*["']([^"']+)["']/g;
  return [...text.matchAll(statement), ...text.matchAll(call)].map((match) => match[1] ?? "");
}

function isTest(path: string): boolean {
  return path.startsWith("test/") || /(?:\.test|-rig)\.ts$/.test(path);
}

/** The top folder of a path, and the service if it is in one. */
function layerOf(path: string): readonly [string, string | undefined] {
  const [layer = "", service] = path.split("/");
  return [layer, layer === "services" ? service : undefined];
}

/** Path of the imported file from the root; `undefined` for what is not ours. */
function resolve(file: string, specifier: string, packages: ReadonlyMap<string, string>): string | undefined {
  if (specifier.startsWith(".")) return posix(join(dirname(file), specifier));
  const [scope, name = "", ...rest] = specifier.split("/");
  const folder = packages.get(`${scope}/${name}`);
  return folder === undefined ? undefined : [folder, ...rest].join("/");
}

/** Folder of each workspace package, by its name. */
function workspacePackages(root: string): ReadonlyMap<string, string> {
  const services = readdirSync(join(root, "services")).map((name) => `services/${name}`);
  const packages = new Map<string, string>();
  for (const folder of ["shared", "protos", ...services]) {
    packages.set(`@meshregistry/${folder.replace("services/", "")}`, folder);
  }
  return packages;
}

function sources(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:ts|mts|mjs|js)$/.test(entry.name))
    .map((entry) => posix(relative(root, join(entry.parentPath, entry.name))))
    .filter((path) => !/(?:^|\/)(?:node_modules|gen|target)\//.test(path))
    .sort();
}

function posix(path: string): string {
  return path.split(sep).join("/");
}
