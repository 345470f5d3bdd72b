import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { validate } from "./validate.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshctl-validate-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the command; a text among the arguments that has a line break, or JSON, is written to a file first. */
async function run(...args: string[]): Promise<{ code: number; out: string[]; err: string }> {
  let out = "";
  let err = "";
  const files = args.map(async (content, index) => {
    if (!/^[[{]|\n/.test(content)) return content;
    const file = join(folder, `${index}.yaml`);
    await writeFile(file, content);
    return file;
  });
  const code = await validate(await Promise.all(files), {
    stdout: (text) => out += text,
    stderr: (text) => err += text,
  });
  return { code, out: out.replaceAll(`${folder}/`, "").trimEnd().split("\n"), err };
}

const good = `
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: good, namespace: shop, uid: x}
spec:
  hosts: [orders.shop]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 10.0.0.1}]
`;
const bad = good.replace("good", "bad").replace("protocol: HTTP", "protocol: DUBBO");

describe("meshctl validate", () => {
  test("answers 0 and counts when all is well", async () => {
    expect(await run(good)).toEqual({ code: 0, out: ["1 manifest checked: 0 errors, 0 warnings"], err: "" });
  });

  test("names file, resource, path and rule of each error, in any document of any file", async () => {
    const { code, out } = await run(good, `${good}---\n${bad}---\n`);
    expect(code).toBe(1);
    expect(out).toHaveLength(2);
    expect(out[0]).toMatch(
      /^1\.yaml: ServiceEntry shop\/bad: spec\.ports\[0\]\.protocol: protocol "DUBBO": .* \[rule S4\]$/,
    );
    expect(out[1]).toBe("3 manifests checked: 1 error, 0 warnings");
  });

  test("unfolds Lists and JSON arrays", async () => {
    const entry = { apiVersion: "networking.istio.io/v1", kind: "ServiceEntry", metadata: { name: "a" } };
    const list = { apiVersion: "v1", kind: "List", items: [{ ...entry, spec: { hosts: ["*"] } }] };
    const { code, out } = await run(JSON.stringify([list, { ...entry, spec: { hosts: ["a.b"] } }]));
    expect(code).toBe(1);
    expect(out[0]).toMatch(/^0\.yaml: ServiceEntry default\/a: spec\.hosts\[0\]: .* \[rule S1\]$/);
    expect(out[1]).toMatch(/^2 manifests checked: 1 error/);
  });

  test("prints warnings and still answers 0", async () => {
    const { code, out } = await run(good.replace("orders.shop", "'*orders.shop'"));
    expect(code).toBe(0);
    expect(out[0]).toMatch(/: warning: spec\.hosts\[0\]: .* \[rule S1\]$/);
  });

  test("skips other kinds and says so", async () => {
    const { code, out } = await run(
      `apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\n---\n${good}`,
    );
    expect(code).toBe(0);
    expect(out).toEqual([
      "0.yaml: Service b/a: skipped: v1 has no rules here",
      "1 manifest checked: 0 errors, 0 warnings, 1 skipped",
    ]);
  });

  test("tells the path where the shape is wrong", async () => {
    const { code, out } = await run(good.replace("number: 80", "number: eighty"), "[1, {}]");
    expect(code).toBe(1);
    expect(out[0]).toMatch(/^0\.yaml: ServiceEntry shop\/good: spec\.ports\[0\]\.number: .* \[shape\]$/);
    expect(out[1]).toMatch(/^1\.yaml: resource number 1: .* \[shape\]$/);
    expect(out[2]).toMatch(/^1\.yaml: resource number 2: kind: .* \[shape\]$/);
  });

  test("warns about fields that it didn't check", async () => {
    const { code, out } = await run(`${good}  exportto: ['.']\n`);
    expect(code).toBe(0);
    expect(out[0]).toMatch(/: warning: spec\.exportto: .* not checked \[shape\]$/);
  });

  test("reports broken YAML with its place and goes on with the next file", async () => {
    const { code, out } = await run("a: [1\nb: 2\n", good);
    expect(code).toBe(1);
    expect(out[0]).toMatch(/^0\.yaml: .*line 2/);
    expect(out.at(-1)).toMatch(/^1 manifest checked: [1-9]/);
  });

  test("an empty file is an error: something else was meant", async () => {
    for (const empty of ["\n", "# nothing\n", "---\n---\n", "[]\n"]) {
      const { code, err } = await run(empty, good);
      expect({ code, err }).toEqual({
        code: 1,
        err: expect.stringContaining("0.yaml: there is no manifest in it"),
      });
    }
  });

  test("answers 2 for a file that can't be read, an unknown option, or nothing to do", async () => {
    expect(await run("/no/such/file")).toMatchObject({
      code: 2,
      err: expect.stringContaining("/no/such/file"),
    });
    expect(await run("--strict")).toMatchObject({ code: 2, err: expect.stringContaining("--strict") });
    expect(await run()).toMatchObject({ code: 2, err: expect.stringContaining("Usage:") });
    expect(await run("--help")).toMatchObject({
      code: 0,
      out: expect.arrayContaining([expect.stringContaining("Usage:")]),
    });
  });
});
