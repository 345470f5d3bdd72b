import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { EurekaRegistry } from "../../shared/simulators/eureka/registry.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { startService } from "./services.ts";

const soon = { timeout: 60_000 };

const Held = z.object({ held: z.array(z.object({ subject: z.string() })) });

test("one process shows what its collector holds, and one request to its debug API releases it", async () => {
  const stack = new AsyncDisposableStack();
  onTestFinished(async () => await stack.disposeAsync());
  const registry = new EurekaRegistry();
  const register = (service: number) =>
    registry.register(`SERVICE-${service}`, {
      instanceId: `10.0.1.${service}:8080`,
      hostName: `10.0.1.${service}`,
      ipAddr: `10.0.1.${service}`,
      port: { $: 8080, "@enabled": "true" },
      status: "UP",
    });
  for (let service = 0; service < 50; service++) register(service);
  const server = stack.use(new EurekaServer(registry));
  const process = stack.use(
    await startService("all-in-one", {
      eurekaSource: {
        enabled: true,
        address: [await server.listen("127.0.0.1:0")],
        refreshPeriod: "300ms",
      },
      guard: { holdTime: "1h" },
    }),
  );
  await expect.poll(() => process.isReady(), soon).toBe(true);
  const path = "/meshregistry/collectors/eureka/held";
  const held = async () => Held.parse(JSON.parse(await process.get(path))).held.length;
  expect(await held()).toBe(0);
  registry.clear();
  for (let service = 0; service < 5; service++) register(service);
  await expect.poll(held, soon).toBe(45);
  const response = await fetch(`${process.httpUrl}${path}/release`, { method: "POST" });
  expect(response.status).toBe(200);
  await response.body?.cancel();
  await expect.poll(held, soon).toBe(0);
  await expect.poll(() => process.get("/metrics"), soon).toContain("meshregistry_endpoints 5\n");
});
