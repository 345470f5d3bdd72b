import { describe, expect, test } from "vitest";
import { startServer, up } from "../../services/eureka-collector/eureka-rig.ts";
import { soon } from "../../services/zk-collector/collector-rig.ts";
import { Converted } from "../../shared/api/convert.ts";
import { appsAt, startMesh } from "./dry-run-rig.ts";

describe("POST /api/v1/convert", () => {
  test("a registry's answer is converted by its collector and compared with what is served", async () => {
    const { convert, answer, rig } = await startMesh();
    const now = await answer();
    expect(await convert({ answer: now })).toMatchObject({
      counts: { same: 2, gone: 0 },
      entries: [],
      notes: [],
    });
    const before = await rig.lastSequence();
    const other = await startServer();
    for (const [service, id] of [["A", "1"], ["A", "9"], ["C", "3"]] as const) {
      other.server.registry.register(service, up(id));
    }
    expect(await convert({ answer: JSON.stringify(await appsAt(other.url)) })).toMatchObject({
      counts: { new: 1, changed: 1, same: 0, gone: 1, rejected: 0 },
    });
    expect(await rig.lastSequence()).toBe(before);
    expect((await rig.manifests()).size).toBe(2);
  });

  test("another configuration in the collector's place", async () => {
    const { convert, answer, post } = await startMesh();
    const eurekaSource = {
      enabled: true,
      address: ["http://127.0.0.1:1/eureka"],
      nsHost: false,
      svcPort: 7777,
    };
    const configuration = `eurekaSource: ${JSON.stringify(eurekaSource)}`;
    const now = await answer();
    const { counts, entries } = await convert({ answer: now, configuration });
    expect(counts).toMatchObject({ changed: 2, gone: 0 });
    expect(JSON.stringify(entries)).toContain("7777");
    const wrong = { eurekaSource: { ...eurekaSource, svcPort: "x" } };
    expect(await post({ source: "eureka", answer: now, configuration: wrong })).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining("svcPort") },
    });
    expect(await post({ source: "eureka", answer: now, configuration: {} })).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining("doesn't enable eurekaSource") },
    });
  });

  test("a configuration alone, for operators: the registry is read anew, where the collector reads it", async () => {
    const { post } = await startMesh({
      http: { address: "127.0.0.1:0", token: "r", operatorToken: "o" },
    });
    const as = (token: string) => ({ authorization: `Bearer ${token}` });
    const eurekaSource = { address: ["http://127.0.0.1:1/eureka"], nsHost: false, svcPort: 7777 };
    const question = { source: "eureka", configuration: { eurekaSource } };
    expect(await post(question, as("r"))).toMatchObject({ status: 401 });
    expect(await post({ source: "eureka" }, as("o"))).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining("give a registry's answer, a configuration or both") },
    });
    const { status, body } = await post(question, as("o"));
    expect(status).toBe(200);
    const { counts, entries } = Converted.parse(body);
    expect(counts).toMatchObject({ new: 0, changed: 2, gone: 0 });
    expect(JSON.stringify(entries)).toContain("7777");
  });

  test("records that can't be used are named, whatever their names hold", async () => {
    const { convert } = await startMesh();
    const name = "<img src=x onerror=alert(1)>";
    const answer = [{ name, instance: [{ instanceId: name, ipAddr: name, status: "UP", port: { $: 1 } }] }];
    const { invalidRecords } = await convert({ answer });
    expect(JSON.stringify(invalidRecords)).toContain(name);
  });

  test("bad bodies get an answer that says where", async () => {
    const { post } = await startMesh();
    const refused = async (body: unknown) => {
      const { status, body: { error } } = await post(body);
      return `${status} ${error}`;
    };
    expect(await refused('{"source": "eureka",\n "answer": }')).toMatch(
      /^400 the body is no JSON: .*"answer": }/,
    );
    expect(await refused('{"source": "eureka",\n "answer": [')).toMatch(/^400 .* \(line 2 column 13\)$/);
    expect(await refused({ source: "eureka", configuration: "" })).toMatch(/^403 this API only reads/);
    for (const question of [{ source: "eureka" }, { source: "eureka", anser: "[]" }, []]) {
      expect(await refused(question)).toMatch(/^400 /);
    }
    expect(await refused({ source: "eureka", answer: 5 })).toBe(
      "400 answer: expected text, or an object or a list",
    );
    expect(await refused("null")).toMatch(/^400 body: .*expected object/);
    expect(await refused({ source: "eureka", answer: "[]", sauce: 1 })).toMatch(/^400 body: .*sauce/);
    expect(await refused({ source: "nacos", answer: "[]" })).toMatch(/^404 there is no source nacos/);
    expect(await refused({ source: "eureka", answer: '{"applications":\n{"application": [' })).toMatch(
      /^400 .*line 2 column 18/,
    );
    expect(await refused({ source: "eureka", answer: "x".repeat(5_000_000) })).toMatch(/^413 .*4 MiB/);
    const deep = `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`;
    for (
      const body of [
        `{"source":"eureka","answer":${deep}}`,
        JSON.stringify({ source: "eureka", answer: deep }),
      ]
    ) {
      const { status, body: answered } = await post(body);
      expect(status).toBeLessThan(500);
      expect(JSON.stringify(answered).length).toBeLessThan(10_000);
    }
  });

  test("without a collector it says so, and the token is asked for", async () => {
    const { rig, post, answer } = await startMesh({ http: { address: "127.0.0.1:0", token: "secret" } });
    const body = { source: "eureka", answer: await answer() };
    const token = { authorization: "Bearer secret" };
    await rig.stop();
    await expect.poll(async () => (await post(body, token)).status, soon).toBe(503);
    expect((await post(body)).status).toBe(401);
  });
});
