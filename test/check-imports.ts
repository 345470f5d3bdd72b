import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

/** The parts of a collector that turn an answer of a registry into manifests, and how it reads its options. */
const pureCollectorCode =
  /^services\/[^/]+-collector\/(?:(?:conversion|view|client|dry-run)\/|registry\.ts$)/;

/** What serves the console's files, which are the aggregator's pages. */
const consoleEntry = "services/console/serve.ts";

/** The services that bring simulated registries along. */
const showsDemo: ReadonlySet<string | undefined> = new Set(["all-in-one", "demo-registries"]);

/**
 * The direction of imports: services → shared → protos.
 *
 * - No service imports another one, except that `all-in-one` is all of them in one process, and that `meshctl convert`
 *   runs what the collectors do with an answer: splitting, decoding, the registry's view and conversion; and that it
 *   connects as they do; and that the aggregator serves the console, whose entry it imports.
 * - Registries' simulators are there for tests and for the demo, which `all-in-one` and `demo-registries` show; nothing
 *   else imports them.
 * - Nothing but tests imports a test. Tests are everything below `test/`, and anywhere else `*.test.ts`, `*-rig.ts` (what
 *   several tests beside the code share) and the suites in `conformance/`. Those below `test/` may import anything; those
 *   beside the code may import of other services what their neighbours may: what crosses services is below `test/`.
 */
export function importViolation(file: string, target: string): string | undefined {
  if (isTest(file)) {
    return crossesServices(file, target) ? "what crosses services belongs below test/" : undefined;
  }
  if (isTest(target)) return "only tests may import tests and what is below test/";
  const [from, fromService] = layerOf(file);
  const [to, toService] = layerOf(target);
  if (from === "protos" && to !== "protos") return "protos imports nothing of ours";
  if (from === "shared" && to === "services") return "shared must not import a service";
  if (isSimulator(target) && !isSimulator(file) && !showsDemo.has(fromService)) {
    return "only tests, all-in-one and demo-registries may import shared/simulators/";
  }
  if (to !== "services" || fromService === toService || fromService === "all-in-one") return undefined;
  if (fromService === "meshctl" && pureCollectorCode.test(target)) return undefined;
  if (fromService === "aggregator" && target === consoleEntry) return undefined;
  return from === "services" ? "a service must not import another service" : undefined;
}

/** True if a test beside the code of one service, or of `shared`, imports another service's. */
function crossesServices(file: string, target: string): boolean {
  const [from, fromService] = layerOf(file);
  const [to, toService] = layerOf(target);
  if (from === "test" || to !== "services" || fromService === toService || fromService === "all-in-one") {
    return false;
  }
  return !(fromService === "meshctl" && pureCollectorCode.test(target));
}

/** Checks all sources below `root`; answers one line for each import in the wrong direction. */
export function findImportViolations(root: string): readonly string[] {
  const packages = workspacePackages(root);
  const violations: string[] = [];
  for (const file of ["services", "shared", "protos", "test"].flatMap((folder) => sourcesIn(root, folder))) {
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

/** True for files that only tests may import. */
export function isTest(path: string): boolean {
  return path.startsWith("test/") || /(?:\.test|-rig)\.ts$|\/conformance\//.test(path);
}

function isSimulator(path: string): boolean {
  return path.startsWith("shared/simulators/");
}

/** The top folder of a path, and the service if it is in one. */
function layerOf(path: string): readonly [string, string | undefined] {
  const [layer = "", service] = path.split("/");
  return [layer, layer === "services" ? service : undefined];
}

/** Path of the imported file from the root; `undefined` for what is not ours. */
function resolve(file: string, specifier: string, packages: ReadonlyMap<string, string>): string | undefined {
  if (specifier.startsWith(".")) return targetOf(file, specifier);
  const [scope, name = "", ...rest] = specifier.split("/");
  const folder = packages.get(`${scope}/${name}`);
  return folder === undefined ? undefined : [folder, ...rest].join("/");
}

/** Path from the root of a file that another one imports by a relative path. */
export function targetOf(file: string, specifier: string): string {
  return posix(join(dirname(file), specifier));
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

/** The sources of a folder by their path from the root: those that people write, or those that are generated. */
export function sourcesIn(
  root: string,
  folder: string,
  which: "written" | "generated" = "written",
): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:ts|mts|mjs|js)$/.test(entry.name))
    .map((entry) => posix(relative(root, join(entry.parentPath, entry.name))))
    .filter((path) => !/(?:^|\/)(?:node_modules|target)\//.test(path))
    .filter((path) => /(?:^|\/)gen\//.test(path) === (which === "generated"))
    .sort();
}

function posix(path: string): string {
  return path.split(sep).join("/");
}
