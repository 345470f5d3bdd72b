import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { z } from "zod";
import { importsOf, isTest, sourcesIn, targetOf } from "./check-imports.ts";

const Dependencies = z.record(z.string(), z.string()).default({});

const PackageJson = z.object({
  name: z.string(),
  dependencies: Dependencies,
  devDependencies: Dependencies,
  peerDependencies: Dependencies,
});

/** A workspace: its folder from the root, what it declares, and what its sources import. */
export interface Workspace {
  readonly folder: string;
  readonly name: string;
  /** Needed to run it. */
  readonly dependencies: ReadonlySet<string>;
  /** Brought along by whoever wants them. */
  readonly peers: ReadonlySet<string>;
  /** Needed to test it. */
  readonly devDependencies: ReadonlySet<string>;
  /** Packages by the files that import them; ours by name, too. */
  readonly imports: ReadonlyMap<string, readonly string[]>;
}

/**
 * What package.json files don't say, or say in vain: a service's image holds what it declares and nothing else, and the
 * root's packages hide what is missing in a checkout. Sources beside the tests need `dependencies`; tests may use
 * `devDependencies` as well, and the tools of the root. Returns one line for each difference.
 */
export function packageFaults(
  workspaces: readonly Workspace[],
  tools: ReadonlySet<string>,
): string[] {
  return workspaces.flatMap(
    ({ folder, name, dependencies, peers, devDependencies, imports }) => {
      const faults: string[] = [];
      for (const [used, files] of imports) {
        if (used === name || dependencies.has(used) || peers.has(used)) continue;
        const running = files.filter((file) => !isTest(file));
        const file = running[0] ?? files[0] ?? "";
        if (running.length === 0 && (devDependencies.has(used) || tools.has(used))) continue;
        // Tests may use all that is in the checkout.
        if (running.length === 0 && used.startsWith("@meshregistry/")) continue;
        const where = running.length === 0 ? "devDependencies" : "dependencies";
        faults.push(`${folder}/package.json: ${used} is missing in ${where} (${file} imports it)`);
      }
      for (const declared of [...dependencies, ...devDependencies]) {
        if (!imports.has(declared)) {
          faults.push(`${folder}/package.json: nothing imports ${declared}; remove it`);
        }
      }
      return faults;
    },
  );
}

/** Checks all workspaces below `root`; returns one line for each fault. */
export function findPackageFaults(root: string): readonly string[] {
  const services = readdirSync(join(root, "services")).map((name) => `services/${name}`);
  const folders = ["shared", "protos", ...services, "test"];
  const declared = folders.map((folder) => ({ folder, ...read(root, folder) }));
  const ours = declared.map(({ folder, name }) => ({ folder, name }));
  const workspaces = declared.map(({ folder, name, dependencies, devDependencies, peerDependencies }) => ({
    folder,
    name,
    dependencies: new Set(Object.keys(dependencies)),
    peers: new Set(Object.keys(peerDependencies)),
    devDependencies: new Set(Object.keys(devDependencies)),
    imports: importsIn(root, folder, ours),
  }));
  const { dependencies, devDependencies } = read(root, ".");
  const own = Object.keys(dependencies).map((name) =>
    `package.json: ${name} belongs to the workspace that imports it`
  );
  // What runs is declared where it is imported; the root has tools only.
  const running = new Set(workspaces.flatMap((workspace) => [...workspace.dependencies]));
  const hidden = Object.keys(devDependencies).filter((name) => running.has(name)).map((name) =>
    `package.json: ${name} hides whether a workspace declares it; remove it here`
  );
  return [
    ...own,
    ...hidden,
    ...packageFaults(workspaces, new Set(Object.keys(devDependencies))),
  ];
}

function read(root: string, folder: string): z.output<typeof PackageJson> {
  return PackageJson.parse(JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")));
}

function importsIn(
  root: string,
  folder: string,
  ours: readonly { readonly folder: string; readonly name: string }[],
): Map<string, string[]> {
  const imports = new Map<string, string[]>();
  for (const file of [...sourcesIn(root, folder), ...sourcesIn(root, folder, "generated")]) {
    for (const specifier of importsOf(readFileSync(join(root, file), "utf8"))) {
      const used = packageOf(file, specifier, ours);
      if (used === undefined) continue;
      const files = imports.get(used) ?? [];
      imports.set(used, [...files, file]);
    }
  }
  return imports;
}

/** The package that an import takes something from; undefined for what the runtime brings. */
function packageOf(
  file: string,
  specifier: string,
  ours: readonly { readonly folder: string; readonly name: string }[],
): string | undefined {
  if (specifier.startsWith(".")) {
    const target = targetOf(file, specifier);
    return ours.find(({ folder }) => target.startsWith(`${folder}/`))?.name;
  }
  if (
    specifier.startsWith("node:") || builtinModules.includes(specifier) ||
    specifier.includes("${")
  ) return undefined;
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}
