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
  expect(completed(out, "meshctl", "nacos", "")).toEqual(["dump"]);
  expect(completed(out, "meshctl", "held", "")).toEqual(["release"]);
  expect(completed(out, "meshctl", "completion", "")).toEqual(["bash", "zsh", "fish"]);
});

test("bash completes the options of the command", async () => {
  const { out } = await run("completion", "bash");
  expect(completed(out, "meshctl", "convert", "--d")).toEqual(["--diff"]);
  expect(completed(out, "meshctl", "trace", "--h")).toEqual(["--host", "--help"]);
  expect(completed(out, "meshctl", "no-command", "--")).toEqual([]);
});

test("zsh and fish get every option with its help, and whether it takes a value", async () => {
  const zsh = (await run("completion", "zsh")).out;
  expect(zsh).toContain("'--diff:Print what would change, compared with what a running aggregator has'");
  const fish = (await run("completion", "fish")).out;
  expect(fish).toMatch(
    /^complete -c meshctl -n '__fish_seen_subcommand_from convert' -l source -r -d 'Where /m,
  );
  expect(fish).toMatch(/^complete -c meshctl -n '__fish_seen_subcommand_from convert' -l diff -d 'Print /m);
});

for (const shell of ["zsh", "fish"]) {
  const isThere = spawnSync(shell, ["-c", "exit"]).error === undefined;
  test.skipIf(!isThere)(`${shell} takes its script`, async () => {
    const { out } = await run("completion", shell);
    const { status, stderr } = spawnSync(shell, ["-n"], { input: out, encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });
}

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
