import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** How far back the old version is where no release is tagged. */
const commits = 20;

function git(...args: readonly string[]): string {
  return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

/**
 * The commit that stands for the version before this one: `OLD_VERSION` (a revision), else the newest tag before this
 * commit, else the one twenty commits back. Undefined, with a word on standard error, where git or its history is missing.
 */
export function oldVersion(): string | undefined {
  const wanted = process.env["OLD_VERSION"];
  const candidates = [
    () => wanted === undefined ? git("describe", "--tags", "--abbrev=0", "HEAD~1") : wanted,
    () => `HEAD~${commits}`,
  ];
  for (const candidate of wanted === undefined ? candidates : candidates.slice(0, 1)) {
    try {
      return git("rev-parse", "--verify", `${candidate()}^{commit}`);
    } catch {
      // The next one.
    }
  }
  const reason = "no older commit is here (a shallow clone, or no git)";
  if (process.env["REQUIRE_REAL"] === "1" && wanted !== undefined) throw new Error(`OLD_VERSION: ${reason}`);
  process.stderr.write(`skipping tests of upgrades: ${reason}\n`);
  return undefined;
}

/** A checkout of an older commit, which runs with the packages of this one. */
export class OldCode implements Disposable {
  readonly folder: string;

  constructor(commit: string) {
    this.folder = mkdtempSync(join(tmpdir(), "meshregistry-old-"));
    const archive = join(this.folder, "code.tar");
    git("archive", "--output", archive, commit, "services", "shared", "protos", "package.json");
    execFileSync("tar", ["-xf", archive, "-C", this.folder]);
    rmSync(archive);
    symlinkSync(join(root, "node_modules"), join(this.folder, "node_modules"));
    mkdirSync(join(this.folder, "test"));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
