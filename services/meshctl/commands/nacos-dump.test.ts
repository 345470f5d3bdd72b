import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SimulatedNacos } from "../../../shared/simulators/nacos/server.ts";
import { run } from "../meshctl-rig.ts";

const folder = mkdtempSync(join(tmpdir(), "meshctl-nacos-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Converts a text as a file. */
async function convert(text: string, ...more: readonly string[]) {
  const file = join(folder, "input.json");
  writeFileSync(file, text);
  return await run("convert", "--source", "nacos", "--input", file, ...more);
}

describe("a live Nacos", () => {
  let server: SimulatedNacos;
  let address: string;

  beforeAll(async () => {
    server = new SimulatedNacos({ pushDelayMs: 10 });
    server.registry.addNamespace("dev");
    server.registry.register({ name: "orders" }, { ip: "10.0.0.1", port: 8080, weight: 2 });
    server.registry.register({ name: "users", group: "g", namespace: "dev" }, { ip: "10.0.0.2", port: 8080 });
    address = `http://${await server.listen()}`;
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("is dumped, one service per line, over all namespaces, and the dump is converted", async () => {
    const dump = await run("nacos", "dump", "--address", address.replace("http://", ""));
    expect(dump).toMatchObject({ code: 0, err: "" });
    expect(dump.out.trim().split("\n")).toHaveLength(4);
    expect(JSON.parse(dump.out)).toMatchObject([
      { namespace: "dev", groupName: "g", name: "users", hosts: [{ ip: "10.0.0.2" }] },
      {
        namespace: "public",
        groupName: "DEFAULT_GROUP",
        name: "orders",
        hosts: [{ ip: "10.0.0.1", weight: 2 }],
      },
    ]);
    const fromDump = await convert(dump.out);
    expect(fromDump).toMatchObject({ code: 0, err: "" });
    expect(fromDump.out).toContain("address: 10.0.0.1");
    expect(fromDump.out).toContain("users.nacos.svc.cluster.local");
    const live = await run("convert", "--source", "nacos", "--address", address);
    expect(live.out).toBe(fromDump.out);
  });

  test("that isn't there fails with its address", async () => {
    const stop = new AbortController();
    const failing = run("nacos", "dmp");
    expect((await failing).err).toContain("meshctl nacos takes one word: dump");
    stop.abort();
  });
});

const host = { ip: "10.0.0.1", port: 8080, healthy: true };

test.each([
  ["an answer of 1.x and 2.x", { name: "DEFAULT_GROUP@@orders", hosts: [host] }],
  ["an answer of v2", {
    code: 0,
    message: "success",
    data: { name: "g@@orders", groupName: "g", hosts: [host] },
  }],
  ["what slime's client has", [{ dom: "orders", hosts: [host] }]],
  [
    "the catalogue of 2.x with instances",
    [{
      serviceName: "orders",
      groupName: "g",
      clusterMap: { DEFAULT: { hosts: [{ ...host, valid: true }] } },
    }],
  ],
  [
    "the admin list of 3.x with instances",
    {
      code: 0,
      data: {
        totalCount: 1,
        pageItems: [{ serviceName: "orders", groupName: "g", clusterMap: { c: { hosts: [host] } } }],
      },
    },
  ],
])("%s is converted", async (_name, input) => {
  const { code, out } = await convert(JSON.stringify(input));
  expect(out).toContain("orders.nacos.svc.cluster.local");
  expect(out).toContain("address: 10.0.0.1");
  expect(code).toBe(0);
});

test("a Nacos without a service is no mistake", async () => {
  expect(await convert("[]", "-o", "json")).toMatchObject({
    code: 0,
    out: "[]\n",
    err: expect.stringContaining("nothing of it becomes an entry"),
  });
});

test("items that are no services are named, and their neighbours are converted", async () => {
  const { code, out, err } = await convert(
    JSON.stringify([1, { name: "a" }, { name: "orders", hosts: [host] }]),
  );
  expect(err).toContain("item 0: is no object");
  expect(err).toContain('item 1: service "a" comes without a list of instances');
  expect(out).toContain("orders.nacos");
  expect(code).toBe(0);
});

test.each([
  ["{", /no JSON/],
  ["3", /expected an object or an array/],
  ['{"code":10001,"message":"access denied","data":null}', /Nacos answered access denied/],
  ['[{"count":1,"doms":["orders"]}]', /no answer of Nacos with instances/],
])("%s is refused", async (text, message) => {
  const { code, err } = await convert(text);
  expect(err).toMatch(message);
  expect(code).toBe(1);
});
