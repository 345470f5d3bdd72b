import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { buildText, checkedOut } from "./version.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";

/** A `.git` with these files. */
function gitWith(files: Readonly<Record<string, string>>): URL {
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-git-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "refs/heads"), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return pathToFileURL(`${folder}/`);
}

test.each([
  ["a detached HEAD", { HEAD: `${commit}\n` }],
  ["a branch", { "HEAD": "ref: refs/heads/main\n", "refs/heads/main": `${commit}\n` }],
  ["a packed branch", {
    "HEAD": "ref: refs/heads/main\n",
    "packed-refs": `# pack\n${commit} refs/heads/main\n`,
  }],
])("checkedOut(): %s", (_name, files) => {
  expect(checkedOut(gitWith(files))).toBe(commit);
});

test.each([
  ["nothing", {}],
  ["a branch without a commit", { HEAD: "ref: refs/heads/main\n" }],
  ["no commit", { HEAD: "gitdir: elsewhere\n" }],
])("checkedOut() is undefined: %s", (_name, files) => {
  expect(checkedOut(gitWith(files))).toBeUndefined();
});

test("buildText() leaves an unknown commit out", () => {
  expect(buildText({ version: "1.0.0", commit, runtime: "Node 24.1.0" })).toBe(
    "1.0.0 (commit 0123456789ab, Node 24.1.0)",
  );
  expect(buildText({ version: "1.0.0", commit: undefined, runtime: "Deno 2.9.5" })).toBe(
    "1.0.0 (Deno 2.9.5)",
  );
});
