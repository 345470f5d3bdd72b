import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** How far back the old version is at most where no release is tagged. */
const commits = 20;

/**
 * What every version has that can share a source with another one. Older collectors don't know of replicas: they are
 * stopped before an update (docs/upgrading.md), so there is nothing to try with them.
 */
const sharesSources = "shared/collector/membership.ts";

/** What git answers, or `undefined` if it fails: no git, no such revision, no such file. */
function git(...args: readonly string[]): string | undefined {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
      .trim();
  } catch {
    return undefined;
  }
}

/**
 * The commit that stands for the version before this one: `OLD_VERSION` (a revision), else the newest tag before this
 * commit, else the oldest of the last twenty commits that can share a source with this one. That may be this commit
 * itself: then only the rolling of processes is tried. Undefined, with a word on standard error, where there is no git.
 * @throws Error if `OLD_VERSION` is no revision of this repository.
 */
export function oldVersion(): string | undefined {
  const commitOf = (revision: string) => git("rev-parse", "--verify", "--quiet", `${revision}^{commit}`);
  const wanted = process.env["OLD_VERSION"];
  if (wanted !== undefined) {
    const commit = commitOf(wanted);
    if (commit === undefined) throw new Error(`OLD_VERSION: there is no revision "${wanted}" here`);
    return commit;
  }
  const tag = git("describe", "--tags", "--abbrev=0", "HEAD~1");
  const recent = git("rev-list", "--first-parent", `--max-count=${commits + 1}`, "HEAD")?.split("\n") ?? [];
  const candidates = [...(tag === undefined ? [] : [commitOf(tag) ?? tag]), ...recent.reverse()];
  const commit = candidates.find((candidate) =>
    git("cat-file", "-e", `${candidate}:${sharesSources}`) !== undefined
  );
  if (commit === undefined) process.stderr.write("skipping tests of upgrades: git has no commits here\n");
  return commit;
}

/** A checkout of an older commit, which runs with the packages of this one. */
export class OldCode implements Disposable {
  readonly folder: string;

  constructor(commit: string) {
    this.folder = mkdtempSync(join(tmpdir(), "meshregistry-old-"));
    const archive = join(this.folder, "code.tar");
    const parts = ["services", "shared", "protos", "package.json"];
    execFileSync("git", ["archive", "--output", archive, commit, ...parts], { cwd: root });
    execFileSync("tar", ["-xf", archive, "-C", this.folder]);
    rmSync(archive);
    symlinkSync(join(root, "node_modules"), join(this.folder, "node_modules"));
    mkdirSync(join(this.folder, "test"));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * The last commit whose collectors run alone, as its manifests have it. Undefined, with a word on standard error, where git
 * doesn't have it: in a shallow clone, or without git.
 */
export function versionBeforeReplicas(): string | undefined {
  const first = git("log", "--diff-filter=A", "--format=%H", "--", sharesSources)?.split("\n").at(-1);
  const commit = first === undefined || first === ""
    ? undefined
    : git("rev-parse", "--verify", "--quiet", `${first}~1^{commit}`);
  if (commit === undefined) {
    process.stderr.write(
      "skipping the upgrade from collectors that run alone: git has no such commit here\n",
    );
  }
  return commit;
}
