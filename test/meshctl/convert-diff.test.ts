import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { Comparison } from "../../shared/api/compare.ts";
import { recordOf, startApi } from "../../services/aggregator/api/api-rig.ts";
import { run } from "../../services/meshctl/meshctl-rig.ts";

const instance = (address: string) => ({
  instanceId: `${address}:8080`,
  ipAddr: address,
  status: "UP",
  port: { $: 8080, "@enabled": "true" },
});

/** Files in a folder that goes with the test. */
function files() {
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-diff-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return (name: string, content: unknown) => {
    writeFileSync(join(folder, name), JSON.stringify(content));
    return join(folder, name);
  };
}

describe("a dry run with a comparison", () => {
  test("says what would be new, changed and gone, and publishes nothing", async () => {
    const write = files();
    const config = write("config.yaml", {
      eurekaSource: { enabled: true, address: ["http://127.0.0.1:1/eureka"] },
    });
    const orders = { name: "ORDERS", instance: [instance("10.0.0.1")] };
    const input = write("before.json", [orders]);
    const printed = await run(
      "convert",
      "--source",
      "eureka",
      "--input",
      input,
      "--config",
      config,
      "-o",
      "json",
    );
    const [manifest]: { metadata: { namespace: string; name: string } }[] = JSON.parse(printed.out);
    const { namespace = "", name = "" } = manifest?.metadata ?? {};
    const stale = recordOf("stale");
    const record = {
      subject: recordOf(name, { namespace }).subject,
      data: Buffer.from(JSON.stringify(manifest)),
    };
    const { url, aggregator } = await startApi([record, stale]);
    const diff = async (applications: unknown) => {
      const args = ["--source", "eureka", "--input", write("now.json", applications), "--config", config];
      return await run("convert", ...args, "--diff", "--api", url);
    };
    const same = await diff([orders]);
    expect([same.out, same.code]).toEqual(["gone ServiceEntry shop/stale\n", 3]);
    const changed = await diff([
      { ...orders, instance: [instance("10.0.0.1"), instance("10.0.0.2")] },
      { name: "CART", instance: [instance("10.0.0.3")] },
    ]);
    expect(changed.out).toContain(
      `changed ServiceEntry ${namespace}/${name}\n  + spec.endpoints[10.0.0.2:8080]`,
    );
    expect(changed.out).toContain("new ServiceEntry ");
    expect(changed.err).toContain("1 new, 1 changed, 0 same, 1 gone, 0 rejected");
    expect(aggregator.cache.count("ServiceEntry").resources).toBe(2);
  });

  test("virtual addresses are no difference", async () => {
    const spec = { ports: [{ number: 3306, protocol: "TCP", name: "tcp" }] };
    const record = recordOf("db", { spec });
    const { url, aggregator } = await startApi([record], { virtualAddresses: { mode: "auto" } });
    await expect.poll(() => aggregator.cache.get("ServiceEntry", "shop/db")).toBeDefined();
    const manifests = [JSON.parse(Buffer.from(record.data ?? []).toString())];
    const body = JSON.stringify({ source: "eureka", manifests });
    const response = await fetch(`${url}/api/v1/compare`, { method: "POST", body });
    expect(Comparison.parse(await response.json())).toMatchObject({ counts: { same: 1 }, entries: [] });
  });

  test("bad bodies get an answer that says where", async () => {
    const { url } = await startApi([]);
    const post = async (body: string) => {
      const response = await fetch(`${url}/api/v1/compare`, { method: "POST", body });
      return [response.status, await response.text()];
    };
    expect(await post("{")).toEqual([400, expect.stringContaining("error")]);
    expect(await post('{"source":"nobody","manifests":[]}')).toEqual([
      404,
      expect.stringContaining("no source nobody"),
    ]);
    expect(await post('{"source":"eureka","manifests":[{"kind":"X"}]}')).toEqual([
      400,
      expect.stringContaining("manifests.0."),
    ]);
    expect(await post(JSON.stringify({ source: "x".repeat(5_000_000), manifests: [] }))).toEqual([
      413,
      expect.stringContaining("4 MiB"),
    ]);
  });

  test("an entry that breaks a rule is told as rejected, and the token is asked for", async () => {
    const { url } = await startApi([], { http: { address: "127.0.0.1:0", token: "secret" } });
    const manifests = [
      JSON.parse(Buffer.from(recordOf("bad", { hosts: ["no host"] }).data ?? []).toString()),
    ];
    const body = JSON.stringify({ source: "eureka", manifests });
    const path = `${url}/api/v1/compare`;
    expect((await fetch(path, { method: "POST", body })).status).toBe(401);
    const answered = await fetch(path, { method: "POST", body, headers: { authorization: "Bearer secret" } });
    expect(Comparison.parse(await answered.json())).toMatchObject({
      counts: { rejected: 1 },
      entries: [{ name: "shop/bad", outcome: "rejected" }],
    });
  });
});
