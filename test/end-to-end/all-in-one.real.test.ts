import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { freePort } from "../servers/free-port.ts";
import { serviceCommand } from "./services.ts";
import { XdsObserver } from "./xds-observer.ts";

/** Runs the all-in-one with a command line; its standard error and exit code come when it ends. */
function run(args: readonly string[]) {
  const [command, ...first] = serviceCommand("all-in-one");
  const child = spawn(command, [...first, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const stdout = text(child.stdout);
  const stderr = text(child.stderr);
  const exit = once(child, "exit").then(([code]) => Number(code));
  return {
    child,
    stdout,
    stderr,
    exit,
    [Symbol.asyncDispose]: async () => void (child.kill("SIGKILL"), await exit),
  };
}

async function ports() {
  return { http: `127.0.0.1:${await freePort()}`, xds: `127.0.0.1:${await freePort()}` };
}

async function getText(url: string): Promise<string> {
  return await (await fetch(url)).text();
}

describe("all-in-one", () => {
  test.each([
    { demo: "Eureka", args: [] },
    { demo: "Nacos", args: ["--demo", "nacos"] },
    { demo: "ZooKeeper", args: ["--demo", "zookeeper"] },
  ])(
    "shows a dozen services of $demo within 10 s, follows their changes, and stops on SIGTERM",
    async ({ demo, args }) => {
      const { http, xds } = await ports();
      await using process = run(["--http", http, "--xds", xds, ...args]);
      const cache = async () =>
        await getText(
          `http://${http}/meshregistry/xdsCache?layout=list&format=yaml&res=networking.istio.io/v1alpha3/ServiceEntry`,
        );
      await expect.poll(async () => parse(await cache().catch(() => "")), { timeout: 10_000 }).toHaveLength(
        12,
      );

      await using observer = new XdsObserver(xds);
      await expect.poll(() => observer.view.size, { timeout: 5_000 }).toBe(12);
      await expect.poll(() => observer.answers, { timeout: 10_000 }).toBeGreaterThan(1);

      process.child.kill("SIGTERM");
      expect(await process.exit).toBe(0);
      const greeting = await process.stdout;
      expect(greeting).toContain(`from the demo's ${demo}`);
      expect(greeting).toContain("Try next:");
    },
  );

  test("reads a slime file as it stands, in slime's profile, and shows its arguments without secrets", async () => {
    const { http, xds } = await ports();
    await using eureka = new EurekaServer();
    const url = await eureka.listen("127.0.0.1:0");
    eureka.registry.register("ORDERS", {
      instanceId: "o1",
      status: "UP",
      ipAddr: "10.0.0.1",
      port: { "$": 8080, "@enabled": "true" },
      metadata: { note: "not a label value" },
    });
    const folder = mkdtempSync(join(tmpdir(), "meshregistry-slime-"));
    try {
      const file = join(folder, "cfg.yaml");
      const address = url.replace("http://", "http://user:s3cret@");
      const legacy = {
        Mcp: { ServerUrl: `xds://${xds}`, EnableIncPush: false },
        EurekaSource: { Enabled: true, Address: [address] },
      };
      writeFileSync(
        file,
        JSON.stringify({ name: "meshregistry", kind: "meshregistry", general: { LEGACY: legacy } }),
      );
      await using _process = run(["--config", file, "--http", http]);
      const shown = async () => await getText(`http://${http}/meshregistry/eureka`).catch(() => "");
      await expect.poll(shown, { timeout: 10_000 }).toContain("orders.eureka");
      // slime drops such a label; the istio profile would repair it.
      expect(await shown()).not.toContain("note");
      const args = await getText(`http://${http}/meshregistry/args`);
      expect(args).toContain('"EurekaSource"');
      expect(args).not.toContain("s3cret");
      expect(await getText(`http://${http}/meshregistry/eureka?registries=true`)).not.toContain("s3cret");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("says in one sentence that a port is taken", async () => {
    const { http, xds } = await ports();
    const taken = createServer().listen(Number(http.split(":")[1]), "127.0.0.1");
    await once(taken, "listening");
    try {
      await using process = run(["--http", http, "--xds", xds]);
      expect(await process.exit).toBe(2);
      const lines = (await process.stderr).split("\n").filter((line) => line !== "" && !line.startsWith("{"));
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(/^Cannot listen for HTTP on .*set --http or http\.address$/);
    } finally {
      taken.close();
    }
  });

  test("lists everything that is wrong with a configuration, and exits with 2", async () => {
    const folder = mkdtempSync(join(tmpdir(), "meshregistry-config-"));
    try {
      const file = join(folder, "bad.yaml");
      writeFileSync(file, "eurekaSource: {enabeld: true, refreshPeriod: 30}\n");
      await using process = run(["--config", file]);
      expect(await process.exit).toBe(2);
      expect(await process.stderr).toMatch(
        /enabeld: unknown key; did you mean "enabled"[^]*refreshPeriod: expected a duration/,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
