import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { EurekaRegistry } from "../../shared/simulators/eureka/registry.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { usageOf } from "../bench/process-usage.ts";
import { readYaml } from "../deploy/read-manifests.ts";
import { startService } from "./services.ts";
import { XdsObserver } from "./xds-observer.ts";

const services = 100;
const changes = 100;
const limitMiB = 150;
const soon = { timeout: 60_000, interval: 20 };
const root = join(import.meta.dirname, "..", "..");

/** The options of V8 that `npm start` gives to node. */
function optionsOfStart(): string {
  const { scripts } = z.object({ scripts: z.object({ start: z.string() }) })
    .parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
  return scripts.start.split(" ").filter((word) => word.startsWith("--")).join(" ");
}

/** Those of the pod. */
function optionsOfPod(): string {
  const file = JSON.stringify(readYaml("deploy/all-in-one/all-in-one.yaml"));
  return /"NODE_OPTIONS","value":"([^"]+)"/.exec(file)?.[1] ?? "";
}

// docs/edge.md promises it of Node; Deno takes its options elsewhere.
test.skipIf(process.platform !== "linux" || process.env["SERVICES_ON"] === "deno").each([
  ["npm start", optionsOfStart()],
  ["the pod of deploy/all-in-one", optionsOfPod()],
])("%s holds a small site in less than 150 MiB", async (_title, options) => {
  const stack = new AsyncDisposableStack();
  onTestFinished(async () => await stack.disposeAsync());
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-small-"));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const registry = new EurekaRegistry();
  const register = (service: number, instance: number, version: number) =>
    registry.register(`SERVICE-${service}`, {
      instanceId: `10.0.${service}.${instance}:8080`,
      hostName: "site",
      ipAddr: `10.0.${service}.${instance}`,
      port: { $: 8080 + version, "@enabled": "true" },
      status: "UP",
    });
  for (let service = 0; service < services; service++) {
    for (let instance = 0; instance < 10; instance++) register(service, instance, 0);
  }
  const server = stack.use(new EurekaServer(registry));
  const eurekaSource = { enabled: true, address: [await server.listen("127.0.0.1:0")], deltaPeriod: "20ms" };
  const before = process.env["NODE_OPTIONS"];
  process.env["NODE_OPTIONS"] = options;
  const site = stack.use(
    await startService("all-in-one", { eurekaSource, state: { folder, interval: "1s" } }).finally(() => {
      if (before === undefined) delete process.env["NODE_OPTIONS"];
      else process.env["NODE_OPTIONS"] = before;
    }),
  );
  const observers = [1, 2].map(() => stack.use(new XdsObserver(site.xdsAddress)));
  await expect.poll(() => observers.map(({ view }) => view.size), soon).toEqual([services, services]);
  for (let change = 1; change <= changes; change++) {
    const service = change % services;
    register(service, 3, change);
    const endpoint = `10.0.${service}.3:${8080 + change}`;
    const isSeen = ({ view }: XdsObserver) =>
      [...view.values()].some((endpoints) => endpoints.includes(endpoint));
    await expect.poll(() => observers.every(isSeen), soon).toBe(true);
  }
  expect(usageOf(site.pid ?? 0).peakRssMiB).toBeLessThan(limitMiB);
});
