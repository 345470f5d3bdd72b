import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../meshctl-rig.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshctl-convert-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Converts the input (a text, or a value as JSON), with a source's options if there are some. */
async function convert(input: unknown, source?: object) {
  const file = join(folder, "tree.json");
  await writeFile(file, typeof input === "string" ? input : JSON.stringify(input));
  const args = ["--source", "zookeeper", "--input", file, "-o", "json"];
  if (source !== undefined) {
    const configFile = join(folder, "config.yaml");
    const zookeeperSource = { enabled: true, address: ["localhost:2181"], ...source };
    await writeFile(configFile, JSON.stringify({ zookeeperSource }));
    args.push("--config", configFile);
  }
  const { code, out, err } = await run("convert", ...args);
  return { code, out, err: err.replaceAll(`${folder}/`, "") };
}

function names(json: string): string[] {
  const manifests: { kind: string; metadata: { name: string } }[] = JSON.parse(json);
  return manifests.map(({ kind, metadata: { name } }) => `${kind} ${name}`);
}

const provider = encodeURIComponent(
  "dubbo://10.0.0.1:20880/com.acme.OrderService?application=orders&side=provider",
);
const consumer = encodeURIComponent(
  "consumer://10.0.0.9/com.acme.OrderService?application=web&side=consumer",
);
const parent = "/dubbo/com.acme.OrderService";
const flat = [
  { path: "/dubbo", data: null },
  { path: `${parent}/providers`, data: "10.0.0.1" },
  { path: `${parent}/providers/${provider}`, data: "10.0.0.1" },
  { path: `${parent}/consumers/${consumer}` },
  { path: "/dubbo/mapping/com.acme.OrderService", data: "orders" },
];
const nested = `
# slime's form
fullPath: "/"
children:
  dubbo:
    fullPath: "/dubbo"
    children:
      com.acme.OrderService:
        fullPath: "${parent}"
        children:
          providers:
            fullPath: "${parent}/providers"
            children:
              ${provider}:
                fullPath: "/dubbo/elsewhere/providers/${provider}"
          consumers:
            children:
              ${consumer}: {}
`;
const expected = [
  "ServiceEntry com.acme.order-service",
  "Sidecar orders.dubbo.generated",
  "Sidecar web.dubbo.generated",
];

describe("meshctl convert --source zookeeper", () => {
  test.each([
    ["a flat dump", flat],
    ["slime's nested form", nested],
  ])("takes %s", async (_, input) => {
    const { code, out } = await convert(input);
    expect({ code, names: names(out) }).toEqual({ code: 0, names: expected });
    const [entry, _own, web] = JSON.parse(out);
    expect(entry.metadata.annotations).toEqual({
      "dubbo.meshregistry.io/interface": "com.acme.OrderService",
    });
    expect(web.spec.egress).toEqual([{ hosts: ["*/com.acme.order-service"] }]);
  });

  test("heeds the configuration", async () => {
    const { out } = await convert(flat, { consumerPath: "-", registryRootNode: "/dubbo" });
    expect(names(out)).toEqual(expected.slice(0, 2));
    expect(names((await convert(flat, { registryRootNode: "/other" })).out)).toEqual([]);
    expect(names((await convert(flat, { enableDubboSidecar: false })).out)).toEqual(expected.slice(0, 1));
  });

  test("reads rules only if so wished", async () => {
    const rule = encodeURIComponent("override://0.0.0.0/com.acme.OrderService?disabled=true");
    const input = [...flat, { path: `${parent}/configurators/${rule}`, data: null }];
    const sidecars = { enableDubboSidecar: false };
    expect(names((await convert(input, sidecars)).out)).toHaveLength(1);
    expect(names((await convert(input, { ...sidecars, enableConfiguratorMeta: true })).out)).toHaveLength(0);
  });

  test("says which records are left out, where and why", async () => {
    const { code, out, err } = await convert([
      ...flat,
      { path: `${parent}/providers/dubbo%3A%2F%2F10.0.0.2%3A0%2Fx` },
      { path: 7 },
      7,
      { path: "/dubbo/x", data: {} },
    ], {});
    expect({ code, names: names(out) }).toEqual({ code: 0, names: expected });
    expect(err.split("\n").filter((line) => line.endsWith("left out"))).toEqual([
      "warning: tree.json: [6]: has no path that begins with a slash; it is left out",
      "warning: tree.json: [7]: has no path that begins with a slash; it is left out",
      "warning: tree.json: /dubbo/x: has data that are no text; it is left out",
      expect.stringContaining("has no usable port (0); it is left out"),
    ]);
  });

  test.each([
    ["nothing", " ", /the dump is empty/],
    ["no JSON", '[{"path":', /neither JSON nor YAML/],
    ["no YAML", "a: b: c", /neither JSON nor YAML/],
    ["something else", '{"applications":{}}', /no dump of a ZooKeeper tree/],
    ["a text", "hello", /no dump of a ZooKeeper tree/],
    ["nodes that are none", [7], /no record is usable/],
  ])("%s is answered with 1, and the reason", async (_, input, message) => {
    const { code, err } = await convert(input);
    expect(code).toBe(1);
    expect(err).toMatch(message);
  });

  test("an empty registry is no mistake", async () => {
    expect(await convert([])).toMatchObject({
      code: 0,
      out: "[]\n",
      err: expect.stringContaining("nothing of it becomes an entry"),
    });
  });
});
