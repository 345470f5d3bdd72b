import { Registry } from "prom-client";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../../shared/config/mod.ts";
import { createLogger } from "../../../shared/runtime/log.ts";
import { publishFacts } from "./companion.ts";

/** Starts the companion where there is no Kubernetes; also returns what it warned of. */
async function start(sources: Readonly<Record<string, unknown>>) {
  const all = { eurekaSource: { address: ["http://a"] }, k8s: { podFacts: true }, ...sources };
  const given = { nats: { servers: ["nats://127.0.0.1:1"] }, ...all };
  const { config, environment } = loadConfig(JSON.stringify(given), { env: {}, fileName: "test" });
  const log = createLogger("test");
  log.level = "silent";
  const warnings: unknown[] = [];
  log.warn = (...line: unknown[]) => void warnings.push(line);
  const stop = new AbortController();
  const stack = new AsyncDisposableStack();
  onTestFinished(async () => {
    stop.abort();
    await stack.disposeAsync();
  });
  const companion = await publishFacts(
    { config, environment, metrics: new Registry(), member: "a" },
    { log, signal: stop.signal, use: (resource) => stack.use(resource) },
  );
  return { companion, warnings };
}

describe("facts beside a collector's sources, without access to Kubernetes", () => {
  it("says so, and the sources are read all the same", async () => {
    const { companion, warnings } = await start({
      k8sSource: { enabled: true, enableConfigFile: true, configPath: "/etc/r" },
    });
    expect(companion).toBeUndefined();
    expect(JSON.stringify(warnings)).toMatch(/not in a Kubernetes pod.*pods can't be read: endpoints get no/);
  });

  it("is an error where there is nothing else to do", async () => {
    await expect(start({})).rejects.toThrow(/not in a Kubernetes pod/);
  });
});
