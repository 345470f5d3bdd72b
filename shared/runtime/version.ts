import { readFileSync } from "node:fs";
import { z } from "zod";

/** Which program this is. */
export interface ProgramBuild {
  /** As its package says it. */
  readonly version: string;
  /** The commit that it was built from, or that is checked out; undefined where neither is known. */
  readonly commit: string | undefined;
  /** What runs it, such as `Node 24.21.0`. */
  readonly runtime: string;
}

/** The version of the program, as its package says it. */
export function programVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

/** Version, commit and runtime. Images have the commit in `MESHREGISTRY_COMMIT`; a clone has it in `.git`. */
export function programBuild(): ProgramBuild {
  const { deno, node } = process.versions;
  return {
    version: programVersion(),
    commit: given(process.env["MESHREGISTRY_COMMIT"]) ?? checkedOut(new URL("../../.git/", import.meta.url)),
    runtime: deno === undefined ? `Node ${node}` : `Deno ${deno}`,
  };
}

/** For people: `0.1.0 (commit 1a2b3c4d5e6f, Node 24.21.0)`. */
export function buildText({ version, commit, runtime }: ProgramBuild): string {
  return `${version} (${commit === undefined ? "" : `commit ${commit.slice(0, 12)}, `}${runtime})`;
}

/** The commit of a clone whose `.git` is a folder; undefined if there is none, or it is another kind of checkout. */
export function checkedOut(git: URL): string | undefined {
  try {
    const head = readFileSync(new URL("HEAD", git), "utf8").trim();
    const branch = /^ref: (refs\/\S+)$/.exec(head)?.[1];
    if (branch === undefined) return commitIn(head);
    return commitIn(referenceIn(git, branch));
  } catch {
    return undefined;
  }
}

/** The value of a reference: in a file of its own, or among the packed ones. */
function referenceIn(git: URL, name: string): string {
  try {
    return readFileSync(new URL(name, git), "utf8").trim();
  } catch {
    const packed = readFileSync(new URL("packed-refs", git), "utf8");
    return packed.split("\n").find((line) => line.endsWith(` ${name}`))?.split(" ")[0] ?? "";
  }
}

function commitIn(text: string): string | undefined {
  return /^[0-9a-f]{40}$/.exec(text)?.[0];
}

function given(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
