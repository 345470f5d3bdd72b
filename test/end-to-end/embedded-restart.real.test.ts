import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { EurekaRegistry } from "../../shared/simulators/eureka/registry.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { startService } from "./services.ts";

const soon = { timeout: 60_000 };
const Held = z.object({ held: z.array(z.object({ subject: z.string() })) });

/** A Eureka with so many services, and one process that reads it and keeps its log in a folder. */
async function startSite(services: number) {
  const stack = new AsyncDisposableStack();
  onTestFinished(async () => await stack.disposeAsync());
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-edge-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const registry = new EurekaRegistry();
  const register = (service: number) =>
    registry.register(`SERVICE-${service}`, {
      instanceId: `10.0.1.${service}:8080`,
      hostName: `10.0.1.${service}`,
      ipAddr: `10.0.1.${service}`,
      port: { $: 8080, "@enabled": "true" },
      status: "UP",
    });
  for (let service = 0; service < services; service++) register(service);
  const server = stack.use(new EurekaServer(registry));
  const address = await server.listen("127.0.0.1:0");
  const site = stack.use(
    await startService("all-in-one", {
      eurekaSource: { enabled: true, address: [address], refreshPeriod: "300ms" },
      guard: { holdTime: "1h" },
      state: { folder, interval: "1s" },
    }),
  );
  await expect.poll(() => site.isReady(), soon).toBe(true);
  const held = async () =>
    Held.parse(JSON.parse(await site.get("/meshregistry/collectors/eureka/held"))).held.length;
  const endpoints = async () => /^meshregistry_endpoints (\d+)$/m.exec(await site.get("/metrics"))?.[1];
  return { registry, register, server, site, held, endpoints, restart: () => site.restart() };
}

test("killed and started again on its folder, the guard knows what there was when the registry lost nearly all", async () => {
  const { site, registry, register, held, endpoints, restart } = await startSite(50);
  await expect.poll(endpoints, soon).toBe("50");
  await site.kill();
  registry.clear();
  for (let service = 0; service < 5; service++) register(service);
  await restart();
  await expect.poll(() => site.isReady(), soon).toBe(true);
  await expect.poll(held, soon).toBe(45);
  expect(await endpoints()).toBe("50");
});

test("killed and started again while its registry can't be reached, it serves what it had", async () => {
  const { site, server, endpoints, restart } = await startSite(20);
  await expect.poll(endpoints, soon).toBe("20");
  await site.kill();
  await server[Symbol.asyncDispose]();
  await restart();
  await expect.poll(endpoints, soon).toBe("20");
});
