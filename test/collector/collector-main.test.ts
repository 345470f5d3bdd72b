import { Registry } from "prom-client";
import { describe, expect, onTestFinished, test } from "vitest";
import { eureka } from "../../services/eureka-collector/registry.ts";
import { files } from "../../services/k8s-collector/files/registry.ts";
import { kubernetes } from "../../services/k8s-collector/registry.ts";
import { startServer, up } from "../../services/eureka-collector/eureka-rig.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { allSubjects, decodeSubject } from "../../shared/model/subject.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { checkChosenSources, startCollectors } from "../../shared/collector/collector-main.ts";
import type { RegistryKind } from "../../shared/collector/registry.ts";
import { newBucket } from "../../shared/collector/source-rig.ts";

const log = createLogger("test");
log.level = "silent";

/** Two Eurekas, read as two sources of one collector; it ends with the test. */
async function startTwo(only?: readonly string[]) {
  const servers = [await startServer(), await startServer()];
  const sources: Record<string, unknown> = {};
  for (const [index, { server, url }] of servers.entries()) {
    server.registry.register("ORDERS", up(String(index + 1)));
    sources[`dc${index + 1}`] = { address: [url], deltaPeriod: "20ms" };
  }
  const { config, environment } = loadConfig(JSON.stringify({ eurekaSources: sources }), {
    env: {},
    fileName: "f",
  });
  const entryLog = new EmbeddedEntryLog();
  const stop = new AbortController();
  const stack = new AsyncDisposableStack();
  const metrics = new Registry();
  const running = await startCollectors(
    eureka,
    {
      config,
      environment,
      entryLog,
      bucket: newBucket(),
      metrics,
      member: "m",
      version: "1",
      httpUrl: () => undefined,
    },
    { log, signal: stop.signal, use: (resource) => stack.use(resource) },
    only,
  );
  onTestFinished(async () => {
    stop.abort();
    await running.finished;
    await stack.disposeAsync();
  });
  const published = async () => {
    const found: string[] = [];
    for await (const { subject } of entryLog.readBack(allSubjects)) {
      const id = decodeSubject(subject);
      if (id?.kind === "ServiceEntry" || id?.kind === "SyncMarker") found.push(`${id.source} ${id.kind}`);
    }
    return found.sort((a, b) => (a < b ? -1 : 1));
  };
  return { running, published, metrics };
}

describe("A collector of several sources", () => {
  test("publishes each under its name, with a marker, state and metrics of its own", async () => {
    const { running, published, metrics } = await startTwo();
    await expect.poll(published).toEqual([
      "dc1 ServiceEntry",
      "dc1 SyncMarker",
      "dc2 ServiceEntry",
      "dc2 SyncMarker",
    ]);
    const state = await (await running.routes.request("/collectors/eureka/dc2")).json();
    expect(state).toMatchObject({ published: 1, member: "m", term: { number: 1, members: ["m"] } });
    expect((await running.routes.request("/collectors/eureka")).status).toBe(404);
    expect(await metrics.metrics()).toContain('meshregistry_registry_reachable{source="eureka/dc1"} 1');
  });

  test("reads some of them, if it is told so", async () => {
    const { running, published } = await startTwo(["dc2"]);
    await expect.poll(published).toEqual(["dc2 ServiceEntry", "dc2 SyncMarker"]);
    expect(running.collectors).toHaveLength(1);
  });
});

describe("sources that are chosen by name", () => {
  const check = (kinds: readonly RegistryKind[], config: unknown, ...chosen: readonly string[]) => () =>
    checkChosenSources(kinds, loadConfig(JSON.stringify(config), { env: {}, fileName: "f" }).config, chosen);

  test("are refused with the names that there are", () => {
    const eurekaSources = { dc1: { address: ["http://a:1"] }, dc2: { address: ["http://b:1"] } };
    expect(check([eureka], { eurekaSources }, "dc2", "dc1")).not.toThrow();
    expect(check([eureka], { eurekaSources }, "dc1", "dc3")).toThrow(
      '--source "dc3": Eureka has the sources dc1, dc2',
    );
    expect(check([eureka], { eurekaSource: { address: ["http://a:1"] } }, "")).toThrow(
      '--source "": Eureka has the source default',
    );
  });

  test("may be of any registry that the section holds", () => {
    const k8sSources = {
      clusters: { clusters: [{ id: "east", kubeConfig: "east" }] },
      resources: { enableConfigFile: true, configPath: "/resources" },
    };
    const both = [kubernetes, files];
    expect(check(both, { k8sSources }, "clusters")).not.toThrow();
    expect(check(both, { k8sSources }, "resources")).not.toThrow();
    expect(check(both, { k8sSources }, "east")).toThrow(
      '--source "east": Kubernetes and the folder of resources have the sources clusters, resources',
    );
  });
});
