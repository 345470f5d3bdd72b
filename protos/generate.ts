/**
 * Generates `protos/gen` from the .proto files.
 *
 *     npm run generate                      writes
 *     node protos/generate.ts --check       exits 1 if the committed code differs from the .proto files
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = import.meta.dirname;
const bin = join(here, "..", "node_modules", ".bin");

function generate(out: string): void {
  const path = `${bin}:${process.env["PATH"] ?? ""}`;
  const args = ["generate", "--output", out];
  const result = spawnSync(join(bin, "buf"), args, {
    cwd: here,
    stdio: "inherit",
    env: { ...process.env, PATH: path },
  });
  if (result.status !== 0) process.exit(1);
}

function filesBelow(folder: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path.slice(folder.length), readFileSync(path, "utf8"));
  }
  return files;
}

function check(): void {
  const scratch = mkdtempSync(join(tmpdir(), "meshregistry-protos-"));
  try {
    generate(scratch);
    const fresh = filesBelow(join(scratch, "gen"));
    const committed = filesBelow(join(here, "gen"));
    const differing = [...new Set([...fresh.keys(), ...committed.keys()])]
      .filter((file) => fresh.get(file) !== committed.get(file));
    if (differing.length > 0) {
      console.error(
        `protos/gen differs from the .proto files, run "npm run generate": ${differing.join(", ")}`,
      );
      process.exitCode = 1;
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (process.argv.includes("--check")) check();
else generate(".");
