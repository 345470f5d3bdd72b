import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** Licences that fit ours (Apache-2.0) in what is delivered. */
const delivered: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
  "Unlicense",
]);

/** Licences of tools that are only used here: they ask something of those who pass the tool itself on. */
const tools: ReadonlySet<string> = new Set([...delivered, "MPL-2.0", "Python-2.0"]);

const Lock = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({
      license: z.string().optional(),
      dev: z.boolean().default(false),
      link: z.boolean().default(false),
    }),
  ),
});

/** The packages of a `package-lock.json` whose licence doesn't fit, one line for each. */
export function licenceFaults(lock: unknown): readonly string[] {
  return Object.entries(Lock.parse(lock).packages).flatMap(([path, { license, dev, link }]) => {
    if (!path.includes("node_modules/") || link) return [];
    if (license === undefined) return [`${path}: has no licence; ask its authors, or take another package`];
    const allowed = dev ? tools : delivered;
    if (isAllowed(license, allowed)) return [];
    const where = dev ? "the tools" : "what is delivered";
    return [`${path}: its licence ${license} is not among those of ${where} (test/check-licences.ts)`];
  });
}

/** An SPDX expression: each part of an AND has to fit, one part of an OR. */
function isAllowed(expression: string, allowed: ReadonlySet<string>): boolean {
  const text = expression.trim().replace(/^\((.*)\)$/, "$1");
  const either = text.split(/\s+OR\s+/);
  if (either.length > 1) return either.some((part) => isAllowed(part, allowed));
  const all = text.split(/\s+AND\s+/);
  if (all.length > 1) return all.every((part) => isAllowed(part, allowed));
  return allowed.has(text);
}

/** Checks the lock file of the repository. */
export function findLicenceFaults(root: string): readonly string[] {
  return licenceFaults(JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")));
}
