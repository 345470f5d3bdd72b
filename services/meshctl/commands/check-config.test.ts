import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkConfig } from "./check-config.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "check-config-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function run(...args: string[]) {
  let stdout = "";
  let stderr = "";
  const code = await checkConfig(args, {
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
  });
  return { code, stdout, stderr };
}

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe("checkConfig", () => {
  it("says what a file is", async () => {
    const path = await file("ok.yaml", "eurekaSource: {enabled: true, address: [http://a]}");
    const text = `${path}: ok\n  shape    our own file\n  profile  istio\n  sources  eureka\n`;
    expect(await run(path)).toEqual({ code: 0, stdout: text, stderr: "" });
  });

  it("tells the sources of one registry apart", async () => {
    const path = await file(
      "named.yaml",
      "{eurekaSource: {address: [http://a]}, eurekaSources: {north: {address: [http://b]}}}",
    );
    expect((await run(path)).stdout).toContain("  sources  eureka, eureka/north\n");
  });

  it("goes on after a bad file and ends with 2", async () => {
    const bad = await file("bad.yaml", "eurekasource: {}\nzookeeperSource: {address: [a]}");
    const ok = await file(
      "slime.yaml",
      "kind: meshregistry\ngeneral: {LEGACY: {RevCrds: a, EurekaSource: {Enabled: true, Address: [http://a]}}}",
    );
    const { code, stdout, stderr } = await run(bad, join(folder, "none.yaml"), ok);
    expect(code).toBe(2);
    expect(stdout).toContain(
      `${bad}: can't be used, 1 error\n  error    ${bad}:1:1: eurekasource: unknown key`,
    );
    expect(stdout).toContain(
      `${ok}: ok\n  shape    slime module file\n  profile  slime\n  sources  eureka\n`,
    );
    expect(stdout).toContain("  warning  ");
    expect(stderr).toContain("there is no such file");
  });

  it("refuses what a service would refuse at its start", async () => {
    const empty = await file("empty.yaml", "");
    const binary = await file("binary.yaml", "\u0000\u0001\u0002");
    const { code, stdout, stderr } = await run(empty, binary);
    expect(code).toBe(2);
    expect(stdout).toContain(`${empty}: can't be used, 1 error\n  error    no registry is enabled`);
    expect(stderr).toBe(`configuration ${binary} can't be read: it isn't text (UTF-8); name a text file\n`);
  });

  it("explains itself", async () => {
    expect(await run("--help")).toMatchObject({ code: 0, stderr: "" });
    expect((await run()).code).toBe(2);
    expect((await run("-x")).stderr).toContain("unknown option -x; check-config has no options");
  });
});
