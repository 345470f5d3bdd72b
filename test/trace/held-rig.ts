import { expect, onTestFinished } from "vitest";
import { start } from "../../services/aggregator/aggregator-rig.ts";
import { CollectorRig } from "../../services/eureka-collector/collector-rig.ts";
import { startServer, up } from "../../services/eureka-collector/eureka-rig.ts";
import { soon } from "../../services/zk-collector/collector-rig.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { embeddedBucket } from "../../shared/entry-log/open-entry-log.ts";

/**
 * A Eureka with the services A (10.0.0.1, 10.0.0.2), B (10.0.0.3) and C, its collector and an aggregator. The registry
 * has lost A, but for 10.0.0.1, and B, and the collector's guard holds both. `file`: keys of the aggregator's configuration.
 */
export async function startHeldMesh(file: Readonly<Record<string, unknown>> = {}) {
  const entryLog = new EmbeddedEntryLog();
  const collectors = embeddedBucket("collectors");
  onTestFinished(async () => {
    await entryLog[Symbol.asyncDispose]();
    await collectors.bucket[Symbol.asyncDispose]();
  });
  const { server: { registry }, url } = await startServer();
  for (const id of ["1", "2"]) registry.register("A", up(id));
  registry.register("B", up("3"));
  const registerC = () => {
    for (let id = 10; id < 20; id++) registry.register("C", up(String(id)));
  };
  registerC();
  const rig = await CollectorRig.start([url], {
    entryLog,
    bucket: collectors,
    source: { refreshPeriod: "50ms" },
    config: { guard: { maxShrinkPercent: 10, minEndpoints: 1, holdTime: "1h" } },
  });
  await expect.poll(() => rig.ready, soon).toBe(true);
  registry.clear();
  registry.register("A", up("1"));
  registerC();
  await expect.poll(() => rig.publisher.held().size, soon).toBe(2);
  const started = await start(file, { entryLog, collectors });
  await started.aggregator.gate.opened;
  const { url: api } = started.aggregator.http;
  const ask = async (path: string, init: RequestInit = {}): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${api}${path}`, init);
    const text = await response.text();
    return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
  };
  const reader = { headers: { authorization: "Bearer op" } };
  await expect.poll(async () => (await ask("/api/v1/overview", reader)).body, soon).toMatchObject({
    held: 2,
  });
  return { ...started, rig, ask, url: api };
}
