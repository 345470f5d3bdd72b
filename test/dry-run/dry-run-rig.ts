import { expect, onTestFinished } from "vitest";
import { start } from "../../services/aggregator/aggregator-rig.ts";
import { CollectorRig } from "../../services/eureka-collector/collector-rig.ts";
import { startServer, up } from "../../services/eureka-collector/eureka-rig.ts";
import { soon } from "../../services/zk-collector/collector-rig.ts";
import { Converted } from "../../shared/api/convert.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { embeddedBucket } from "../../shared/entry-log/open-entry-log.ts";

/** What a Eureka answers to a collector's first question. */
export async function appsAt(url: string): Promise<unknown> {
  return await (await fetch(`${url}/apps`, { headers: { accept: "application/json" } })).json();
}

/** A Eureka with the services A and B, its collector and an aggregator. */
export async function startMesh(file: Readonly<Record<string, unknown>> = {}) {
  const entryLog = new EmbeddedEntryLog();
  const collectors = embeddedBucket("collectors");
  onTestFinished(async () => {
    await entryLog[Symbol.asyncDispose]();
    await collectors.bucket[Symbol.asyncDispose]();
  });
  const { server: { registry }, url } = await startServer();
  registry.register("A", up("1"));
  registry.register("B", up("2"));
  const rig = await CollectorRig.start([url], { entryLog, bucket: collectors });
  await expect.poll(() => rig.ready, soon).toBe(true);
  const { aggregator } = await start(file, { entryLog, collectors });
  await aggregator.gate.opened;
  const api = `${aggregator.http.url}/api/v1`;
  const post = async (body: unknown, headers: Readonly<Record<string, string>> = {}) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(`${api}/convert`, { method: "POST", body: text, headers });
    const answered = await response.text();
    return { status: response.status, body: answered.startsWith("{") ? JSON.parse(answered) : answered };
  };
  const convert = async (more: object) => {
    const { status, body } = await post({ source: "eureka", ...more });
    expect(body).not.toHaveProperty("error");
    expect(status).toBe(200);
    return Converted.parse(body);
  };
  const answer = () => appsAt(url);
  return { rig, registry, post, convert, answer, aggregator, entryLog };
}
