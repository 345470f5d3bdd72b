import { beforeEach, describe, expect, test } from "vitest";
import { Trace } from "../../shared/api/trace.ts";
import { recordOf, startApi } from "../../services/aggregator/api/api-rig.ts";
import { sidecarRecord } from "../../services/aggregator/dependencies/sidecar-rig.ts";
import { run, TestRun } from "../../services/meshctl/meshctl-rig.ts";

describe("commands that ask the API", () => {
  let api = "";
  beforeEach(async () => {
    const { url } = await startApi([
      recordOf("orders", { addresses: ["10.0.0.7"], endpointLabels: { zone: "a" } }),
      recordOf("both", { hosts: ["both.shop"], addresses: ["10.0.0.1"] }),
      recordOf("both", { registry: "nacos", hosts: ["both.shop"], addresses: ["10.0.0.2"] }),
      recordOf("bad", { hosts: ["no host"] }),
    ]);
    api = url;
  });

  test("get services: all of them, or those that fit; 3 if none does", async () => {
    const all = await run("get", "services", "--api", api);
    expect(all.code).toBe(0);
    expect(all.out).toMatch(/^NAME +HOST +SOURCE +ENDPOINTS +FLAGS\n/);
    expect(all.out).toMatch(/^shop\/both +both\.shop +eureka,nacos +2 +conflict$/m);
    expect((await run("get", "services", "--ip", "10.0.0.7", "-o", "json", "--api", api)).out).toContain(
      "shop/orders",
    );
    expect((await run("get", "services", "10.0.0.2", "--api", api)).out).not.toContain("orders");
    expect(await run("get", "services", "--label", "zone=b", "--api", api)).toMatchObject({
      code: 3,
      out: "",
    });
    expect(await run("get", "nothing", "--api", api)).toMatchObject({ code: 2 });
    expect(await run("get", "services", "--flag", "nice", "--api", api)).toMatchObject({ code: 1 });
  });

  test("get rejections: the rule and why", async () => {
    const { code, out } = await run("get", "rejections", "--api", api);
    expect(code).toBe(0);
    expect(out).toMatch(/^shop\/bad +eureka +nothing +\w+ +\S/m);
  });

  test("get actions: who released what; 3 if nobody did", async () => {
    expect(await run("get", "actions", "--api", api)).toMatchObject({
      code: 3,
      err: expect.stringContaining("nobody has released"),
    });
    await fetch(`${api}/meshregistry/collectors/eureka/held/release`, { method: "POST" });
    await expect.poll(async () => (await run("get", "actions", "--api", api)).out)
      .toMatch(/127\.0\.0\.1:\d+ +release +eureka +0 resources held/);
  });

  test("top: which services change the most; 3 if none does", async () => {
    const { url, publish } = await startApi([recordOf("busy"), recordOf("calm")]);
    const counting = run("top", "--for", "3", "--api", url);
    const quiet = run("top", "--for", "1", "--api", api);
    let counted: Awaited<typeof counting> | undefined;
    void counting.then((result) => counted = result);
    let changes = 0;
    const change = () => publish(recordOf("busy", { addresses: [`10.0.0.${++changes % 250 + 1}`] }));
    await expect.poll(async () => (await change(), counted), { timeout: 20_000 }).toBeDefined();
    expect(counted?.code).toBe(0);
    expect(counted?.out).toMatch(
      /^SERVICE +SOURCE +ENDPOINTS +CHANGES\nshop\/busy +eureka +1 +\d+\n\d+ changes in 3 s/,
    );
    expect(counted?.out).not.toContain("calm");
    expect(await quiet).toMatchObject({ code: 3, err: expect.stringContaining("nothing changed in 1 s") });
    expect(await run("top", "--for", "0", "--api", api)).toMatchObject({ code: 2 });
  });

  test("--watch prints again what has changed, until Ctrl-C", async () => {
    const { url, publish } = await startApi([recordOf("orders")]);
    const watching = new TestRun("get", "services", "--watch", "--api", url);
    await expect.poll(() => watching.out, { timeout: 10_000 }).toMatch(/^NAME .*\nshop\/orders .*\n$/);
    await publish(recordOf("stock", { addresses: ["10.0.0.9"] }));
    await expect.poll(() => watching.out, { timeout: 10_000 })
      .toMatch(/^NAME .*\nshop\/orders .*\n\nNAME .*\nshop\/orders .*\nshop\/stock .*\n$/);
    expect(await watching.stop()).toBe(0);
    const away = new TestRun("sources", "-w", "--api", "http://127.0.0.1:1");
    await expect.poll(() => away.err, { timeout: 10_000 }).toContain("can't be reached");
    expect(await away.stop()).toBe(0);
  });

  test("dependencies: what depends on a service, hop by hop; 3 if nothing does", async () => {
    const { url } = await startApi([
      recordOf("stock", { endpointLabels: { application: "depot" } }),
      sidecarRecord("till", ["stock.shop"]),
    ]);
    const { code, out } = await run("dependencies", "stock", "--api", url);
    expect(code).toBe(0);
    expect(out).toMatch(/^HOP +KIND +NAME +PROVIDERS +CALLED BY\n1 +application +till +(- +)?0$/m);
    const needs = await run(
      "dependencies",
      "--application",
      "till",
      "--direction",
      "dependencies",
      "--api",
      url,
    );
    expect(needs.out).toMatch(/^1 +service +stock +1 +1$/m);
    expect((await run("dependencies", "--api", url)).out).toMatch(/application +depot/);
    expect(await run("dependencies", "--application", "till", "--api", url)).toMatchObject({
      code: 3,
      err: expect.stringContaining("nothing is known to depend on it"),
    });
    expect(await run("dependencies", "stock", "--api", api)).toMatchObject({ code: 1 });
    expect(await run("dependencies", "stock", "--hops", "99", "--api", url)).toMatchObject({ code: 1 });
    expect(await run("dependencies", "stock", "--direction", "up", "--api", url)).toMatchObject({ code: 2 });
    expect(await run("dependencies", "a", "--application", "b", "--api", url)).toMatchObject({ code: 2 });
  });

  test("describe: endpoints with their source, records, conflicts", async () => {
    const { code, out } = await run("describe", "both", "--api", api);
    expect(code).toBe(0);
    expect(out).toMatch(/^Name: +shop\/both$/m);
    expect(out).toMatch(/^ {2}10\.0\.0\.2 +8080 +nacos/m);
    expect(out).toMatch(/^ {2}both\.shop +merged/m);
    expect((await run("describe", "shop/orders", "-o", "yaml", "--api", api)).out).toMatch(
      /^name: shop\/orders$/m,
    );
    expect(await run("describe", "never", "--api", api)).toMatchObject({
      code: 1,
      err: expect.stringContaining("trace"),
    });
    const part = await run("describe", "order", "--api", api);
    expect([part.code, part.err]).toEqual([
      1,
      expect.stringContaining("no service is called order; some have it in their name or host: shop/orders"),
    ]);
    expect(await run("describe", "--api", api)).toMatchObject({ code: 2 });
  });

  test("trace: a line for each stage, the sum of them, and an exit code", async () => {
    const unknown = await run("trace", "10.0.0.7:8080", "--api", api);
    expect(unknown.out).toMatch(/^registry +unknown +MR1105 +eureka +No collector of eureka is alive\.$/m);
    expect(unknown.out).toMatch(/^stream +ok +MR2001 +eureka +shop\/orders is on the stream\.$/m);
    expect(unknown.out).toMatch(/\nMR2501: No client is connected\.\n$/);
    expect(unknown.code).toBe(3);
    const { out } = await run("trace", "--host", "both.shop", "-o", "json", "--api", api);
    expect(Trace.parse(JSON.parse(out)).services).toEqual(["shop/both"]);
    expect(await run("trace", "shop/bad", "--api", api)).toMatchObject({
      code: 3,
      out: expect.stringContaining("MR2102"),
    });
    for (const args of [[], ["a", "--host", "b"], ["a", "b"]]) {
      expect(await run("trace", ...args, "--api", api)).toMatchObject({ code: 2 });
    }
  });
});
