import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { run } from "../meshctl-rig.ts";

/** What bash offers after these words. */
function completed(script: string, ...words: readonly string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const ask = `COMP_WORDS=(${quoted}); COMP_CWORD=${
    words.length - 1
  }; _meshctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["--norc", "-c", `${script}\n${ask}`], { encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((word) => word !== "");
}

test("bash completes commands, and what get lists", async () => {
  const { code, out } = await run("completion", "bash");
  expect(code).toBe(0);
  expect(completed(out, "meshctl", "tr")).toEqual(["trace"]);
  expect(completed(out, "meshctl", "con")).toEqual(["conflicts", "convert", "config-sources"]);
  expect(completed(out, "meshctl", "")).toContain("completion");
  expect(completed(out, "meshctl", "get", "s")).toEqual(["services"]);
});

test("zsh and fish get every command with its summary as one word", async () => {
  for (const shell of ["zsh", "fish"]) {
    const { out } = await run("completion", shell);
    expect(out, shell).toContain("Say why an instance or a service is or isn'\\''t in the mesh");
  }
});

test("another shell is a mistake of the command line", async () => {
  expect(await run("completion", "tcsh")).toMatchObject({
    code: 2,
    err: expect.stringContaining("bash, zsh or fish"),
  });
  expect(await run("completion")).toMatchObject({ code: 2 });
});
